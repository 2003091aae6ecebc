package scheduler

import (
	"strings"
	"testing"
	"time"

	"stathub/state"
)

func TestRolloutGoesInstanceByInstance(t *testing.T) {
	f, _ := started(t, 1)
	f.edit("web", "v2")
	f.tick()
	f.wantVersions("n1: v2 v1, n2: v1 v1")
	f.ticks(5)
	f.wantVersions("n1: v2 v1, n2: v1 v1")
	if w := f.last.Rollouts["web"].Wait; w == nil || w.Instance != "n1/web.0" || w.Reason != "" || w.Until.Before(f.Now) || !f.last.Wake.Equal(w.Until) {
		t.Errorf("waits for %+v, wakes at %v", w, f.last.Wake)
	}
	var seen []string
	f.until("all are new", func() bool {
		if v := f.versions("web"); len(seen) == 0 || v != seen[len(seen)-1] {
			seen = append(seen, v)
		}
		return f.number("web", "v2") == 4
	})
	want := []string{"n1: v2 v1, n2: v1 v1", "n1: v2 v1, n2: v2 v1", "n1: v2 v2, n2: v2 v1", "n1: v2 v2, n2: v2 v2"}
	if strings.Join(seen, "; ") != strings.Join(want, "; ") {
		t.Errorf("it went %q", seen)
	}
	if f.last.Rollouts["web"].Complete {
		t.Error("complete before the last one has proved itself")
	}
	f.until("it is complete", func() bool { r := f.last.Rollouts["web"]; return r != nil && r.Complete })
	f.tick()
	if f.state("web") != "settled" {
		t.Error(f.state("web"))
	}
}

func TestManifestsStayCalm(t *testing.T) {
	f, _ := started(t, 1)
	before := f.Manifests["n2"]
	f.edit("web", "v2")
	f.tick()
	if f.Manifests["n2"] != before {
		t.Error("a node was written to that has no turn yet")
	}
	for name, change := range map[string]func(a *state.App){
		"description": func(a *state.App) { a.Description = "the site" },
		"restart":     func(a *state.App) { a.Restart = &state.Restart{Policy: state.RestartOnFailure} },
		"killSignal":  func(a *state.App) { a.KillSignal = 9 },
	} {
		f, _ := started(t, 1)
		next := *f.Apps["web"]
		change(&next)
		f.Apps["web"] = &next
		f.tick()
		e := f.Manifests["n2"].Manifest.Entry("web")
		if len(e.Previous) > 0 || effect(&e.App, "") != effect(&next, "") || e.App.Description != next.Description || e.App.KillSignal != next.KillSignal {
			t.Errorf("%s: what no process notices waits for its turn: %+v", name, e)
		}
	}
}

func TestWhatARolloutWaitsFor(t *testing.T) {
	for name, c := range map[string]struct {
		program string
		want    string
		ticks   int
	}{
		"crash loop":     {"bad", "waits for n1/web.0: backoff: exit code 1", 10},
		"slow start":     {"slow", "waits for n1/web.0: starting", 10},
		"flapping":       {"flaky", "old 3 new 1 available 0", 40},
		"failed forever": {"dead", "failed waits for n1/web.0: failed: exit code 3", 4},
		"past deadline":  {"bad", "available 0 failed waits for n1/web.0: backoff: exit code 1", 65},
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := started(t, 1)
			f.edit("web", c.program)
			f.ticks(c.ticks)
			f.wantVersions("n1: " + c.program + " v1, n2: v1 v1")
			if got := f.state("web"); !strings.Contains(got, c.want) {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
}

func TestHealthChecksGate(t *testing.T) {
	f, _ := started(t, 1)
	next := *f.Apps["web"]
	next.ToProcess = "sick"
	next.HealthChecks = []state.HealthCheck{{IntervalSeconds: 1, TimeoutSeconds: 1, MaxConsecutiveFailures: 3, Protocol: "COMMAND", Command: []string{"x"}}}
	f.Apps["web"] = &next
	f.ticks(2)
	if got := f.state("web"); !strings.Contains(got, "n1/web.0: running: no health check has passed yet") {
		t.Error(got)
	}
	report := f.Reports["n1"].Instances
	report[0].Restarts, report[0].LastExit = 1, &state.Exit{Code: 7}
	var w Wait
	if w = complaint(&report[0], w); w.Reason != "running: no health check has passed yet; the process before it: exit code 7" {
		t.Error(w.Reason)
	}
	f.ticks(10)
	f.wantVersions("n1: sick v1, n2: v1 v1")
	if got := f.state("web"); !strings.Contains(got, "n1/web.0: unhealthy") {
		t.Error(got)
	}
	// A check alone that is new is rolled out as well, though nothing restarts.
	f, _ = started(t, 1)
	checked := *f.Apps["web"]
	checked.HealthChecks = next.HealthChecks
	f.Apps["web"] = &checked
	pid := f.Reports["n1"].Instances[0].PID
	f.ticks(3)
	if n := len(f.Manifests["n1"].Manifest.Entry("web").Previous); n != 1 || f.Reports["n1"].Instances[0].PID != pid {
		t.Errorf("%d previous contents; pid %d, was %d", n, f.Reports["n1"].Instances[0].PID, pid)
	}
	f.until("it is complete", func() bool { r := f.last.Rollouts["web"]; return r != nil && r.Complete })
}

func TestParallelAndCanary(t *testing.T) {
	f, _ := started(t, 3)
	f.edit("web", "v2")
	f.tick()
	f.wantVersions("n1: v2 v2, n2: v2 v1")

	f, u := started(t, 4)
	u.Canary = 1
	f.edit("web", "v2")
	f.ticks(5)
	f.wantVersions("n1: v2 v1, n2: v1 v1")
	f.until("the canary sang", func() bool { return f.number("web", "v2") == 4 })
	if f.last.Rollouts["web"].Available != 1 {
		t.Error(f.state("web"))
	}
}

func TestAFixIsNotHeldUp(t *testing.T) {
	f, _ := started(t, 1)
	f.edit("web", "bad")
	f.ticks(10)
	f.wantVersions("n1: bad v1, n2: v1 v1")
	f.edit("web", "v3")
	f.tick()
	f.wantVersions("n1: v3 v1, n2: v1 v1")
	f.until("all are new", func() bool { return f.number("web", "v3") == 4 })

	// All of it is broken: the fix reaches all at once, whatever the canaries say.
	f = newFleet(t, "n1", "n2")
	_, u := f.rolling("web", 4, 1)
	u.Canary = 1
	f.edit("web", "bad")
	f.ticks(5)
	f.edit("web", "v2")
	f.tick()
	f.wantVersions("n1: v2 v2, n2: v2 v2")

	// One in the middle is broken: it alone is free.
	f, _ = started(t, 1)
	f.procs["n2/web.1"].what = "bad"
	f.tick()
	f.edit("web", "v2")
	f.tick()
	f.wantVersions("n1: v1 v1, n2: v1 v2")
	f.until("all are new", func() bool { return f.number("web", "v2") == 4 })
}

func TestRestartIsARollout(t *testing.T) {
	f, _ := started(t, 1)
	next := *f.Apps["web"]
	next.RestartToken = "again"
	f.Apps["web"] = &next
	pids := map[string]int{}
	for id, p := range f.procs {
		pids[id] = p.pid
	}
	f.ticks(2)
	changed := 0
	for id, p := range f.procs {
		if pids[id] != p.pid {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("%d restarted at once", changed)
	}
	f.until("it is complete", func() bool { r := f.last.Rollouts["web"]; return r != nil && r.Complete })
	for id, p := range f.procs {
		if pids[id] == p.pid {
			t.Errorf("%s was not restarted", id)
		}
	}
}

func TestNoGate(t *testing.T) {
	f, _ := started(t, 1)
	f.Choreos["web"].Schedule = &state.Schedule{Cron: "@daily"}
	f.ticks(2)
	f.edit("web", "v2")
	f.tick()
	f.wantVersions("n1: v2 v2, n2: v2 v2")
}

func TestNodesThatAreDownAreSkipped(t *testing.T) {
	f, _ := started(t, 1)
	f.Frozen = "many fell silent"
	f.Nodes["n1"].State = state.NodeDown
	f.edit("web", "v2")
	f.until("n2 is new", func() bool { r := f.last.Rollouts["web"]; return r != nil && r.Complete })
	f.wantVersions("n1: v1 v1, n2: v2 v2")
	f.Nodes["n1"].State, f.Frozen = state.NodeUp, ""
	f.tick()
	f.tick()
	if f.number("web", "v1") < 1 {
		t.Errorf("all of a node that came back at once: %s", f.versions("web"))
	}
	f.until("n1 is new", func() bool { return f.number("web", "v2") == 4 })
}

func TestHeldIsNotTouchedAndNotWaitedFor(t *testing.T) {
	f, _ := started(t, 1)
	paused := *f.Manifests["n1"].Manifest
	paused.Paused = true
	f.Manifests["n1"] = Current{Manifest: &paused}
	f.edit("web", "v2")
	f.until("it is complete", func() bool { r := f.last.Rollouts["web"]; return r != nil && r.Complete })
	f.wantVersions("n1: v1 v1, n2: v2 v2")
}

func TestUnreadableDocumentsHoldARollout(t *testing.T) {
	f, _ := started(t, 1)
	f.edit("web", "v2")
	f.ticks(2)
	app, choreo := f.Apps["web"], f.Choreos["web"]
	delete(f.Apps, "web")
	f.Broken["web"] = "line 3"
	f.ticks(100)
	f.wantVersions("n1: v2 v1, n2: v1 v1")
	f.Apps["web"] = app
	delete(f.Choreos, "web")
	f.ticks(100)
	f.wantVersions("n1: v2 v1, n2: v1 v1")
	if r := f.last.Rollouts["web"]; r.Held == "" || r.Failed {
		t.Errorf("%+v", r)
	}
	f.Choreos["web"] = choreo
	delete(f.Broken, "web")
	f.until("all are new", func() bool { return f.number("web", "v2") == 4 })
}

func TestWhatNewPlacesGet(t *testing.T) {
	f, _ := started(t, 1)
	f.edit("web", "bad")
	f.ticks(5)
	f.Choreos["web"].Scale = 6
	f.tick()
	if f.number("web", "v1") != 5 {
		t.Errorf("unproven content was placed: %s", f.versions("web"))
	}
	f.node("n3")
	f.Choreos["web"].Scale = 7
	f.tick()
	if e := f.Manifests["n3"].Manifest.Entry("web"); e == nil || e.App.ToProcess != "v1" || len(e.Previous) > 0 {
		t.Errorf("n3 has %+v", e)
	}
	f.edit("web", "v3")
	f.until("v3 is proven", func() bool { r := f.last.Rollouts["web"]; return r != nil && r.Available > 0 })
	f.node("n4")
	f.Choreos["web"].Scale = 8
	f.tick()
	if e := f.Manifests["n4"].Manifest.Entry("web"); e == nil || e.App.ToProcess != "v3" {
		t.Errorf("n4 has %+v", e)
	}
	f.Revisions = map[string]Revision{"web": {Proven: true}}
	f.edit("web", "v1")
	f.node("n5")
	f.Choreos["web"].Scale = 9
	f.tick()
	if e := f.Manifests["n5"].Manifest.Entry("web"); e == nil || e.App.ToProcess != "v1" {
		t.Errorf("n5 has %+v", e)
	}
}

func TestANodeThatCannotReadItsManifest(t *testing.T) {
	f, _ := started(t, 1)
	f.mute["n1"] = true
	f.edit("web", "v2")
	f.ticks(3)
	if got := f.state("web"); !strings.Contains(got, "n1/web.0: node n1 has not taken up the change yet") {
		t.Error(got)
	}
	r := *f.Reports["n1"]
	r.Manifest.Error = "line 4"
	f.Reports["n1"] = &r
	f.tick()
	if got := f.state("web"); !strings.Contains(got, "node n1 cannot take up its manifest: line 4") {
		t.Error(got)
	}
}

// Another change of the node's manifest does not make what is proven unproven.
func TestProofOutlastsManifests(t *testing.T) {
	f, _ := started(t, 1)
	f.edit("web", "v2")
	f.until("one is proven", func() bool { r := f.last.Rollouts["web"]; return r != nil && r.Available == 1 })
	f.app("other", 2)
	f.mute["n1"] = true
	f.ticks(2)
	if f.last.Rollouts["web"].Available < 1 {
		t.Error(f.state("web"))
	}
}

func TestAMastersRestartLosesNothing(t *testing.T) {
	f, _ := started(t, 1)
	f.edit("web", "v2")
	for n := range 200 {
		if n%7 == 6 {
			f.Rollouts = nil
		}
		f.tick()
	}
	f.wantVersions("n1: v2 v2, n2: v2 v2")
}

func TestShiftForgivesTimeUnseen(t *testing.T) {
	f, _ := started(t, 1)
	f.edit("web", "slow")
	f.ticks(3)
	f.Now = f.Now.Add(time.Hour)
	f.Rollouts = map[string]*Rollout{"web": f.Rollouts["web"].Shift(time.Hour)}
	f.tick()
	if f.last.Rollouts["web"].Failed {
		t.Error(f.state("web"))
	}
}

func TestCompletedIsAvailable(t *testing.T) {
	f, _ := started(t, 1)
	f.edit("web", "done")
	if n := f.until("all are new", func() bool { return f.number("web", "done") == 4 }); n > 8 {
		t.Errorf("took %d s: one that has done its work has nothing more to prove", n)
	}
}

func TestNewFixedPortOfAnother(t *testing.T) {
	f := newFleet(t, "n1", "n2")
	f.rolling("web", 2, 1)
	db, _ := f.app("db", 1, 80)
	f.Choreos["db"].Query = "db"
	f.Nodes["n1"].Tags = []string{"db"}
	f.ticks(3)
	_ = db
	next := *f.Apps["web"]
	next.Ports, next.ToProcess = []int{80}, "v2"
	f.Apps["web"] = &next
	f.until("n2 is new", func() bool { return f.versions("web") == "n1: v1, n2: v2" })
	f.ticks(10)
	if got := f.state("web"); !strings.Contains(got, "n1/web.0: port 80 of the new version is in use by db") {
		t.Error(got)
	}
	f.node("n3")
	f.until("n3 takes it", func() bool { return f.versions("web") == "n2: v2, n3: v2" })

	f = newFleet(t, "n1")
	f.rolling("web", 1, 1)
	f.app("db", 1, 80)
	f.ticks(3)
	next = *f.Apps["web"]
	next.Ports = []int{80}
	f.Apps["web"] = &next
	f.ticks(70)
	f.wantVersions("n1: v1")
	if got := f.state("web"); !strings.Contains(got, "failed waits for n1/web.0: port 80 of the new version is in use by db on the node, and no other node has room") {
		t.Error(got)
	}
}
