package scheduler

import "fmt"

// Explain says of every node that has a record, by id, why the app is or is not on it. It gives nil for an app that the
// input does not know.
func Explain(in Input, app string) []NodeVerdict {
	p := run(in)
	defer p.close()
	i, ok := p.memo.index[app]
	if !ok {
		return nil
	}
	j := p.jobs[i]
	p.mark(j)
	whole, decided := p.about(j)
	var all []NodeVerdict
	for i := range p.slab {
		h, pl := &p.slab[i], p.at[i]
		if h.record == nil {
			continue
		}
		v := NodeVerdict{Node: h.id}
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
	why, detail := p.verdict(j, h, pl)
	text := ""
	if why != fits {
		text = "the node " + p.explainOne(j, h, why, detail)
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
	if why == fits && len(j.stale) > 0 {
		return CodeLeaving, "the node could run it, but first it " + j.leaving()[0].Message
	}
	if why == fits {
		return CodeNotRequired, "the node could run it, but the scale is met by others"
	}
	return causeCodes[why], text
}
