package index

import (
	"errors"
	"runtime"
	"slices"
	"sync"
)

// Update takes documents in, those with a known id in place of the old ones, and others out; an id in both is taken in.
// A search that begins after it returns sees all of it. After an error nothing has changed.
func (x *Index) Update(puts []Doc, deletes []string) error {
	x.update.Lock()
	defer x.update.Unlock()
	old := x.snapshot.Load()
	if old == nil {
		return errClosed
	}
	puts = lastOfEach(puts)
	c := change{gone: x.losses(old, puts, deletes)}
	if len(puts) == 0 && len(c.gone) == 0 {
		return nil
	}
	var moved []Doc
	c.retire, moved = old.tidy(c.gone, len(puts))
	var err error
	if c.fresh, err = newSegments(append(puts, moved...)); err != nil {
		return err
	}
	next := old.after(c)
	x.settle(c.fresh, deletes)
	x.snapshot.Store(next)
	x.answers.grow()
	return nil
}

// lastOfEach gives the last of the documents of each id.
func lastOfEach(docs []Doc) []Doc {
	last := make(map[string]int, len(docs))
	for i, d := range docs {
		last[d.ID] = i
	}
	all := make([]Doc, 0, len(last))
	for i, d := range docs {
		if last[d.ID] == i {
			all = append(all, d)
		}
	}
	return all
}

// losses gives what the parts will have lost.
func (x *Index) losses(old *snapshot, puts []Doc, deletes []string) map[int]set {
	partOf := make(map[*segment]int, len(old.parts))
	for i, p := range old.parts {
		partOf[p.segment] = i
	}
	gone := map[int]set{}
	lose := func(id string) {
		at, ok := x.where[id]
		if !ok {
			return
		}
		i := partOf[at.segment]
		if gone[i] == nil {
			gone[i] = slices.Clone(old.parts[i].gone)
		}
		gone[i].add(at.doc)
	}
	for _, d := range puts {
		lose(d.ID)
	}
	for _, id := range deletes {
		lose(id)
	}
	return gone
}

// home is where a document is.
type home struct {
	segment *segment
	doc     int
}

// settle keeps where in step with the snapshot.
func (x *Index) settle(fresh []*segment, deletes []string) {
	for _, id := range deletes {
		delete(x.where, id)
	}
	for _, s := range fresh {
		for i, d := range s.docs {
			x.where[d.ID] = home{s, i}
		}
	}
}

// fanOut is how many segments of about one size there may be: at that many they are joined. A document is then indexed
// anew about log(documents)/log(fanOut) times in its life.
const fanOut = 8

// tidy says which parts retire, and gives what is left in them, to be indexed anew together with as many new documents.
func (s *snapshot) tidy(gone map[int]set, puts int) (retire map[int]bool, moved []Doc) {
	retire = map[int]bool{}
	levels := map[int][]int{}
	left := make([]int, len(s.parts))
	for i, p := range s.parts {
		if left[i] = p.left; gone[i] != nil {
			left[i] = len(p.docs) - gone[i].count()
		}
		switch {
		case left[i] == 0:
		case left[i]*2 < len(p.docs):
			retire[i] = true
		default:
			levels[level(left[i])] = append(levels[level(left[i])], i)
		}
	}
	total := puts
	for i := range retire {
		total += left[i]
	}
	for l := level(total); total > 0 && l < level(maxDocs/2) && len(levels[l])+1 >= fanOut; l = max(l+1, level(total)) {
		for _, i := range levels[l] {
			retire[i] = true
			total += left[i]
		}
	}
	for i, p := range s.parts {
		if !retire[i] {
			continue
		}
		for d, doc := range p.docs {
			if !p.gone.has(d) && (gone[i] == nil || !gone[i].has(d)) {
				moved = append(moved, doc)
			}
		}
	}
	return retire, moved
}

func level(n int) int {
	l := 0
	for ; n >= fanOut; n /= fanOut {
		l++
	}
	return l
}

// newSegments makes segments of documents, as many at a time as there are processors, and of about one size.
func newSegments(docs []Doc) ([]*segment, error) {
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	size := maxDocs
	if n := len(docs); n < maxDocs*cap(slots) {
		size = max((n+cap(slots)-1)/cap(slots), minDocs)
	}
	chunks := slices.Collect(slices.Chunk(docs, size))
	all, failed := make([]*segment, len(chunks)), make([]error, len(chunks))
	var running sync.WaitGroup
	for i, chunk := range chunks {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			all[i], failed[i] = newSegment(slices.Clone(chunk))
		})
	}
	running.Wait()
	return all, errors.Join(failed...)
}
