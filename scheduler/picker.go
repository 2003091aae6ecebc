package scheduler

import "cmp"

// candidate is a node that can take an instance of an app, or give one up. The lowest one is the best.
type candidate struct {
	key, rank uint64
	host      *host
	place     *place // nil: the app is not there
}

func (c *candidate) compare(o *candidate) int {
	switch {
	case c.key != o.key:
		return cmp.Compare(c.key, o.key)
	case c.rank != o.rank:
		return cmp.Compare(c.rank, o.rank)
	default:
		return cmp.Compare(c.host.i, o.host.i)
	}
}

// picker gives one candidate after the other: from the spread value with the lowest count, therein from the value of the
// next level with the lowest, and there the best one. Each step costs the logarithm of what there is to choose from.
type picker struct {
	root *branch
	path []*branch // from the root to where the last candidate came from
}

// branch is the candidates that share a value of each level of the spread so far.
type branch struct {
	count int         // instances of the app; below 0 where those with most come first
	kids  []*branch   // a heap; empty: it is a leaf
	cands []candidate // a heap; of a leaf
}

// best gives the first candidate of a branch that has one.
func (b *branch) best() *candidate {
	for len(b.kids) > 0 {
		b = b.kids[0]
	}
	return &b.cands[0]
}

func (b *branch) empty() bool { return len(b.kids)+len(b.cands) == 0 }

func lessBranch(a, b *branch) bool {
	if a.count != b.count {
		return a.count < b.count
	}
	return a.best().compare(b.best()) < 0
}

func lessCandidate(a, b candidate) bool { return a.compare(&b) < 0 }

// picker takes over p.cands. With sign -1 the values that have most come first.
func (p *planner) picker(j *job, sign int) *picker {
	g := p.grouping(j.choreo.Spread)
	if g == nil {
		leaf := &branch{cands: p.cands}
		heapify(leaf.cands, lessCandidate)
		return &picker{root: leaf}
	}
	branches := make([]branch, len(g.parent))
	for i, n := range g.count(j) {
		branches[i].count = sign * n
	}
	sizes := make([]int, len(branches))
	for i := range p.cands {
		sizes[g.leaf[p.cands[i].host.i]]++
	}
	space := make([]candidate, len(p.cands))
	for i := range branches {
		branches[i].cands, space = space[:0:sizes[i]], space[sizes[i]:]
	}
	for _, c := range p.cands {
		b := &branches[g.leaf[c.host.i]]
		b.cands = append(b.cands, c)
	}
	for i := len(branches) - 1; i >= 0; i-- { // children come after their parents
		b := &branches[i]
		heapify(b.cands, lessCandidate)
		heapify(b.kids, lessBranch)
		if i > 0 && !b.empty() {
			parent := &branches[g.parent[i]]
			parent.kids = append(parent.kids, b)
		}
	}
	return &picker{root: &branches[0]}
}

// next gives the best candidate, nil when there is none. The caller may change it, and then says so with taken.
func (t *picker) next() *candidate {
	b := t.root
	if b.empty() {
		return nil
	}
	t.path = append(t.path[:0], b)
	for len(b.kids) > 0 {
		b = b.kids[0]
		t.path = append(t.path, b)
	}
	return &b.cands[0]
}

// taken says that the candidate that next gave was used, and whether it remains one.
func (t *picker) taken(remains bool) {
	last := len(t.path) - 1
	leaf := t.path[last]
	leaf.count++
	leaf.cands = renewTop(leaf.cands, remains, lessCandidate)
	for i := last - 1; i >= 0; i-- {
		b := t.path[i]
		b.count++
		b.kids = renewTop(b.kids, !t.path[i+1].empty(), lessBranch)
	}
}

// renewTop puts the first element of a heap where it belongs now, or takes it out.
func renewTop[T any](heap []T, remains bool, less func(a, b T) bool) []T {
	if !remains {
		last := len(heap) - 1
		heap[0] = heap[last]
		heap = heap[:last]
	}
	sink(heap, 0, less)
	return heap
}

func heapify[T any](heap []T, less func(a, b T) bool) {
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sink(heap, i, less)
	}
}

func sink[T any](heap []T, i int, less func(a, b T) bool) {
	for {
		least := 2*i + 1
		if least >= len(heap) {
			return
		}
		if right := least + 1; right < len(heap) && less(heap[right], heap[least]) {
			least = right
		}
		if !less(heap[least], heap[i]) {
			return
		}
		heap[i], heap[least] = heap[least], heap[i]
		i = least
	}
}
