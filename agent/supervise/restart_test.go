package supervise

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

const (
	onlyA = `{"apps":[{"app":{"name":"a","toProcess":"run"}}]}`
	aAndB = `{"apps":[{"app":{"name":"a","toProcess":"run","args":["2"]}},{"app":{"name":"b","toProcess":"run"}}]}`
)

// The disk was full when a manifest came, and the next agent has no bucket: the older copy is no reason to stop anything.
func TestAnOldCopyStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(onlyA)
		blocked := filepath.Join(n.dir, "manifest.json.tmp")
		if err := os.Mkdir(blocked, 0o755); err != nil {
			t.Fatal(err)
		}
		n.manifest(aAndB)
		before := n.wantRunning("n/a.0", "n/b.0")
		n.stop()
		_ = os.Remove(blocked)

		n.store.Fail(func(string, string) error { return state.Errorf(state.Unavailable, "", "no bucket") })
		n.start()
		defer func() { n.stop() }()
		time.Sleep(time.Minute)
		n.settle()
		if after := n.wantRunning("n/a.0", "n/b.0"); after["n/a.0"] != before["n/a.0"] || after["n/b.0"] != before["n/b.0"] {
			t.Errorf("restarted: %v, then %v", before, after)
		}
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 1})
		n.settle()
		n.wantRunning("n/a.0", "n/b.0") // it is guarded all the same
		n.store.Fail(nil)
		time.Sleep(10 * time.Second)
		n.settle()
		if after := n.wantRunning("n/a.0", "n/b.0"); after["n/b.0"] != before["n/b.0"] {
			t.Error("b was restarted")
		}
		n.manifest(onlyA)
		n.wantRunning("n/a.0")
	})
}

// What was taken out of the manifest while no agent ran is not started once more.
func TestRemovedWhileTheAgentWasDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(aAndB)
		n.stop()
		n.runner.end(n.runner.identity("n/b.0"), proc.Exit{})
		<-n.runner.exits
		n.manifest(onlyA)
		n.start()
		defer func() { n.stop() }()
		n.wantRunning("n/a.0")
		if starts := n.runner.startsOf("n/b.0"); len(starts) != 1 {
			t.Errorf("b was started %d times", len(starts))
		}
	})
}

// A bucket that hangs holds up the last good manifest for a moment only.
func TestTheBucketHangsAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(onlyA)
		n.stop()
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{})
		<-n.runner.exits
		n.store.Fail(func(string, string) error {
			time.Sleep(20 * time.Second)
			return state.Errorf(state.Unavailable, "", "no bucket")
		})
		n.start()
		defer func() { n.stop() }()
		n.wantRunning()
		if m, _ := n.Manifest(); m == nil {
			t.Error("no manifest is shown")
		}
		time.Sleep(firstAnswer)
		n.settle()
		n.wantRunning("n/a.0")
	})
}

func TestWipedWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(onlyA)
		before := n.wantRunning("n/a.0")
		if err := os.RemoveAll(n.dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		n.settle()
		n.stop()
		for _, name := range []string{"manifest.json", "manifest.meta.json", "run/a.0.json"} {
			if _, err := os.Stat(filepath.Join(n.dir, name)); err != nil {
				t.Error(err)
			}
		}
		n.start()
		defer func() { n.stop() }()
		if after := n.wantRunning("n/a.0"); after["n/a.0"] != before["n/a.0"] {
			t.Error("it was restarted")
		}
		if got := strings.Count(n.log.String(), "was wiped"); got != 1 {
			t.Errorf("told %d times", got)
		}
	})
}

// A program that a script executes is reported under its own name soon.
func TestReportSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"shim"}}]}`)
		if got := n.instance("n/a.0").Cmd; got != "shim" {
			t.Fatalf("cmd %q", got)
		}
		time.Sleep(settleAfter)
		n.settle()
		if got := n.instance("n/a.0").Cmd; got != "program" {
			t.Errorf("cmd %q a second later", got)
		}
	})
}

func TestReportsOfCrashLoopsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run","restart":{"maxBackoffSeconds":0.1}},"count":10}]}`)
		writes := 0
		n.store.Fail(func(op, key string) error {
			if op == "put" && key == "reports/n.json" {
				writes++
			}
			return nil
		})
		const seconds = 40
		for range seconds * 10 {
			for _, pid := range n.runner.pids() {
				n.runner.end(proc.Identity{PID: pid, Start: uint64(pid), Boot: n.runner.boot}, proc.Exit{Code: 1})
			}
			time.Sleep(time.Second / 10)
		}
		synctest.Wait()
		if most := seconds + int(reportBurst/reportEvery) + 2; writes > most {
			t.Errorf("%d reports in %d s, want at most %d", writes, seconds, most)
		}
	})
}

// A second signal to the agent ends what would take its time.
func TestHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		hurry := make(chan struct{})
		n.opts.StopOnExit, n.opts.Hurry = true, hurry
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"deaf","killTimeoutSeconds":3600}}]}`)
		began := time.Now()
		time.AfterFunc(time.Minute, func() { close(hurry) })
		n.stop()
		if took := time.Since(began); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("it took %v", took)
		}
		n.wantRunning()
	})
}

// A program that puts itself into the background is told so.
func TestStraysAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run","restart":{"backoffSeconds":5}}}]}`)
		leader := n.runner.identity("n/a.0")
		n.runner.mu.Lock()
		n.runner.next++
		n.runner.live[proc.Identity{PID: n.runner.next, Start: uint64(n.runner.next), Boot: n.runner.boot}] = n.runner.live[leader]
		n.runner.mu.Unlock()
		n.runner.end(leader, proc.Exit{})
		n.settle()
		if got := n.instance("n/a.0").Reason; !strings.Contains(got, "left 1 of its processes behind") {
			t.Errorf("reason %q", got)
		}
		n.wantRunning()
	})
}

// The report comes back within a minute, whoever took it away; to look costs one GET a minute, and no PUT.
func TestVanishedReportComesBack(t *testing.T) {
	tests := map[string]func(n *node){
		"deleted":        func(n *node) { _ = n.store.Delete(n.t.Context(), "reports/n.json", "") },
		"an old one":     func(n *node) { n.put("reports/n.json", `{"node":"n","instances":[],"future":1}`) },
		"garbage":        func(n *node) { n.put("reports/n.json", "{") },
		"left as it was": func(*node) {},
		"while store dies": func(n *node) {
			_ = n.store.Delete(n.t.Context(), "reports/n.json", "")
			n.store.Fail(func(string, string) error { return state.Errorf(state.Unavailable, "", "no bucket") })
			time.Sleep(3 * time.Minute)
			n.store.Fail(nil)
		},
	}
	for name, harm := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.opts.Poll, n.opts.Heartbeat = 1000*time.Hour, 1000*time.Hour
				n.put("manifests/n.json", onlyA)
				n.start()
				defer func() { n.stop() }()
				time.Sleep(2 * time.Minute)
				n.settle()
				before := n.store.Counts()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				after := n.store.Counts()
				if gets, puts := after["get"]-before["get"], after["put"]-before["put"]; gets != 10 || puts != 0 {
					t.Errorf("10 idle minutes cost %d gets, %d puts", gets, puts)
				}
				harm(n)
				time.Sleep(time.Minute)
				n.settle()
				if got := n.instance("n/a.0"); got.State != state.Running {
					t.Errorf("reported %+v", got)
				}
				if got := string(n.stored().Extra); name == "an old one" && !strings.Contains(got, "future") {
					t.Errorf("the unknown member is lost: %q", got)
				}
				n.wantRunning("n/a.0")
			})
		})
	}
}
