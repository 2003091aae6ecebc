package supervise

import (
	"stathub/agent/converge"
	"stathub/state"
)

// desired is a manifest made ready for deciding: the sums of all specs are worked out once per manifest. It is never
// changed once made.
type desired struct {
	converge.Desired
	manifest *state.Manifest
	specs    map[string]*spec // by instance ID
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
		e := &m.Apps[k]
		want := &converge.Want{Spec: state.SpecSum(m, e)}
		want.Policy.Restart, want.Policy.First, want.Policy.Longest = e.RestartPolicy()
		if !e.App.Start {
			want.Off = offByEntry
		}
		from, first := &spec{app: &e.App, nodeEnvs: m.Envs}, len(d.IDs)
		for n := range e.Count {
			id := state.InstanceID(node, e.App.Name, n)
			d.IDs = append(d.IDs, id)
			d.Wants[id], d.specs[id] = want, from
		}
		ids := d.IDs[first:len(d.IDs):len(d.IDs)]
		want.App = appOf(e, ids)
		d.Apps[e.App.Name] = want.App
		if e.Schedule != nil {
			d.schedule(node, e, want, from, ids)
		}
	}
	converge.Link(d.Apps)
	return d
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
			i.killSignal, i.killTimeout = from.app.KillSignal, from.app.KillTimeout()
			if job := d.Wants[id].Job; job != nil {
				i.base = job.Base
			}
		}
	}
	s.boundsDue = true
	s.convergeAll()
	for _, i := range s.instances {
		s.watchHealth(i)
	}
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
