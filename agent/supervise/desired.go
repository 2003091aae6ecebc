package supervise

import (
	"slices"
	"time"

	"stathub/agent/converge"
	"stathub/state"
)

// desired is a manifest made ready for deciding: the sums of all specs are worked out once per manifest. It is never
// changed once made.
type desired struct {
	converge.Desired
	manifest *state.Manifest
	specs    map[string]*spec // by instance ID
	shortest time.Duration    // Disconnect of all instances; 0: none has any
}

// spec is what an instance is started from.
type spec struct {
	app      *state.App
	nodeEnvs map[string]string
}

func noManifest() *desired { return &desired{} }

// offByEntry is why an entry runs nothing, though it is kept with all that its instances have.
const offByEntry = `its entry in the manifest says "start": false`

// compile makes a manifest ready. The node's own name is the agent's, not the document's.
func compile(node string, m *state.Manifest) *desired {
	d := &desired{
		Desired: converge.Desired{
			Known: true, Wants: map[string]*converge.Want{}, Apps: map[string]*converge.App{}, Beside: map[string][]string{},
		},
		manifest: m, specs: map[string]*spec{},
	}
	for k := range m.Apps {
		e, first := &m.Apps[k], len(d.IDs)
		for n := range e.Count {
			d.IDs = append(d.IDs, state.InstanceID(node, e.App.Name, n))
		}
		ids := d.IDs[first:len(d.IDs):len(d.IDs)]
		app := appOf(e, ids)
		d.Apps[e.App.Name] = app
		for _, c := range contents(e) {
			own := app
			if len(e.Previous) > 0 {
				own = appOf(c.entry, ids)
				own.Whole, app.Checked = app, app.Checked || own.Checked
				app.After = union(app.After, own.After)
			}
			d.add(node, c, own, ids)
		}
	}
	converge.Link(d.Apps)
	return d
}

// content is what some instances of an entry are: all of them, unless a rollout goes on.
type content struct {
	entry    *state.ManifestEntry
	from, to int // instances from ≤ n < to
}

func contents(e *state.ManifestEntry) []content {
	if len(e.Previous) == 0 {
		return []content{{e, 0, e.Count}}
	}
	var all []content
	to := e.Count
	for k := len(e.Previous) - 1; k >= 0 && to > 0; k-- {
		from := max(to-e.Previous[k].Count, 0)
		all, to = append(all, content{e.Of(from), from, to}), from
	}
	if to > 0 {
		all = append(all, content{e.Of(0), 0, to})
	}
	return all
}

// add has the instances of one content be what it says. ids are those of the whole entry.
func (d *desired) add(node string, c content, app *converge.App, ids []string) {
	e := c.entry
	want, from := &converge.Want{Spec: state.SpecSum(d.manifest, e), App: app}, &spec{app: &e.App, nodeEnvs: d.manifest.Envs}
	want.Policy.Restart, want.Policy.First, want.Policy.Longest = e.RestartPolicy()
	want.Disconnect = state.Seconds(e.DisconnectSeconds)
	d.shortest = shorter(d.shortest, want.Disconnect)
	if !e.App.Start {
		want.Off = offByEntry
	}
	for _, id := range ids[c.from:c.to] {
		d.Wants[id], d.specs[id] = want, from
	}
	if e.Schedule != nil {
		d.schedule(node, c, want, from, ids)
	}
}

// union gives the words of both lists, each once; neither list is changed.
func union(a, b []string) []string {
	all := slices.Clip(a)
	for _, word := range b {
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

// follow makes a manifest the one to follow, and brings the node in line with it.
func (s *Supervisor) follow(d *desired, status state.ManifestStatus) {
	s.status = status
	if s.ending {
		return
	}
	s.desired = d
	if !d.Unsure {
		s.cached = nil
	}
	s.changed()
	for id, i := range s.instances {
		// A running process keeps its spec, but how it is to be stopped follows the manifest.
		if from := d.specs[id]; from != nil {
			i.killSignal, i.have.KillTimeout = from.app.KillSignal, from.app.KillTimeout()
			i.have.Disconnect = d.Wants[id].Disconnect
			if job := d.Wants[id].Job; job != nil {
				i.base = job.Base
			}
		}
	}
	s.guardContact()
	s.boundsDue = true
	s.convergeAll()
	for _, i := range s.instances {
		s.watchHealth(i)
	}
	s.obey(d.manifest.Kill)
}

// Manifest gives the manifest that is followed, nil if there never was one, and what is wrong with a newer one. The
// caller must not change it.
func (s *Supervisor) Manifest() (m *state.Manifest, status state.ManifestStatus) {
	s.call(func() {
		if m, status = s.desired.manifest, s.status; m == nil && s.cached != nil {
			m = s.cached.manifest
		}
	})
	return m, status
}
