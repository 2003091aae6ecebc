package converge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

// place makes a Desired of apps, each with the number of its instances.
func place(apps map[string]*App, counts map[string]int) Desired {
	d := Desired{Known: true, Wants: map[string]*Want{}, Apps: apps}
	for _, name := range slices.Sorted(maps.Keys(apps)) {
		for n := range counts[name] {
			id := fmt.Sprintf("n/%s.%d", name, n)
			apps[name].IDs = append(apps[name].IDs, id)
			d.IDs = append(d.IDs, id)
			d.Wants[id] = &Want{Spec: name, App: apps[name], Policy: Policy{Longest: time.Minute}}
		}
	}
	Link(apps)
	return d
}

func TestDependsOn(t *testing.T) {
	run := func(ago time.Duration) *Have { return &Have{State: state.Running, Spec: "db", Since: t0.Add(-ago)} }
	is := func(s state.InstanceState) *Have { return &Have{State: s, Spec: "db", Since: t0.Add(-time.Hour)} }
	ended := func(end End) *Have { return &Have{State: state.Stopped, Spec: "db", Failures: 1, Ended: &end} }
	tests := []struct {
		name    string
		checked bool
		once    bool // restart: on-failure
		db      []*Have
		wait    string // empty: web is started
		wake    time.Duration
	}{
		{name: "nothing runs yet", db: []*Have{nil, nil}, wait: "waits for db: 0 of 2 instances running"},
		{name: "came up just now", db: []*Have{run(0), run(200 * time.Millisecond)}, wait: "waits for db: 0 of 2 instances running", wake: time.Second},
		{name: "one is steady", db: []*Have{run(time.Hour), run(200 * time.Millisecond)}, wait: "1 of 2 instances running", wake: 800 * time.Millisecond},
		{name: "all are steady", db: []*Have{run(time.Hour), run(time.Second)}},
		{name: "the clock was set back", db: []*Have{run(-time.Hour)}},
		{name: "in backoff", db: []*Have{ended(End{At: t0, Failed: true, Started: true, What: "exit code 1"})}, wait: "0 of 1 instances running"},
		{name: "not healthy yet", checked: true, db: []*Have{is(state.Healthy), is(state.Running)}, wait: "waits for db: 1 of 2 instances healthy"},
		{name: "unhealthy", checked: true, db: []*Have{is(state.Unhealthy)}, wait: "0 of 1 instances healthy"},
		{name: "healthy", checked: true, db: []*Have{is(state.Healthy)}},
		{name: "stopping", db: []*Have{is(state.Stopping)}, wait: "0 of 1"},
		{name: "fetching", db: []*Have{is(state.Fetching)}, wait: "0 of 1"},
		{name: "of an old specification", db: []*Have{{State: state.Running, Spec: "old"}}, wait: "0 of 1"},
		{name: "of an unknown specification", db: []*Have{{State: state.Running}}},
		{name: "has done its work", once: true, db: []*Have{ended(End{At: t0, Started: true, What: "exit code 0"})}},
		{name: "has done its work, settled", once: true,
			db: []*Have{{State: state.Completed, Spec: "db", Ended: &End{At: t0, Started: true, What: "exit code 0"}}}},
		{name: "has done another work", once: true,
			db: []*Have{{State: state.Completed, Spec: "old", Ended: &End{At: t0, Started: true}}}, wait: "0 of 1"},
		{name: "failed at its work", once: true,
			db: []*Have{ended(End{At: t0, Failed: true, Started: true, What: "exit code 1"})}, wait: "0 of 1"},
		{name: "a service that exits 0 is not done", db: []*Have{ended(End{At: t0, Started: true, What: "exit code 0"})}, wait: "0 of 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := place(map[string]*App{"db": {Checked: tt.checked}, "web": {After: []string{"db"}}}, map[string]int{"db": len(tt.db), "web": 1})
			have := Observed{}
			for k, h := range tt.db {
				if h != nil {
					have[d.Apps["db"].IDs[k]] = h
				}
			}
			if tt.once {
				d.Wants["n/db.0"].Policy.Restart = state.RestartOnFailure
			}
			a, wake := One(d, have, "n/web.0", t0)
			if tt.wait == "" {
				if a.Kind != Start || a.Note != "" {
					t.Fatalf("got %+v, want a start", a)
				}
			} else if a.Kind != Settle || a.State != state.Waiting || !strings.Contains(a.Reason, tt.wait) {
				t.Fatalf("got %+v, want it to wait: %s", a, tt.wait)
			}
			if tt.wake == 0 && !wake.IsZero() || tt.wake != 0 && !wake.Equal(t0.Add(tt.wake)) {
				t.Errorf("wake at %v, want after %v", wake, tt.wake)
			}
		})
	}
}

// What is not on this node is waited for by nobody, and that is said.
func TestDependsOnNothingHere(t *testing.T) {
	d := place(map[string]*App{"off": {}, "web": {After: []string{"gone", "off"}}}, map[string]int{"web": 1})
	a, _ := One(d, nil, "n/web.0", t0)
	want := "it depends on gone, which is not in this node's manifest; it depends on off, which is to run no instance on this node"
	if a.Kind != Start || a.Note != want {
		t.Errorf("got %+v", a)
	}
}

// What an app depends on may fall later on: the app is not touched (law 5). A crash of its own waits again.
func TestDependencyFallsLater(t *testing.T) {
	d := place(map[string]*App{"db": {Checked: true}, "web": {After: []string{"db"}}}, map[string]int{"db": 1, "web": 1})
	have := Observed{"n/db.0": {State: state.Unhealthy, Spec: "db"}, "n/web.0": {State: state.Running, Spec: "web"}}
	if plan := Diff(d, have, t0); len(plan.Actions) != 0 {
		t.Fatalf("plan %+v", plan)
	}
	have["n/web.0"] = &Have{State: state.Stopped, Spec: "web", Failures: 1, Ended: &End{At: t0, Started: true, Failed: true, What: "exit code 1"}}
	plan := Diff(d, have, t0)
	if len(plan.Actions) != 1 || plan.Actions[0].State != state.Waiting {
		t.Fatalf("plan %+v", plan)
	}
}

func TestCircles(t *testing.T) {
	apps := map[string]*App{
		"a": {After: []string{"b"}}, "b": {After: []string{"c"}}, "c": {After: []string{"a"}},
		"behind": {After: []string{"a"}}, "free": {After: []string{"leaf", "elsewhere"}}, "leaf": {},
	}
	d := place(apps, map[string]int{"a": 1, "b": 1, "c": 1, "behind": 1, "free": 1, "leaf": 1})
	for name, app := range apps {
		if in := name == "a" || name == "b" || name == "c"; in != (app.Circle == "a → b → c → a") {
			t.Errorf("%s: circle %q", name, app.Circle)
		}
	}
	plan := Diff(d, Observed{}, t0)
	if starts := plan.Actions[len(plan.Actions)-1]; starts.ID != "n/leaf.0" || starts.Kind != Start {
		t.Errorf("last action %+v", starts)
	}
	for _, a := range plan.Actions {
		if a.ID == "n/b.0" && a.Reason != "waits for c: 0 of 1 instances running; dependsOn goes in a circle, a → b → c → a: break it" {
			t.Errorf("reason %q", a.Reason)
		}
	}
}

func TestLongCircleIsCutShort(t *testing.T) {
	apps := map[string]*App{}
	for k := range 1000 {
		apps[fmt.Sprintf("a%03d", k)] = &App{After: []string{fmt.Sprintf("a%03d", (k+1)%1000)}}
	}
	Link(apps)
	if text := apps["a500"].Circle; text != "a000 → a001 → a002 → a003 → a004 → a005 → a006 → … → a000" {
		t.Errorf("circle %q", text)
	}
}

// Whatever depends on whatever, in the end all runs that does not wait for a circle, and at each start all that the app
// depends on was up.
func TestDependsOnComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c", "d", "e"}
		apps, counts := map[string]*App{}, map[string]int{}
		for _, name := range names {
			apps[name] = &App{Checked: rapid.Bool().Draw(t, "checked")}
			counts[name] = rapid.IntRange(0, 2).Draw(t, "count")
			for _, other := range append(names, "elsewhere") {
				if other != name && rapid.IntRange(0, 4).Draw(t, "edge") == 0 {
					apps[name].After = append(apps[name].After, other)
				}
			}
		}
		d, have, now := place(apps, counts), Observed{}, t0
		for range 100 {
			plan := Diff(d, have, now)
			if len(plan.Actions) == 0 && plan.Wake.IsZero() {
				break
			}
			for _, a := range plan.Actions {
				h := have[a.ID]
				if h == nil {
					h = &Have{}
					have[a.ID] = h
				}
				if h.State = a.State; a.Kind == Start {
					requireUp(t, d, have, d.Wants[a.ID].App, now)
					h.State, h.Spec, h.Since = state.Running, d.Wants[a.ID].Spec, now
					if d.Wants[a.ID].App.Checked {
						h.State = state.Healthy
					}
				}
				h.Reason = a.Reason
			}
			if !plan.Wake.IsZero() {
				now = plan.Wake
			}
		}
		for _, id := range d.IDs {
			if live := have[id].State.Live(); live == stuck(apps, counts, d.Wants[id].App, nil) {
				t.Fatalf("%s: %+v", id, have[id])
			}
		}
	})
}

func requireUp(t *rapid.T, d Desired, have Observed, app *App, now time.Time) {
	for _, other := range app.After {
		if o := d.Apps[other]; o != nil {
			for _, id := range o.IDs {
				if h := have[id]; h == nil || !h.State.Live() || !o.Checked && now.Sub(h.Since) < SteadyRunning {
					t.Fatalf("started before %s: %+v", id, h)
				}
			}
		}
	}
}

// stuck reports whether an app waits for a circle: by following what it depends on, an app is met again.
func stuck(apps map[string]*App, counts map[string]int, app *App, seen []*App) bool {
	if slices.Contains(seen, app) {
		return true
	}
	return slices.ContainsFunc(app.After, func(other string) bool {
		return apps[other] != nil && counts[other] > 0 && stuck(apps, counts, apps[other], append(slices.Clone(seen), app))
	})
}

// A thousand instances that wait for a thousand others cost no more than a look at each.
func BenchmarkDependsOn(b *testing.B) {
	d := place(map[string]*App{"db": {}, "web": {After: []string{"db"}}}, map[string]int{"db": 1000, "web": 1000})
	have := Observed{}
	for _, id := range d.Apps["db"].IDs[1:] {
		have[id] = &Have{State: state.Running, Spec: "db", Since: t0.Add(-time.Minute)}
	}
	for b.Loop() {
		Diff(d, have, t0)
	}
}
