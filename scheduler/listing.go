package scheduler

import (
	"strconv"

	"stathub/state"
)

// listing is what a manifest says, checked once.
type listing struct {
	manifest *state.Manifest
	epoch    int // of the jobs that the entries name
	entries  []listed
}

// listed is an entry of a manifest.
type listed struct {
	app    *state.ManifestEntry
	job    int32 // -1: an app that nothing is known of
	count  int32 // instances
	person bool  // it belongs to a person
	forged bool  // it says that it is the master's, but its content is not what the master wrote
	plain  bool  // there is nothing in it beyond what the documents of the app decide
	sum    uint64
	ports  []int
	needs  resources
}

// list gives what the manifest of a node says. digests are of this plan.
func (m *Memo) list(s *sighting, manifest *state.Manifest, d digests) []listed {
	l := &s.listing
	if l.manifest != manifest {
		l.manifest, l.epoch = manifest, 0
		l.entries = make([]listed, len(manifest.Apps))
		for i := range manifest.Apps {
			l.entries[i] = inspect(&manifest.Apps[i], d)
		}
	}
	if l.epoch != m.jobsEpoch {
		l.epoch = m.jobsEpoch
		for i := range l.entries {
			e := &l.entries[i]
			e.job = -1
			if job, ok := m.index[e.app.App.Name]; ok {
				e.job = job
			}
		}
	}
	return l.entries
}

func inspect(e *state.ManifestEntry, d digests) listed {
	l := listed{
		app: e, count: int32(e.Instances()), person: e.Owner != state.OwnerMaster,
		plain: len(e.Extra) == 0 && len(e.Previous) == 0 && e.App.Start,
		sum:   number(e.Sum), ports: entryPorts(e), needs: needs(e.App.ResAlloc),
	}
	for i := range e.Previous {
		l.needs = l.needs.most(needs(e.Previous[i].App.ResAlloc))
	}
	l.forged = !l.person && e.Sum != "" && e.Sum != d.of(e) // without a sum it was handed over
	return l
}

// number gives the digits of a digest as one number; 0 is none.
func number(sum string) uint64 {
	if len(sum) != 16 {
		return 0
	}
	n, err := strconv.ParseUint(sum, 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// reported is what a report says runs, by app.
type reported struct {
	report *state.Report
	apps   []reportedApp // in the order in which the report names them
}

type reportedApp struct {
	name    string
	present int // instances that stand for a place
	running int // instances that may have a process
}

// told sums up the report of a node.
func (s *sighting) told() []reportedApp {
	if s.reported.report == s.report {
		return s.reported.apps
	}
	s.reported = reported{report: s.report}
	if s.report == nil {
		return nil
	}
	at := map[string]int{}
	for i := range s.report.Instances {
		inst := &s.report.Instances[i]
		k, ok := at[inst.App]
		if !ok {
			k = len(s.reported.apps)
			at[inst.App] = k
			s.reported.apps = append(s.reported.apps, reportedApp{name: inst.App})
		}
		if present(inst) {
			s.reported.apps[k].present++
		}
		if mayRun(inst) {
			s.reported.apps[k].running++
		}
	}
	return s.reported.apps
}

// present reports whether an instance in a report stands for a place: one that is on its way out does not.
func present(inst *state.Instance) bool {
	return inst.State != state.Stopping && inst.State != state.Stopped
}

// mayRun reports whether an instance in a report has a process, or may have one at any moment.
func mayRun(inst *state.Instance) bool {
	switch inst.State {
	case state.Stopped, state.Completed, state.Failed:
		return inst.PID != 0
	}
	return true
}
