package supervise

import (
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

// A restart brings a new process under each policy, from each state, and touches no other instance.
func TestRestartOfOne(t *testing.T) {
	ended := func(exit proc.Exit) func(n *node) {
		return func(n *node) {
			n.runner.end(n.runner.identity("n/web.0"), exit)
			n.settle()
		}
	}
	for name, tc := range map[string]struct {
		policy string
		before func(n *node)
		state  state.InstanceState // before the restart
	}{
		"runs":                  {"always", func(*node) {}, state.Running},
		"runs, on failure":      {"on-failure", func(*node) {}, state.Running},
		"runs, never":           {"never", func(*node) {}, state.Running},
		"completed":             {"on-failure", ended(proc.Exit{Known: true}), state.Completed},
		"failed":                {"never", ended(proc.Exit{Known: true, Code: 3}), state.Failed},
		"waits to be restarted": {"always", func(n *node) { ended(proc.Exit{Known: true, Code: 3})(n); ended(proc.Exit{Known: true, Code: 3})(n) }, state.Backoff},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.start()
				defer func() { n.stop() }()
				n.manifest(`{"apps": [{"app": {"name": "web", "toProcess": "run", "restart": {"policy": "` + tc.policy + `"}}, "count": 2}]}`)
				before := n.wantRunning("n/web.0", "n/web.1")
				tc.before(n)
				if got := n.instance("n/web.0").State; got != tc.state {
					t.Fatalf("it is %s, want %s", got, tc.state)
				}
				if err := n.Restart(t.Context(), "web.0"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				after := n.wantRunning("n/web.0", "n/web.1")
				if after["n/web.0"] == before["n/web.0"] || after["n/web.1"] != before["n/web.1"] {
					t.Errorf("processes %v, before %v", after, before)
				}
			})
		})
	}
}

// What would not start again is not stopped.
func TestRestartRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps": [{"app": {"name": "off", "toProcess": "run", "start": false}, "count": 1},
			{"app": {"name": "job", "toProcess": "run"}, "count": 1, "schedule": {"cron": "* * * * *"}}]}`)
		time.Sleep(time.Minute + time.Second)
		n.settle()
		n.wantRunning("n/job.0")
		for name, want := range map[string]state.Code{"off.0": state.Nonsense, "job.0": state.Nonsense, "none.0": state.NotFound} {
			if err := n.Restart(t.Context(), name); state.CodeOf(err) != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		n.wantRunning("n/job.0")
	})
}

func TestRounded(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-38 * time.Microsecond: "0s", 400 * time.Microsecond: "0s", 1053 * time.Microsecond: "1ms", 9999 * time.Millisecond: "9.999s", 90*time.Second + 400*time.Millisecond: "1m30s",
	} {
		if got := rounded(d).String(); got != want {
			t.Errorf("%v is told as %s, want %s", d, got, want)
		}
	}
}
