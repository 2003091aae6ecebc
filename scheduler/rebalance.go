package scheduler

// rebalance moves up to Input.Moves instances to where the plan would rather have put them, as far as that makes the
// cluster more even by a clear margin: each move makes a spread level of the app more even or, where those stay as they
// are, the nodes' numbers of the app or, where those do, their loads. So moves come to an end, and none is taken back.
// Jobs, apps that must not run twice and apps in mode each stay where they are, and so does everything while any change
// is under way or a node is down whose instances have nowhere else to be.
func (p *planner) rebalance() {
	if p.in.Moves <= 0 || p.in.Frozen != "" || !p.calm() {
		return
	}
	for _, j := range p.order {
		if j.mode != placing || j.each() || j.single() || j.choreo.Schedule != nil {
			continue
		}
		for p.moved < p.in.Moves && p.move(j) {
			p.moved++
		}
	}
}

// calm reports whether the plan so far changes nothing, no change of an app is under way, and nothing waits for a node
// that is down.
func (p *planner) calm() bool {
	for _, r := range p.active {
		if r.Old > 0 || r.inFlight > 0 {
			return false
		}
	}
	for i := range p.slab {
		h := &p.slab[i]
		if h.held != "" {
			continue
		}
		if len(h.added) > 0 {
			return false
		}
		for k := range h.places {
			pl := &h.places[k]
			if h.down() {
				if pl.n > 0 && pl.ours() {
					return false
				}
				continue
			}
			if pl.same() {
				continue
			}
			if pl.entry == nil || pl.taken {
				return false
			}
			if _, changed := p.entry(pl); changed {
				return false
			}
		}
	}
	return true
}

// pair is the node that had better give an instance up and the one that had better have it, of some hosts.
type pair struct {
	from, to *candidate
}

// move makes one move of the app, if there is one that is worth it.
func (p *planner) move(j *job) bool {
	var from []candidate
	for _, pl := range j.places {
		if h := pl.host; pl.ours() && pl.n > 0 && h.bar == fits && j.match.ok.has(h.i) {
			from = append(from, candidate{key: pl.weight(), rank: j.rank(h), host: h, place: pl})
		}
	}
	if len(from) == 0 {
		return false
	}
	p.cands = p.cands[:0]
	p.eachOpen(j, func(h *host, pl *place) {
		p.cands = append(p.cands, candidate{key: j.weight(h, pl), rank: j.rank(h), host: h, place: pl})
	})
	best, ok := p.better(j, from, p.cands)
	if !ok {
		return false
	}
	best.from.place.set(best.from.place.n - 1)
	to := best.to.place
	if to == nil {
		to = p.newPlace(j, best.to.host)
	}
	p.put(to, to.n+1)
	return true
}

// better gives a move that is worth it: the one between the most uneven values of the first spread level that has any,
// else one between nodes that share all values.
func (p *planner) better(j *job, from, to []candidate) (pair, bool) {
	g := p.grouping(j.choreo.Spread)
	if g == nil {
		g = &grouping{leaf: make([]int32, len(p.slab)), parent: []int32{-1}}
	}
	counts, pairs := g.count(j), make([]pair, len(g.parent))
	for i := range from {
		c, at := &from[i], &pairs[g.leaf[from[i].host.i]]
		if at.from == nil || c.compare(at.from) > 0 {
			at.from = c
		}
	}
	for i := range to {
		c, at := &to[i], &pairs[g.leaf[to[i].host.i]]
		if at.to == nil || c.compare(at.to) < 0 {
			at.to = c
		}
	}
	// The pair of a group with parts: out of the part that has most of the app, into the one that has least.
	most, least := make([]int32, len(g.parent)), make([]int32, len(g.parent))
	for i := int32(len(g.parent)) - 1; i > 0; i-- {
		up := g.parent[i]
		if here := pairs[i].from; here != nil && (most[up] == 0 || counts[i] > counts[most[up]]) {
			most[up], pairs[up].from = i, here
		}
		if here := pairs[i].to; here != nil && (least[up] == 0 || counts[i] < counts[least[up]]) {
			least[up], pairs[up].to = i, here
		}
	}
	for i, pr := range pairs {
		switch {
		case pr.from == nil || pr.to == nil:
		case most[i] != 0 && counts[most[i]]-counts[least[i]] >= 2, most[i] == 0 && j.worth(pr):
			return pr, true
		}
	}
	return pair{}, false
}

// worth reports whether a move between two nodes that share all spread values makes them clearly more even.
func (j *job) worth(m pair) bool {
	from, to, has := m.from.host, m.to.host, 0
	if m.to.place != nil {
		has = m.to.place.n
	}
	switch gap := m.from.place.n - has; {
	case from == to || gap < 1:
		return false
	case gap >= 2:
		return true
	}
	if j.needs.none() {
		return to.total+1+max(1, from.total/marginPart) <= from.total
	}
	return to.used.plus(j.needs, 1).share(to.capacity)+marginShare <= from.share
}

// The margins by which the load of a node must be above what the load of the other becomes.
const (
	marginPart  = 10 // a tenth of its instances, and more than one
	marginShare = 10 // percent of the capacity
)

// count gives the number of instances of an app by group.
func (g *grouping) count(j *job) []int {
	counts := make([]int, len(g.parent))
	for _, pl := range j.places {
		if pl.host.alive && pl.n > 0 {
			for b := g.leaf[pl.host.i]; b > 0; b = g.parent[b] {
				counts[b] += pl.n
			}
		}
	}
	return counts
}
