package scheduler

import (
	"cmp"
	"slices"

	"stathub/state"
)

// mode is what a plan does with an app.
type mode int

const (
	placing  mode = iota // as the choreo says
	keeping              // what is there stays: some document or the query cannot be read
	stopping             // the app is to run nowhere
)

// job is one app with what this plan decides for it.
type job struct {
	i      int
	name   string
	known  *known
	app    *state.App    // nil: no readable document. Else as an entry holds it
	choreo *state.Choreo // nil: no readable document
	broken string
	mode   mode
	match  match
	ports  []int // fixed ones
	needs  resources
	limit  int // instances that one node may have
	places []*place
	fresh  bool // places is no longer in the order of the hosts
	live   int  // instances that count as placed

	// What lets most jobs of most plans pass without a look at each of their places.
	stirred bool   // some place is perhaps not to stay as it is
	unport  bool   // some place has not every fixed port
	silent  bool   // some place is on a node whose instances do not count
	mixed   bool   // some place has instances that are not as the app is now
	where   uint64 // sum over the places of what tells them apart: the same where the app is the same
	stale   []remnant

	contents contents
}

// place is an app on a node.
type place struct {
	job      *job // nil: an app that nothing is known of
	host     *host
	entry    *state.ManifestEntry // nil: not in the manifest so far
	listed   *listed              // what is known of the entry; nil: there is none
	needs    *resources           // what each instance is accounted with; nil: nothing
	was      int                  // instances before the plan
	n        int                  // instances after it
	person   bool                 // the entry belongs to a person
	taken    bool                 // the entry was the master's and is the person's from now on
	held     bool                 // the whole manifest is left alone
	conflict bool                 // another app has a fixed port of this one here
	asIs     bool                 // the entry's content stays as it is
	settled  bool                 // it has every fixed port of the app
	fresh    bool                 // not yet in the books
	mix      *mix                 // what its instances are; nil: all are as the app is now
}

// ours reports whether the plan may change the place.
func (pl *place) ours() bool { return !pl.person && !pl.held && pl.job != nil }

// set decides the number of instances and keeps the books of job and host.
func (pl *place) set(n int) {
	by := n - pl.n
	if by == 0 && n > 0 {
		return
	}
	pl.host.total += by
	if pl.host.alive {
		pl.job.live += by
		pl.job.where += pl.host.mark(n) - pl.host.mark(pl.n)
	}
	if pl.needs != nil {
		pl.host.use(*pl.needs, by)
	}
	if pl.n = n; n == 0 && pl.ours() {
		pl.settled = false
		pl.host.release(pl.job.ports, pl)
		if pl.old() {
			pl.host.release(pl.oldPorts(), pl)
		}
	}
}

// account sets other needs aside for the instances of the place than so far.
func (pl *place) account(needs *resources) {
	if pl.needs != nil {
		pl.host.use(*pl.needs, -pl.n)
	}
	if pl.needs = needs; needs != nil {
		pl.host.use(*needs, pl.n)
	}
}

func (p *planner) makeJobs() {
	names := make([]string, 0, len(p.in.Apps))
	for name := range p.in.Apps {
		names = append(names, name)
	}
	for name := range p.in.Choreos {
		names = append(names, name)
	}
	for name := range p.in.Broken {
		names = append(names, name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	p.memo.name(names)
	p.jobs = make([]*job, len(names))
	slab := make([]job, len(names))
	for i, name := range names {
		j := &slab[i]
		p.makeJob(j, i, name)
		p.jobs[i] = j
		if j.mode == placing {
			if j.match = p.matching(j.choreo.Query); j.match.err != nil {
				j.mode = keeping
			}
		}
	}
	for i := range p.slab {
		if p.slab[i].record != nil {
			p.largest = p.largest.most(p.slab[i].capacity.finite())
		}
	}
	p.order = slices.Clone(p.jobs)
	slices.SortStableFunc(p.order, p.precedence)
}

func (p *planner) makeJob(j *job, i int, name string) {
	app := p.in.Apps[name]
	j.i, j.name, j.choreo, j.broken = i, name, p.in.Choreos[name], p.in.Broken[name]
	j.known = p.memo.of(name, app, j.choreo)
	if app != nil {
		j.app, j.ports, j.needs = &j.known.entry.App, j.known.ports, j.known.needs
	}
	j.limit = j.most()
	switch {
	case j.app == nil:
		j.mode = keeping
	case app.Deleted || !app.Start:
		j.mode = stopping
	case j.choreo == nil || j.broken != "":
		j.mode = keeping
	}
}

// precedence is the order in which apps get their places: by priority; then those that have one node to be on, not a
// choice; then those whose instances are the largest, since they find room least easily. Apps that are alike go by name.
func (p *planner) precedence(a, b *job) int {
	return cmp.Or(
		cmp.Compare(b.priority(), a.priority()),
		compareBool(b.each(), a.each()),
		cmp.Compare(p.size(b), p.size(a)))
}

func (j *job) priority() int {
	if j.choreo == nil {
		return 0
	}
	return j.choreo.Priority
}

// size is what part of a node an instance takes, of the kind that is scarcest, on a node that has as much of each as any
// has.
func (p *planner) size(j *job) float64 {
	size := 0.0
	for _, k := range [...]struct{ need, most float64 }{
		{j.needs.cpus, p.largest.cpus}, {j.needs.mem, p.largest.mem}, {j.needs.disk, p.largest.disk},
	} {
		if k.most > 0 {
			size = max(size, k.need/k.most)
		}
	}
	return size
}

// canonical gives the app as it reads back from a manifest, so that equal apps are equal values.
func canonical(app *state.App) *state.App {
	spec := *app
	spec.Deleted, spec.Start, spec.RestartToken = false, true, "" // the token is a member of the entry
	read, err := state.Decode[state.App]("", state.Encode(&spec))
	if err != nil {
		return &spec // comparing by digest still works, it only costs more
	}
	return read
}

func fixedPorts(app *state.App) []int {
	if !slices.Contains(app.Ports, 0) {
		return app.Ports
	}
	var fixed []int
	for _, port := range app.Ports {
		if port != 0 {
			fixed = append(fixed, port)
		}
	}
	return fixed
}

// most is how many instances one node may have.
func (j *job) most() int {
	if len(j.ports) > 0 {
		return 1
	}
	return j.maxPerNode()
}

// maxPerNode is that without regard to ports.
func (j *job) maxPerNode() int {
	if j.choreo != nil && j.choreo.MaxPerNode > 0 {
		return min(state.MaxCount, j.choreo.MaxPerNode)
	}
	return state.MaxCount
}

// each reports whether the scale is meant per node.
func (j *job) each() bool { return j.choreo != nil && j.choreo.Mode == state.ModeEach }
