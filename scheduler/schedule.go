package scheduler

import (
	"cmp"
	"slices"
	"time"

	"stathub/state"
)

// Schedule decides what every node is to run. It is sticky: an instance moves only where its node went down, is being
// drained or no longer matches, where two apps now want one fixed port, where its app came to need more than the node
// has, or where the scale went down; and, where Input.Moves allows it, for balance. Applying the plan and scheduling again,
// without moves for balance, gives a plan that writes nothing.
func Schedule(in Input) Plan {
	p := run(in)
	defer p.close()
	plan := Plan{Manifests: map[string]*state.Manifest{}, Apps: make(map[string]AppStatus, len(p.jobs))}
	for i := range p.slab {
		h := &p.slab[i]
		if m := p.manifest(h); m != nil {
			plan.Manifests[h.id] = m
		}
	}
	for _, j := range p.jobs {
		plan.Apps[j.name] = p.status(j)
	}
	slices.SortStableFunc(p.notes, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.App, b.App))
	})
	plan.Notes, plan.Rollouts, plan.Moved = p.notes, p.sumUp(), p.moved
	if p.wake > 0 {
		plan.Wake = in.Now.Add(p.wake)
	}
	return plan
}

// planner is the working state of one plan.
type planner struct {
	in        Input
	memo      *Memo
	slab      []host  // by id
	open      hostSet // the hosts that take something new
	jobs      []*job  // by name
	order     []*job  // in which they get their places
	queries   map[string]match
	groupings map[string]*grouping // by spread
	runs      map[string][]sign    // by app that must not run twice; nil: not looked for yet
	wake      time.Duration        // from now; 0: never
	moved     int                  // instances, for balance alone
	digests   digests
	notes     []Note
	active    []*rollout
	freed     bool      // rollouts gave up ports or places
	largest   resources // what the node has that has most of it, of each kind

	// Working space.
	at    []*place // by host; see mark
	cands []candidate
}

// match is the answer of Match.
type match struct {
	ok  hostSet
	err error
}

// run decides in two passes over the apps: first what stays, then what is new, so that a place which one app gives up is
// free for every other app of the same plan, and a second run finds nothing left to do. The planner must be closed.
func run(in Input) *planner {
	p := &planner{in: in, memo: in.Memo, queries: map[string]match{}, digests: digests{}}
	if p.memo == nil {
		p.memo = &Memo{}
	}
	p.memo.mu.Lock()
	p.cands = p.memo.scratch
	p.makeHosts()
	p.makeJobs()
	p.observe()
	p.reservePorts()
	for _, j := range p.jobs {
		p.retain(j)
	}
	p.evict()
	p.reclaim()
	for _, j := range p.order {
		p.extend(j)
	}
	for _, j := range p.jobs {
		p.rollOut(j)
	}
	p.resettle()
	p.rebalance()
	return p
}

func (p *planner) close() {
	p.memo.scratch = p.cands[:0]
	p.memo.end()
	p.memo.mu.Unlock()
}

// matching asks Match once per distinct query.
func (p *planner) matching(query string) match {
	m, ok := p.queries[query]
	if ok {
		return m
	}
	ids, err := p.in.Match(query)
	m.err = err
	if m.ok, ok = p.memo.answered(query, ids); !ok {
		m.ok = newHostSet(len(p.slab))
		for _, id := range ids {
			if s := p.memo.nodes[id]; s != nil && s.round == p.memo.round {
				m.ok.add(s.i)
			}
		}
		p.memo.answer(query, ids, m.ok)
	}
	p.queries[query] = m
	return m
}

// mark makes the places of an app known by host, until the next mark.
func (p *planner) mark(j *job) {
	clear(p.at)
	for _, pl := range j.places {
		p.at[pl.host.i] = pl
	}
}

func (p *planner) note(kind, node, app, message string) {
	p.notes = append(p.notes, Note{Kind: kind, Node: node, App: app, Message: message})
}
