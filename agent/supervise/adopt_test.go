package supervise

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

func TestAdoption(t *testing.T) {
	for _, wiped := range []bool{false, true} {
		t.Run(fmt.Sprintf("wiped=%v", wiped), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.start()
				n.manifest(two)
				before := n.wantRunning("n/a.0", "n/a.1")
				ports := n.instance("n/a.1").Ports
				n.stop()
				n.wantRunning("n/a.0", "n/a.1")
				if wiped {
					if err := os.RemoveAll(n.dir); err != nil {
						t.Fatal(err)
					}
				}
				n.start()
				after := n.wantRunning("n/a.0", "n/a.1")
				if !maps.Equal(before, after) {
					t.Errorf("not adopted: %v, before %v", after, before)
				}
				if got := n.instance("n/a.1"); !slices.Equal(got.Ports, ports) || got.State != state.Running {
					t.Errorf("adopted as %+v", got)
				}
				n.runner.end(n.runner.identity("n/a.1"), proc.Exit{Code: 1})
				n.settle()
				n.wantRunning("n/a.0", "n/a.1")
				n.stop()
			})
		})
	}
}

func TestDiedWhileNoAgentRan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run"}},{"app":{"name":"job","toProcess":"run","restart":{"policy":"never"}}}]}`)
		n.runner.end(n.runner.identity("n/job.0"), proc.Exit{})
		n.settle()
		n.stop()
		n.runner.mu.Lock()
		clear(n.runner.live)
		n.runner.mu.Unlock()
		n.start()
		n.wantRunning("n/a.0")
		if got := n.instance("n/job.0"); got.State != state.Completed {
			t.Errorf("a job that was done is %s", got.State)
		}
		n.stop()
	})
}

func TestTwoProcessesOfOneInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run"}}]}`)
		kept := n.runner.identity("n/a.0").PID
		n.stop()
		if _, err := n.runner.Start(proc.Spec{Argv: []string{"run"}, Env: []string{"STATHUB_INSTANCE=n/a.0"}}); err != nil {
			t.Fatal(err)
		}
		n.start()
		if got := n.instance("n/a.0").PID; got != kept {
			t.Errorf("adopted process %d, want %d", got, kept)
		}
		if got := n.stored().Errors; len(got) != 1 || !strings.Contains(got[0], "second process") {
			t.Errorf("errors: %v", got)
		}
		if len(n.runner.signals) > 0 {
			t.Error("a process was signalled")
		}
		n.stop()
	})
}

func TestUnwatchableIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run"}}]}`)
		n.stop()
		n.runner.refuses = errors.New("too many open files")
		n.start()
		n.wantRunning("n/a.0")
		n.runner.mu.Lock()
		n.runner.refuses = nil
		n.runner.mu.Unlock()
		time.Sleep(2 * time.Second)
		n.settle()
		if !strings.Contains(n.log.String(), "watching again") {
			t.Error("it is not watched again")
		}
		n.stop()
	})
}
