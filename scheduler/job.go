package scheduler

import (
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
	app    *state.App    // nil: no readable document. Else as an entry holds it
	token  string        // the restart token
	choreo *state.Choreo // nil: no readable document
	broken string
	mode   mode
	match  match
	ports  []int // fixed ones
	places []*place
	live   int // instances that count as placed
}

// place is an app on a node.
type place struct {
	job      *job // nil: an app that nothing is known of
	host     *host
	entry    *state.ManifestEntry // nil: not in the manifest so far
	was      int                  // instances before the plan
	n        int                  // instances after it
	person   bool                 // the entry belongs to a person
	taken    bool                 // the entry was the master's and is the person's from now on
	held     bool                 // the whole manifest is left alone
	conflict bool                 // another app has a fixed port of this one here
	asIs     bool                 // the entry's content stays as it is
	fresh    bool                 // not yet in the books
	rank     uint64               // breaks ties between nodes
}

// ours reports whether the plan may change the place.
func (pl *place) ours() bool { return !pl.person && !pl.held && pl.job != nil }

// set decides the number of instances and keeps the books of job and host.
func (pl *place) set(n int) {
	pl.host.total += n - pl.n
	if pl.host.alive {
		pl.job.live += n - pl.n
	}
	if pl.n = n; n == 0 && pl.ours() {
		pl.host.release(pl.job.ports, pl.job.name)
	}
}

func newJob(i int, name string, in *Input) *job {
	j := &job{i: i, name: name, choreo: in.Choreos[name], broken: in.Broken[name]}
	if app := in.Apps[name]; app != nil {
		j.app, j.token = canonical(app), app.RestartToken
		j.ports = fixedPorts(app)
	}
	switch {
	case j.app == nil:
		j.mode = keeping
	case in.Apps[name].Deleted || !in.Apps[name].Start:
		j.mode = stopping
	case j.choreo == nil || j.broken != "":
		j.mode = keeping
	}
	return j
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
	var fixed []int
	for _, port := range app.Ports {
		if port != 0 {
			fixed = append(fixed, port)
		}
	}
	return fixed
}

// limit is how many instances one node may have.
func (j *job) limit() int {
	n := state.MaxCount
	if j.choreo != nil && j.choreo.MaxPerNode > 0 {
		n = min(n, j.choreo.MaxPerNode)
	}
	if len(j.ports) > 0 {
		n = 1
	}
	return n
}

// each reports whether the scale is meant per node.
func (j *job) each() bool { return j.choreo != nil && j.choreo.Mode == state.ModeEach }
