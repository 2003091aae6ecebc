package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

// fleet is a world whose agents run what their manifests say. One tick is a second: agents report, then the master plans.
type fleet struct {
	*world
	t     fataler
	procs map[string]*process // by instance id
	pids  int
	last  Plan
	mute  map[string]bool // nodes that do not get to their manifest
}

// process is an instance of a model agent.
type process struct {
	spec, what string // toProcess tells how it will do
	pid        int
	since      time.Time
	checked    bool
}

func newFleet(t fataler, nodes ...string) *fleet {
	return &fleet{world: newWorld(nodes...), t: t, procs: map[string]*process{}, mute: map[string]bool{}}
}

// rolling makes an app whose update policy has the numbers given.
func (f *fleet) rolling(name string, scale, maxParallel int) (*state.App, *state.UpdatePolicy) {
	a, c := f.app(name, scale)
	a.ToProcess = "v1"
	healthy := 5.0
	deadline := 60.0
	c.Update = &state.UpdatePolicy{MaxParallel: &maxParallel, MinHealthySeconds: &healthy, DeadlineSeconds: &deadline}
	return a, c.Update
}

// edit replaces an app's program, as a new document.
func (f *fleet) edit(name, program string) {
	next := *f.Apps[name]
	next.ToProcess = program
	f.Apps[name] = &next
}

func (f *fleet) tick() {
	f.t.Helper()
	f.reportAll()
	f.decide()
}

func (f *fleet) reportAll() {
	f.Now = f.Now.Add(time.Second)
	for _, id := range slices.Sorted(maps.Keys(f.Nodes)) {
		if f.Nodes[id].State == state.NodeUp && !f.mute[id] {
			f.report(id)
		}
	}
}

func (f *fleet) decide() {
	f.t.Helper()
	f.last = Schedule(f.Input)
	f.apply(f.t, f.last)
	f.Rollouts = f.last.Rollouts
}

func (f *fleet) ticks(n int) {
	f.t.Helper()
	for range n {
		f.tick()
	}
}

// until ticks until a condition holds, and gives how many ticks it took.
func (f *fleet) until(what string, holds func() bool) int {
	f.t.Helper()
	for n := range 2000 {
		if holds() {
			return n
		}
		f.tick()
	}
	f.t.Fatalf("never: %s; %s; %+v", what, f.versions("web"), f.last.Rollouts["web"])
	return 0
}

// report is what one agent does in a second.
func (f *fleet) report(id string) {
	m := f.Manifests[id].Manifest
	if m == nil {
		return
	}
	r := &state.Report{Node: id, Manifest: state.ManifestStatus{Generation: m.Generation}}
	listed := map[string]bool{}
	for i := range m.Apps {
		for n := range m.Apps[i].Count {
			e := m.Apps[i].Of(n)
			inst := state.InstanceID(id, e.App.Name, n)
			listed[inst] = true
			p, spec := f.procs[inst], state.SpecSum(m, e)
			if p == nil || p.spec != spec {
				f.pids++
				p = &process{spec: spec, what: e.App.ToProcess, pid: f.pids, since: f.Now}
				f.procs[inst] = p
			}
			p.checked = len(e.App.HealthChecks) > 0
			r.Instances = append(r.Instances, f.instance(inst, e.App.Name, n, p))
		}
	}
	maps.DeleteFunc(f.procs, func(inst string, _ *process) bool {
		return strings.HasPrefix(inst, id+"/") && !listed[inst]
	})
	f.Reports[id] = r
}

// instance is a process as the agent reports it: programs that are called "slow…" take 20 s to start, "bad…" crash,
// "dead…" fail for good, "done…" end well, "sick…" never pass a check, and "flaky…" crash every third second.
func (f *fleet) instance(inst, app string, n int, p *process) state.Instance {
	i := state.Instance{ID: inst, App: app, N: n, Spec: p.spec, PID: p.pid, StartTime: p.since, State: state.Running}
	age := int(f.Now.Sub(p.since) / time.Second)
	switch {
	case strings.HasPrefix(p.what, "slow") && age < 20:
		i.State, i.PID = state.Starting, 0
	case strings.HasPrefix(p.what, "bad") && age > 0:
		i.State, i.PID, i.Reason = state.Backoff, 0, "exit code 1; next try in 4 s"
		i.LastExit = &state.Exit{Code: 1}
	case strings.HasPrefix(p.what, "dead"):
		i.State, i.PID, i.LastExit = state.Failed, 0, &state.Exit{Code: 3}
	case strings.HasPrefix(p.what, "done"):
		i.State, i.PID = state.Completed, 0
	case strings.HasPrefix(p.what, "flaky") && age%3 == 2:
		i.State, i.PID, i.Reason = state.Backoff, 0, "exit code 2"
	case strings.HasPrefix(p.what, "flaky"):
		i.PID += 1000 * (age/3 + 1)
	case p.checked && strings.HasPrefix(p.what, "sick") && age > 3:
		i.State, i.Health = state.Unhealthy, state.HealthUnhealthy
	case p.checked && age > 1:
		i.State, i.Health = state.Healthy, state.HealthHealthy
	}
	return i
}

// versions gives the programs of an app's instances as the manifests have them: "n1: v2 v1, n2: v1 v1".
func (f *fleet) versions(app string) string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(f.Manifests)) {
		e := f.Manifests[id].Manifest.Entry(app)
		if e == nil {
			continue
		}
		text := id + ":"
		for n := range e.Count {
			text += " " + e.Of(n).App.ToProcess
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// number counts the instances of a program.
func (f *fleet) number(app, program string) int {
	n := 0
	for _, c := range f.Manifests {
		if e := c.Manifest.Entry(app); e != nil {
			for i := range e.Count {
				if e.Of(i).App.ToProcess == program {
					n++
				}
			}
		}
	}
	return n
}

// started brings up an app of 4 on two nodes, whose v1 is good.
func started(t *testing.T, maxParallel int) (*fleet, *state.UpdatePolicy) {
	f := newFleet(t, "n1", "n2")
	_, u := f.rolling("web", 4, maxParallel)
	f.ticks(3)
	f.wantVersions("n1: v1 v1, n2: v1 v1")
	return f, u
}

func (f *fleet) wantVersions(want string) {
	f.t.Helper()
	if got := f.versions("web"); got != want {
		f.t.Fatalf("web is %q, want %q; %s", got, want, f.state("web"))
	}
}

// state gives an app's rollout in words.
func (f *fleet) state(app string) string {
	r := f.last.Rollouts[app]
	if r == nil {
		return "settled"
	}
	text := fmt.Sprintf("old %d new %d available %d", r.Old, r.New, r.Available)
	if r.Failed {
		text += " failed"
	}
	if r.Complete {
		text += " complete"
	}
	if r.Wait != nil {
		text += " waits for " + r.Wait.Instance + ": " + r.Wait.Reason
	}
	return text
}
