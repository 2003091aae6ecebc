package scheduler

import (
	"cmp"
	"fmt"
	"slices"

	"stathub/state"
)

// status sums up an app after all decisions.
func (p *planner) status(j *job) AppStatus {
	if j.fresh {
		slices.SortStableFunc(j.places, func(a, b *place) int { return cmp.Compare(a.host.i, b.host.i) })
	}
	s := AppStatus{Wanted: p.wanted(j), Placed: j.live, Dist: j.dist()}
	if r, ok := p.about(j); ok {
		s.Reasons = []Reason{r}
	} else if s.Placed < s.Wanted || s.Wanted == 0 {
		s.Reasons = append(j.leaving(), p.reasons(j)...)
	}
	return s
}

// dist gives where the app runs. As long as that does not change it is the same slice.
func (j *job) dist() []state.Placement {
	if j.known.dist != nil && j.known.where == j.where {
		return j.known.dist
	}
	count := 0
	for _, pl := range j.places {
		if pl.n > 0 && pl.host.alive {
			count++
		}
	}
	var dist []state.Placement
	if count > 0 {
		dist = make([]state.Placement, 0, count)
	}
	for _, pl := range j.places {
		if pl.n > 0 && pl.host.alive {
			dist = append(dist, state.Placement{Node: pl.host.id, Count: pl.n})
		}
	}
	j.known.dist, j.known.where = dist, j.where
	return dist
}

// wanted is the number of instances that the documents ask for, as far as they can be read.
func (p *planner) wanted(j *job) int {
	switch {
	case j.mode == stopping:
		return 0
	case j.choreo == nil || j.app == nil:
		return j.live
	case !j.each():
		return j.choreo.Scale
	case j.mode == keeping:
		return j.live
	}
	p.mark(j)
	total := 0
	for i := range p.slab {
		h := &p.slab[i]
		pl := p.at[i]
		switch why, _ := p.verdict(j, h, pl); why {
		case fits, portInUse, onePerNode, maxPerNode, full, lacksMemory, lacksCPU, lacksDisk:
			total += j.choreo.Scale
		default:
			if pl != nil && h.alive {
				total += pl.n
			}
		}
	}
	return total
}

// tally is the nodes that one cause excludes.
type tally struct {
	why    cause
	detail string
	nodes  int
	names  []string
}

func (t *tally) count(h *host) {
	if t.nodes++; len(t.names) < state.MaxReasonNames {
		t.names = append(t.names, h.id)
	}
}

// reasons counts, per cause, the nodes that take no more of the app.
func (p *planner) reasons(j *job) []Reason {
	var plain [causes]tally
	detailed := map[tallyKey]*tally{}
	var order []*tally
	matches := false
	p.mark(j)
	for i := range p.slab {
		h := &p.slab[i]
		if h.record == nil && p.at[i] == nil {
			continue
		}
		matches = matches || h.record != nil && j.match.ok.has(i)
		why, detail := p.verdict(j, h, p.at[i])
		if why == fits {
			continue
		}
		t := &plain[why]
		if detail != "" {
			if t = detailed[tallyKey{why, detail}]; t == nil {
				t = &tally{detail: detail}
				detailed[tallyKey{why, detail}] = t
			}
		}
		if t.nodes == 0 {
			t.why = why
			order = append(order, t)
		}
		t.count(h)
	}
	switch {
	case len(p.in.Nodes) > 0 && !matches:
		return []Reason{{Code: CodeNoMatch, Message: fmt.Sprintf("no node matches the query %q", j.choreo.Query), Nodes: len(p.in.Nodes)}}
	case len(p.in.Nodes) == 0:
		return append([]Reason{{Code: CodeNoNode, Message: "there is no node: start an agent"}}, p.inOrder(j, order)...)
	}
	return p.inOrder(j, order)
}

// tallyKey tells tallies apart.
type tallyKey struct {
	why    cause
	detail string
}

// inOrder puts the tallies into words, the biggest first.
func (p *planner) inOrder(j *job, tallies []*tally) []Reason {
	var all []Reason
	for _, t := range tallies {
		all = append(all, Reason{
			Code: causeCodes[t.why], Nodes: t.nodes, Names: t.names,
			Message: fmt.Sprintf("%d %s %s", t.nodes, plural(t.nodes == 1, "node"), p.explain(j, t.why, t.detail, t.nodes)),
		})
	}
	slices.SortStableFunc(all, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), cmp.Compare(a.Code, b.Code))
	})
	return all
}
