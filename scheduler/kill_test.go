package scheduler

import (
	"testing"
	"time"

	"stathub/state"
)

// Orders to kill stay until the report no longer has their process, and are all that is changed then.
func TestKillsArePruned(t *testing.T) {
	w := newWorld("n1", "n2")
	w.app("web", 2)
	w.settle(t)
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	kill := func(app string, pid int) state.Kill {
		return state.Kill{Instance: state.InstanceID("n1", app, 0), PID: pid, StartTime: start}
	}
	m := w.Manifests["n1"].Manifest
	m.Kill = []state.Kill{kill("web", 10), kill("web", 11), kill("gone", 12)}
	w.Manifests["n1"] = Current{Manifest: m}
	w.settle(t)
	if got := w.Manifests["n1"].Manifest.Kill; len(got) != 3 {
		t.Fatalf("without a report the orders are %v", got)
	}
	w.Reports["n1"] = &state.Report{Node: "n1", Instances: []state.Instance{
		{ID: "n1/web.0", App: "web", PID: 11, StartTime: start.Add(500 * time.Millisecond), State: state.Running},
	}}
	before := w.Manifests["n1"].Manifest
	w.settle(t)
	after := w.Manifests["n1"].Manifest
	if len(after.Kill) != 1 || after.Kill[0].PID != 11 {
		t.Errorf("the orders are %v, want that of the process that is there", after.Kill)
	}
	if after.Generation != before.Generation+1 || state.ContentETag(after.Apps) != state.ContentETag(before.Apps) {
		t.Errorf("more than the orders changed: %s", state.Encode(after))
	}
	w.Reports["n1"].Instances[0].StartTime = start.Add(time.Minute) // another process of that number
	w.settle(t)
	if got := w.Manifests["n1"].Manifest.Kill; len(got) != 0 {
		t.Errorf("the orders are %v, want none", got)
	}
}
