package scheduler

import (
	"strings"
	"testing"

	"stathub/state"
)

// While it is paused, a rollout replaces nothing, not even what does not work, and no deadline runs; then it goes on from
// where it was.
func TestPausedRollout(t *testing.T) {
	for name, program := range map[string]string{"good": "v2", "bad": "bad"} {
		t.Run(name, func(t *testing.T) {
			f, u := started(t, 1)
			f.edit("web", program)
			f.tick()
			at := "n1: " + program + " v1, n2: v1 v1"
			f.wantVersions(at)
			u.Paused = true
			f.ticks(200) // the deadline is 60
			f.wantVersions(at)
			if r := f.last.Rollouts["web"]; r.Failed || r.Held != "it is paused" || r.Old != 3 {
				t.Errorf("%+v", r)
			}
			if !f.last.Wake.IsZero() && f.last.Wake.Before(f.Now) {
				t.Errorf("it wakes at %s, which is over", f.last.Wake)
			}
			u.Paused = false
			if program == "v2" {
				f.until("all are new", func() bool { return f.number("web", "v2") == 4 })
				return
			}
			f.ticks(70)
			if !strings.Contains(f.state("web"), "failed") {
				t.Errorf("the deadline does not run again: %s", f.state("web"))
			}
		})
	}
}

// A change that comes while rollouts are paused waits as a whole; instances that get a new place meanwhile are what the
// others are.
func TestChangeWhilePaused(t *testing.T) {
	f, u := started(t, 2)
	u.Paused = true
	f.edit("web", "v2")
	f.Choreos["web"].Scale = 6
	f.ticks(20)
	f.wantVersions("n1: v1 v1 v1, n2: v1 v1 v1")
	f.Nodes["n2"].State = state.NodeDown
	f.ticks(5)
	if f.number("web", "v2") != 0 {
		t.Errorf("it spread: %s", f.versions("web"))
	}
	f.Nodes["n2"].State = state.NodeUp
	u.Paused = false
	f.until("all are new", func() bool { return f.number("web", "v2") == f.total("web") })
}
