package supervise

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/health"
	"stathub/agent/proc"
	"stathub/state"
)

// fakeChecks answers every check with what the test says, and notes when each was run.
type fakeChecks struct {
	mu     sync.Mutex
	bad    bool
	hang   bool // until it is called off
	began  []time.Time
	probes []health.Probe
	under  int // way
}

func (f *fakeChecks) check(ctx context.Context, p health.Probe) health.Outcome {
	f.mu.Lock()
	f.began, f.probes = append(f.began, time.Now()), append(f.probes, p)
	bad, hang := f.bad, f.hang
	f.under++
	f.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.under--
	if bad {
		return health.Outcome{Message: "connection refused"}
	}
	return health.Outcome{OK: true, Message: "connected"}
}

func (f *fakeChecks) set(bad, hang bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad, f.hang = bad, hang
}

func (f *fakeChecks) runs() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.began)
}

func (f *fakeChecks) running() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.under
}

// probe gives the first one.
func (f *fakeChecks) probe() health.Probe {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.probes[0]
}

const tcpCheck = `{"protocol":"TCP","initialDelaySeconds":5,"intervalSeconds":10,"timeoutSeconds":1,"maxConsecutiveFailures":3}`

// checkedApp is a manifest with one app that has a check.
func checkedApp(check, more string) string {
	return fmt.Sprintf(`{"apps":[{"app":{"name":"a","toProcess":"run","ports":[80],"healthChecks":[%s]%s}}]}`, check, more)
}

func newChecked(t *testing.T) (*node, *fakeChecks) {
	n, f := newNode(t), &fakeChecks{}
	n.opts.Check = f.check
	return n, f
}

func (n *node) wantState(want state.InstanceState, h state.Health) state.Instance {
	n.t.Helper()
	got := n.instance("n/a.0")
	if got.State != want || got.Health != h {
		n.t.Errorf("%s, %s (%s); want %s, %s", got.State, got.Health, got.Reason, want, h)
	}
	return got
}

func TestHealthOfARunningInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, f := newChecked(t)
		n.start()
		began := time.Now()
		n.manifest(checkedApp(tcpCheck, ""))
		n.wantState(state.Running, state.HealthUnknown)
		time.Sleep(5 * time.Second)
		n.settle()
		n.wantState(state.Healthy, state.HealthHealthy)
		puts := n.store.Counts()["put"]
		time.Sleep(2 * time.Minute)
		n.settle()
		if got := len(f.runs()); got != 13 {
			t.Errorf("%d checks", got)
		}
		if first := f.runs()[0].Sub(began); first < 5*time.Second || first > 5100*time.Millisecond {
			t.Errorf("the first check after %v", first)
		}
		if got := n.store.Counts()["put"] - puts; got > 13 {
			t.Errorf("checks that pass make reports: %d writes", got)
		}
		pid := n.wantRunning("n/a.0")["n/a.0"]
		if got, err := n.Health(pid); err != nil || len(got) != 1 || got[0].Health != state.HealthHealthy || len(got[0].Results) != 10 {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := n.Health(1); state.CodeOf(err) != state.NotFound {
			t.Errorf("no such process: %v", err)
		}
		if p := f.probe(); !slices.Equal(p.Ports, []int{80}) || p.Env != nil {
			t.Errorf("probe %+v", p)
		}
		n.stop()
		n.wantRunning("n/a.0")
	})
}

// The third failure in a row kills, and neither the second nor a fourth; the first restart comes at once, later ones wait.
func TestFailingIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, f := newChecked(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(checkedApp(tcpCheck, `,"killSignal":2`))
		first := n.runner.identity("n/a.0")
		time.Sleep(5 * time.Second)
		n.settle()
		f.set(true, false)
		time.Sleep(20 * time.Second)
		n.settle()
		n.wantState(state.Healthy, state.HealthHealthy) // two failures
		if n.runner.identity("n/a.0") != first || len(n.runner.sent()) > 0 {
			t.Fatal("killed too early")
		}
		time.Sleep(10 * time.Second)
		n.settle()
		got := n.wantState(state.Running, state.HealthUnknown)
		if got.PID == first.PID || got.Restarts != 1 || len(f.runs()) != 4 || !slices.Equal(n.runner.sent(), []int{2}) {
			t.Errorf("after the third failure: %+v, %d checks, signals %v", got, len(f.runs()), n.runner.sent())
		}
		want := "health check failed: 127.0.0.1:80: connection refused; then "
		if !strings.HasPrefix(got.LastExit.Reason, want) || got.LastExit.Signal != 2 {
			t.Errorf("last exit %+v", got.LastExit)
		}
		time.Sleep(10 * time.Minute)
		starts := n.runner.startsOf("n/a.0")
		for k, wait := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second} {
			lived := 25 * time.Second // 5 s, then three checks
			if k == 0 {
				lived = 35 * time.Second
			}
			if took := starts[k+1].Sub(starts[k]); took < lived+wait || took > lived+wait+200*time.Millisecond {
				t.Errorf("start %d came after %v, want %v", k+2, took, lived+wait)
			}
		}
		if len(n.runner.twice) > 0 {
			t.Error("two processes at one time")
		}
	})
}

func TestFailingUnderAPolicy(t *testing.T) {
	for policy, want := range map[string]state.InstanceState{"never": state.Failed, "on-failure": state.Healthy} {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, f := newChecked(t)
				f.bad = true
				n.start()
				defer func() { n.stop() }()
				n.manifest(checkedApp(tcpCheck, `,"restart":{"policy":"`+policy+`"}`))
				time.Sleep(26 * time.Second)
				f.set(false, false)
				time.Sleep(10 * time.Second)
				n.settle()
				got := n.instance("n/a.0")
				if got.State != want || policy == "never" && !strings.HasPrefix(got.Reason, "health check failed: ") {
					t.Errorf("%s: %s", got.State, got.Reason)
				}
			})
		})
	}
}

// Law 5: other checks are other checks of the same process.
func TestChangedChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, f := newChecked(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(checkedApp(tcpCheck, ""))
		before := n.wantRunning("n/a.0")["n/a.0"]
		time.Sleep(10 * time.Second)
		f.set(true, false)
		time.Sleep(17 * time.Second) // two failures of the old check
		n.manifest(checkedApp(strings.Replace(tcpCheck, `"initialDelaySeconds":5,"intervalSeconds":10`, `"initialDelaySeconds":5,"intervalSeconds":60`, 1), ""))
		time.Sleep(30 * time.Second)
		n.settle()
		n.wantState(state.Running, state.HealthUnknown) // one failure of the new one, which was due at once
		runs := len(f.runs())
		n.manifest(checkedApp("", ""))
		time.Sleep(5 * time.Minute)
		n.settle()
		n.wantState(state.Running, state.HealthUnknown)
		if runs != 4 || len(f.runs()) != runs {
			t.Errorf("%d checks, and %d after there were none any more", runs, len(f.runs()))
		}
		if got, err := n.Health(before); err != nil || got == nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
		f.set(false, false)
		n.manifest(checkedApp(tcpCheck, ""))
		n.wantState(state.Healthy, state.HealthHealthy)
		if after := n.wantRunning("n/a.0")["n/a.0"]; after != before {
			t.Error("it was restarted")
		}
	})
}

func TestAdoptedIsChecked(t *testing.T) {
	for _, bucket := range []bool{true, false} {
		t.Run(fmt.Sprintf("bucket=%v", bucket), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, f := newChecked(t)
				n.start()
				began := time.Now()
				n.manifest(checkedApp(strings.Replace(tcpCheck, `Seconds":5`, `Seconds":30`, 1), ""))
				first := n.wantRunning("n/a.0")["n/a.0"]
				n.stop()
				time.Sleep(15 * time.Second)
				if len(f.runs()) > 0 {
					t.Error("checked too early, or by nobody")
				}
				if !bucket {
					n.store.Fail(func(string, string) error { return state.Errorf(state.Unavailable, "", "no bucket") })
				}
				n.start()
				time.Sleep(20 * time.Second)
				if got := f.runs(); len(got) != 1 || got[0].Sub(began) < 30*time.Second || got[0].Sub(began) > 31*time.Second {
					t.Errorf("checks at %v, started at %v", got, began)
				}
				f.set(true, false)
				time.Sleep(30 * time.Second)
				n.settle()
				if after := n.wantRunning("n/a.0")["n/a.0"]; after == first {
					t.Error("it fails and was not replaced")
				}
				n.stop()
			})
		})
	}
}

// A check that hangs is called off before its process is stopped, when it exits, and when the agent ends.
func TestChecksEndWithTheirProcess(t *testing.T) {
	ends := map[string]func(*node){
		"stopped":   func(n *node) { n.manifest(`{"apps":[]}`) },
		"exited":    func(n *node) { n.runner.end(n.runner.identity("n/a.0"), proc.Exit{}); n.settle() },
		"unchecked": func(n *node) { n.manifest(checkedApp("", "")) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, f := newChecked(t)
				f.set(true, true)
				n.start()
				n.manifest(checkedApp(tcpCheck, ""))
				time.Sleep(6 * time.Second)
				synctest.Wait()
				if f.running() != 1 {
					t.Fatalf("%d checks under way", f.running())
				}
				end(n)
				if f.running() != 0 {
					t.Error("the check goes on")
				}
				time.Sleep(6 * time.Second)
				n.stop() // the bubble would not end with a check in it
				if f.running() != 0 || len(n.runner.twice) > 0 {
					t.Error("a check is left")
				}
			})
		})
	}
}

func TestLateResultsAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := newChecked(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(checkedApp(tcpCheck, ""))
		var old *watch
		n.call(func() { old = n.instances["n/a.0"].watch })
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{})
		n.settle()
		pid := n.wantRunning("n/a.0")["n/a.0"]
		n.call(func() {
			n.checked(n.instances["n/a.0"], old, health.Summary{Health: state.HealthUnhealthy, Failed: &health.Result{}})
		})
		n.settle()
		if n.wantRunning("n/a.0")["n/a.0"] != pid {
			t.Error("a result of the process before killed it")
		}
		n.wantState(state.Running, state.HealthUnknown)
	})
}

func TestCommandChecksRunAsTheInstanceDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, f := newChecked(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(checkedApp(strings.Replace(tcpCheck, `"TCP"`, `"COMMAND","command":["check"]`, 1), `,"user":"nobody-here","workingDirectory":"/tmp","envs":{"X":"${PORT}"}`))
		if got := n.instance("n/a.0"); got.State != state.Running {
			t.Fatalf("%s: %s", got.State, got.Reason)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		p := f.probe()
		if p.Dir != "/tmp" || p.User != "nobody-here" {
			t.Errorf("in %s as %s", p.Dir, p.User)
		}
		n.runner.mu.Lock()
		defer n.runner.mu.Unlock()
		for _, spec := range n.runner.live {
			slices.Sort(spec.Env)
			slices.Sort(p.Env)
			if !slices.Equal(spec.Env, p.Env) {
				t.Errorf("environment %q, of the process %q", p.Env, spec.Env)
			}
		}
	})
}
