package scheduler

import (
	"cmp"
	"fmt"
	"slices"

	"stathub/state"
)

// status sums up an app after all decisions.
func (p *planner) status(j *job) AppStatus {
	slices.SortStableFunc(j.places, func(a, b *place) int { return cmp.Compare(a.host.i, b.host.i) })
	s := AppStatus{Wanted: p.wanted(j), Placed: j.live}
	for _, pl := range j.places {
		if pl.n > 0 && pl.host.alive {
			s.Dist = append(s.Dist, state.Placement{Node: pl.host.id, Count: pl.n})
		}
	}
	if r, ok := p.about(j); ok {
		s.Reasons = []Reason{r}
	} else if s.Placed < s.Wanted || s.Wanted == 0 {
		s.Reasons = p.reasons(j)
	}
	return s
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
	at, total := j.byHost(), 0
	for _, h := range p.hosts {
		pl := at[h.i]
		switch code, _ := p.verdict(j, h, pl); code {
		case "", CodePort, CodeOnePerNode, CodeMaxPerNode:
			total += j.choreo.Scale
		default:
			if pl != nil && h.alive {
				total += pl.n
			}
		}
	}
	return total
}

// reasons counts, per cause, the nodes that take no more of the app.
func (p *planner) reasons(j *job) []Reason {
	type cause struct{ code, detail string }
	var (
		at     = j.byHost()
		all    []Reason
		order  []cause
		causes = map[cause]int{}
	)
	for _, h := range p.hosts {
		if h.record == nil && at[h.i] == nil {
			continue
		}
		code, detail := p.verdict(j, h, at[h.i])
		if code == "" {
			continue
		}
		c := cause{code, detail}
		i, ok := causes[c]
		if !ok {
			i = len(all)
			causes[c] = i
			order = append(order, c)
			all = append(all, Reason{Code: code})
		}
		if all[i].Nodes++; len(all[i].Names) < MaxNames {
			all[i].Names = append(all[i].Names, h.id)
		}
	}
	for i, c := range order {
		n := all[i].Nodes
		all[i].Message = fmt.Sprintf("%d %s %s", n, plural(n, "node"), p.explain(j, c.code, c.detail, n))
	}
	slices.SortStableFunc(all, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), cmp.Compare(a.Code, b.Code))
	})
	if len(p.in.Nodes) == 0 {
		return append([]Reason{{Code: CodeNoNode, Message: "there is no node: start an agent"}}, all...)
	}
	if j.match.count == 0 {
		return []Reason{{Code: CodeNoMatch, Message: fmt.Sprintf("no node matches the query %q", j.choreo.Query), Nodes: len(p.in.Nodes)}}
	}
	return all
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// Explain says of every node that has a record, by id, why the app is or is not on it. It gives nil for an app that the
// input does not know.
func Explain(in Input, app string) []NodeVerdict {
	p := run(in)
	j := p.byName[app]
	if j == nil {
		return nil
	}
	at := j.byHost()
	whole, decided := p.about(j)
	var all []NodeVerdict
	for _, h := range p.hosts {
		if h.record == nil {
			continue
		}
		v := NodeVerdict{Node: h.id}
		pl := at[h.i]
		if pl != nil {
			v.Count, v.Chosen = pl.n, pl.n > 0
		}
		if decided {
			v.Code, v.Reason = whole.Code, whole.Message
		} else {
			v.Code, v.Reason = p.explainNode(j, h, pl)
		}
		all = append(all, v)
	}
	return all
}

func (p *planner) explainNode(j *job, h *host, pl *place) (code, reason string) {
	code, detail := p.verdict(j, h, pl)
	text := ""
	if code != "" {
		text = "the node " + p.explain(j, code, detail, 1)
	}
	if pl != nil && pl.n > 0 {
		reason = fmt.Sprintf("runs %d", pl.n)
		if !h.alive {
			reason = fmt.Sprintf("is to run %d when it is back", pl.n)
		}
		if text != "" {
			reason += "; " + text
		}
		return CodePlaced, reason
	}
	if code == "" {
		return CodeNotRequired, "the node could run it, but the scale is met by others"
	}
	return code, text
}
