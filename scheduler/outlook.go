package scheduler

import (
	"cmp"
	"math"
	"slices"

	"stathub/state"
)

// Outlook is what a plan would make of one app.
type Outlook struct {
	Status   AppStatus
	Matching int           // nodes that the query finds, whatever their state
	Arriving int           // instances that nodes get
	Leaving  int           // instances that nodes lose
	Changing int           // nodes whose number of instances changes
	Nodes    []NodeOutlook // of those with instances now or then, and after them others that match: each as many as were asked for
}

// NodeOutlook is what a plan would make of one app on one node.
type NodeOutlook struct {
	Node     string       `json:"node"`
	Hostname string       `json:"hostname,omitzero"`
	Tags     []string     `json:"tags,omitzero"`
	Matches  bool         `json:"matches"`           // the query finds it
	Now      int          `json:"now"`               // instances that its manifest lists
	Then     int          `json:"then"`              // instances after the plan
	FreeCPUs *float64     `json:"freeCpus,omitzero"` // cores that are not set aside after the plan; left out: unknown
	FreeMem  *state.Bytes `json:"freeMem,omitzero"`  // left out: unknown
	Code     string       `json:"code,omitzero"`     // as in NodeVerdict
	Reason   string       `json:"reason,omitzero"`
}

// Foresee says what the plan of an input comes to for one app: as if the documents of the input were the bucket's. used and
// others bound the nodes that are listed: those with instances now or then, those that change first, and others that match.
// It gives nil for an app that the input does not know.
func Foresee(in Input, app string, used, others int) *Outlook {
	p := run(in)
	defer p.close()
	i, ok := p.memo.index[app]
	if !ok {
		return nil
	}
	j := p.jobs[i]
	o := &Outlook{Status: p.status(j)}
	_, decided := p.about(j)
	p.mark(j)
	var with, without []*host
	for i := range p.slab {
		h, pl := &p.slab[i], p.at[i]
		matches := h.record != nil && j.match.ok.has(i)
		if matches {
			o.Matching++
		}
		if pl != nil && (pl.was > 0 || pl.n > 0) {
			o.Arriving += max(0, pl.n-pl.was)
			o.Leaving += max(0, pl.was-pl.n)
			if pl.n != pl.was {
				o.Changing++
			}
			with = append(with, h)
		} else if matches && len(without) < others {
			without = append(without, h)
		}
	}
	slices.SortStableFunc(with, func(a, b *host) int { return compareBool(p.at[b.i].changes(), p.at[a.i].changes()) })
	with = with[:min(len(with), used)]
	slices.SortStableFunc(with, func(a, b *host) int { return cmp.Compare(a.i, b.i) })
	for _, h := range append(with, without...) {
		o.Nodes = append(o.Nodes, p.foresee(j, h, decided))
	}
	return o
}

func (pl *place) changes() bool { return pl.n != pl.was }

func (p *planner) foresee(j *job, h *host, decided bool) NodeOutlook {
	pl := p.at[h.i]
	n := NodeOutlook{Node: h.id, Matches: h.record != nil && j.match.ok.has(h.i)}
	if pl != nil {
		n.Now, n.Then = pl.was, pl.n
	}
	if h.record != nil {
		n.Hostname, n.Tags = h.record.Hostname, h.record.Tags
		if free := h.capacity.cpus - h.used.cpus; !math.IsInf(free, 1) {
			cores := math.Round(max(0, free)/microCores*1000) / 1000
			n.FreeCPUs = &cores
		}
		if free := h.capacity.mem - h.used.mem; !math.IsInf(free, 1) {
			bytes := state.Bytes(max(0, free))
			n.FreeMem = &bytes
		}
	}
	if !decided {
		n.Code, n.Reason = p.explainNode(j, h, pl)
	}
	return n
}
