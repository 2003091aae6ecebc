package scheduler

import (
	"cmp"
	"container/heap"
	"hash/fnv"
	"slices"
)

// retain decides which of an app's present instances stay where they are.
func (p *planner) retain(j *job) {
	switch j.mode {
	case stopping:
		for _, pl := range j.places {
			if pl.ours() {
				pl.set(0)
			}
		}
	case placing:
		for _, pl := range j.places {
			if pl.ours() {
				pl.set(p.staying(pl))
			}
		}
		if !j.each() {
			p.shrink(j, j.live-j.choreo.Scale)
		}
	}
}

// staying is how many of the instances of a place may stay, before the scale of the app as a whole is looked at.
// Instances on a silent node stay for now: extend drops those that found another place.
func (p *planner) staying(pl *place) int {
	j, h := pl.job, pl.host
	n := min(pl.was, j.limit())
	if j.each() {
		n = min(n, j.choreo.Scale)
	}
	switch {
	case h.down() && p.in.Frozen != "":
		if pl.conflict && pl.entry != nil {
			pl.asIs = true
			pl.takeAll(pl.oldPorts())
		}
		return n
	case pl.conflict, h.draining(), !j.match.ok[h.i]:
		return 0
	}
	return n
}

// shrink takes excess instances away, one at a time: from silent and cordoned nodes first, then from the node that has
// most of the app, then from the fullest.
func (p *planner) shrink(j *job, excess int) {
	q := &queue{less: func(a, b *place) bool {
		return cmp.Or(
			compareBool(a.host.down(), b.host.down()),
			compareBool(!a.host.record.Schedulable, !b.host.record.Schedulable),
			cmp.Compare(a.n, b.n), cmp.Compare(a.host.total, b.host.total), cmp.Compare(a.host.i, b.host.i)) > 0
	}}
	for _, pl := range j.places {
		if excess > 0 && pl.ours() && pl.n > 0 && pl.host.alive {
			q.places = append(q.places, pl)
		}
	}
	for heap.Init(q); excess > 0 && q.Len() > 0; excess-- {
		pl := q.places[0]
		if pl.set(pl.n - 1); pl.n == 0 {
			heap.Pop(q)
		} else {
			heap.Fix(q, 0)
		}
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// extend finds places for what an app still lacks.
func (p *planner) extend(j *job) {
	if j.mode != placing {
		return
	}
	if j.each() {
		p.extendEach(j)
		return
	}
	if lack := j.choreo.Scale - j.live; lack > 0 {
		p.grow(j, lack)
	}
	p.trimSilent(j)
}

// grow adds instances, one at a time, to the node that has fewest of the app, then to the emptiest; the last tie is
// broken by a hash, so that many small apps do not all meet on the first node.
func (p *planner) grow(j *job, lack int) {
	limit := j.limit()
	q := &queue{less: func(a, b *place) bool {
		return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(a.host.total, b.host.total),
			cmp.Compare(a.rank, b.rank), cmp.Compare(a.host.i, b.host.i)) < 0
	}}
	at := j.byHost()
	for _, h := range p.hosts {
		pl := at[h.i]
		if code, _ := p.verdict(j, h, pl); code != "" {
			continue
		}
		if pl == nil {
			pl = &place{job: j, host: h, fresh: true}
		}
		pl.rank = rank(j.name, h.id)
		q.places = append(q.places, pl)
	}
	for heap.Init(q); lack > 0 && q.Len() > 0; lack-- {
		pl := q.places[0]
		if p.put(pl, pl.n+1); pl.n >= limit {
			heap.Pop(q)
		} else {
			heap.Fix(q, 0)
		}
	}
}

// put gives a place its instances and, where it is new, enters it into the books.
func (p *planner) put(pl *place, n int) {
	if pl.fresh {
		pl.fresh = false
		pl.host.places = append(pl.host.places, pl)
		pl.job.places = append(pl.job.places, pl)
	}
	pl.set(n)
	pl.takeAll(pl.job.ports)
}

func (p *planner) extendEach(j *job) {
	at := j.byHost()
	for _, h := range p.hosts {
		pl := at[h.i]
		if code, _ := p.verdict(j, h, pl); code != "" {
			continue
		}
		if pl == nil {
			pl = &place{job: j, host: h, fresh: true}
		}
		if n := min(j.choreo.Scale, j.limit()); pl.n < n {
			p.put(pl, n)
		}
	}
}

// trimSilent drops from silent nodes as many instances as now have another place. The rest stays in their manifests:
// with nowhere else to go, the node had better start them when it comes back.
func (p *planner) trimSilent(j *job) {
	spare := max(0, j.choreo.Scale-j.live)
	for _, pl := range j.places {
		if pl.ours() && !pl.host.alive {
			n := min(pl.n, spare)
			spare -= n
			pl.set(n)
		}
	}
}

// byHost gives the places of an app by the index of their host.
func (j *job) byHost() map[int]*place {
	at := make(map[int]*place, len(j.places))
	for _, pl := range j.places {
		at[pl.host.i] = pl
	}
	return at
}

// rank is a number that differs for each app on the same node.
func rank(app, node string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(app))
	h.Write([]byte{0})
	h.Write([]byte(node))
	return h.Sum64()
}

// queue is a heap of places; the first is the one whose turn it is.
type queue struct {
	places []*place
	less   func(a, b *place) bool
}

func (q *queue) Len() int           { return len(q.places) }
func (q *queue) Less(i, k int) bool { return q.less(q.places[i], q.places[k]) }
func (q *queue) Swap(i, k int)      { q.places[i], q.places[k] = q.places[k], q.places[i] }
func (q *queue) Push(any)           { panic("places are never pushed") }
func (q *queue) Pop() any {
	last := len(q.places) - 1
	pl := q.places[last]
	q.places = slices.Delete(q.places, last, last+1)
	return pl
}
