package scheduler

import (
	"cmp"
	"maps"
	"slices"

	"stathub/state"
)

// Schedule decides what every node is to run. It is sticky: an instance moves only where its node went down, is being
// drained or no longer matches, where two apps now want one fixed port, or where the scale went down. Nothing moves for
// balance alone. Applying the plan and scheduling again gives a plan that writes nothing.
func Schedule(in Input) Plan {
	p := run(in)
	plan := Plan{Manifests: map[string]*state.Manifest{}, Apps: map[string]AppStatus{}}
	for _, h := range p.hosts {
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
	plan.Notes = p.notes
	return plan
}

// planner is the working state of one plan.
type planner struct {
	in      Input
	hosts   []*host // by id
	index   map[string]int
	jobs    []*job // by name
	byName  map[string]*job
	matches map[string]match
	digests digests
	notes   []Note
}

// match is the answer of Match, by host.
type match struct {
	ok    []bool
	count int
	err   error
}

// run decides in two passes over the apps: first what stays, then what is new, so that a place which one app gives up is
// free for every other app of the same plan, and a second run finds nothing left to do.
func run(in Input) *planner {
	p := &planner{in: in, index: map[string]int{}, byName: map[string]*job{}, matches: map[string]match{}, digests: digests{}}
	p.makeHosts()
	p.makeJobs()
	p.observe()
	p.reservePorts()
	for _, j := range p.jobs {
		p.retain(j)
	}
	p.reclaim()
	for _, j := range p.jobs {
		p.extend(j)
	}
	return p
}

func (p *planner) makeHosts() {
	ids := map[string]bool{}
	for id := range p.in.Nodes {
		ids[id] = true
	}
	for id := range p.in.Manifests {
		ids[id] = true
	}
	for id := range p.in.Reports {
		ids[id] = true
	}
	for i, id := range slices.Sorted(maps.Keys(ids)) {
		p.index[id] = i
		p.hosts = append(p.hosts, newHost(i, id, &p.in))
	}
}

func (p *planner) makeJobs() {
	names := map[string]bool{}
	for name := range p.in.Apps {
		names[name] = true
	}
	for name := range p.in.Choreos {
		names[name] = true
	}
	for name := range p.in.Broken {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		j := newJob(len(p.jobs), name, &p.in)
		p.jobs = append(p.jobs, j)
		p.byName[name] = j
		if j.mode == placing {
			if j.match = p.matching(j.choreo.Query); j.match.err != nil {
				j.mode = keeping
			}
		}
	}
}

// matching asks Match once per distinct query.
func (p *planner) matching(query string) match {
	m, ok := p.matches[query]
	if ok {
		return m
	}
	ids, err := p.in.Match(query)
	m = match{ok: make([]bool, len(p.hosts)), err: err}
	if err == nil {
		for _, id := range ids {
			if i, known := p.index[id]; known && !m.ok[i] {
				m.ok[i] = true
				if p.hosts[i].record != nil {
					m.count++
				}
			}
		}
	}
	p.matches[query] = m
	return m
}

func (p *planner) note(kind, node, app, message string) {
	p.notes = append(p.notes, Note{Kind: kind, Node: node, App: app, Message: message})
}
