package supervise

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/events"
	"stathub/agent/proc"
	"stathub/state"
)

// fakeLimiter remembers limits, and counts what a test says.
type fakeLimiter struct {
	mu       sync.Mutex
	limits   map[string]proc.Limits
	counters map[string]proc.Counters
	released []string
	refuses  error
}

func newFakeLimiter() *fakeLimiter {
	return &fakeLimiter{limits: map[string]proc.Limits{}, counters: map[string]proc.Counters{}}
}

func (f *fakeLimiter) Limit(marker string, l proc.Limits) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limits[marker] = l
	return f.refuses
}

func (f *fakeLimiter) Counters(marker string) proc.Counters {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counters[marker]
}

func (f *fakeLimiter) Consumed(string, []int) proc.Consumption {
	return proc.Consumption{IORead: 1 << 20, IOWrite: 2 << 20, Files: 7}
}

func (f *fakeLimiter) Release(marker string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.released = append(f.released, marker)
	delete(f.limits, marker)
	delete(f.counters, marker)
}

func (f *fakeLimiter) Sweep() {}

func (f *fakeLimiter) happen(marker string, c proc.Counters) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counters[marker] = c
}

// limitedNode is a node whose agent can enforce everything.
func limitedNode(t *testing.T) (*node, *fakeLimiter) {
	n, l := newNode(t), newFakeLimiter()
	n.opts.Limiter = l
	n.opts.Isolation = []string{"cgroup2", proc.LimitsCPU, proc.LimitsMemory, proc.LimitsPIDs, proc.KillsAll, IsolationDisk}
	return n, l
}

// messages gives those of the events of one kind, oldest first.
func (n *node) messages(kind string) (texts []string) {
	for _, e := range slices.Backward(n.Events(1000)) {
		if e.Kind == kind {
			texts = append(texts, e.Message)
		}
	}
	return texts
}

func TestLimitsReachTheSystem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, l := limitedNode(t)
		n.start()
		n.manifest(`{"apps":[
			{"app":{"name":"a","toProcess":"x","resAlloc":{"cpus":0.5,"mem":"64MiB"}}},
			{"app":{"name":"b","toProcess":"x"}},
			{"app":{"name":"c","toProcess":"x","resAlloc":{"pids":10}}}]}`)
		for id, want := range map[string]proc.Limits{
			"n/a.0": {CPUs: 0.5, Mem: 64 << 20, PIDs: state.DefaultPIDs}, "n/b.0": {}, "n/c.0": {PIDs: 10},
		} {
			if got := l.limits[id]; got != want {
				t.Errorf("%s: limits %+v, want %+v", id, got, want)
			}
			if i := n.instance(id); i.Reason != "" {
				t.Errorf("%s: reason %q", id, i.Reason)
			}
		}
		if i := n.instance("n/a.0"); i.IORead != 1<<20 || i.IOWrite != 2<<20 || i.Files != 7 {
			t.Errorf("use in the report: %+v", i)
		}
		if r := n.stored(); !slices.Equal(r.Isolation, n.opts.Isolation) {
			t.Errorf("isolation %v", r.Isolation)
		}
		n.manifest(`{"apps":[{"app":{"name":"b","toProcess":"x"}}]}`)
		n.settle()
		if !slices.Contains(l.released, "n/a.0") || !slices.Contains(l.released, "n/c.0") || slices.Contains(l.released, "n/b.0") {
			t.Errorf("released %v: want those that are gone", l.released)
		}
		n.stop()
	})
}

func TestUnenforcedLimitsAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.opts.Isolation = []string{IsolationDisk}
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"x","resAlloc":{"cpus":1,"mem":"1GiB"}},"count":2},{"app":{"name":"b","toProcess":"x"}}]}`)
		n.wantRunning("n/a.0", "n/a.1", "n/b.0")
		const want = "not enforced: resAlloc.cpus, resAlloc.mem, since"
		for range 3 { // also after a restart
			if i := n.instance("n/a.0"); i.State != state.Running || !strings.HasPrefix(i.Reason, want) {
				t.Errorf("%s, reason %q", i.State, i.Reason)
			}
			n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 1})
			time.Sleep(10 * time.Second)
			n.settle()
		}
		if texts := n.messages(events.InstanceLimits); len(texts) != 2 {
			t.Errorf("told %q, want once for each instance", texts)
		}
		n.stop()
	})
}

func TestUnenforced(t *testing.T) {
	all := []string{proc.LimitsCPU, proc.LimitsMemory, proc.LimitsPIDs}
	for _, c := range []struct {
		name      string
		app       state.App
		isolation []string
		want      []string // "": nothing
	}{
		{"no resources", state.App{}, nil, nil},
		{"default of processes alone", state.App{ResAlloc: &state.Resources{Disk: 1}}, nil, nil},
		{"all there", state.App{ResAlloc: &state.Resources{CPUs: 1, Mem: 1, PIDs: 1, Disk: 1}}, all, nil},
		{"no memory", state.App{ResAlloc: &state.Resources{CPUs: 1, Mem: 1}}, []string{proc.LimitsCPU}, []string{"resAlloc.mem,"}},
		{"nothing", state.App{ResAlloc: &state.Resources{CPUs: 1, Mem: 1, PIDs: 1}}, nil, []string{"resAlloc.cpus, resAlloc.mem, resAlloc.pids,"}},
		{"shared directory", state.App{WorkingDirectory: filepath.Join(t.TempDir(), "x"), ResAlloc: &state.Resources{Disk: 1}}, all, []string{"resAlloc.disk", "absolute"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := unenforced(&c.app, c.isolation)
			if (got == "") != (len(c.want) == 0) {
				t.Errorf("got %q", got)
			}
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("got %q, want %q in it", got, w)
				}
			}
		})
	}
}

func TestLackOfMemoryIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, l := limitedNode(t)
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"x","restart":{"backoffSeconds":100},"resAlloc":{"mem":"64MiB"}}}]}`)
		limit := proc.Counters{OOMKills: 1, MemLimit: 64 << 20}
		const why = "it used more than its memory limit of 64 MiB"
		again := func(c proc.Counters, exit proc.Exit) string {
			t.Helper()
			l.happen("n/a.0", c)
			n.runner.end(n.runner.identity("n/a.0"), exit)
			n.settle()
			reason := n.instance("n/a.0").LastExit.Reason
			time.Sleep(200 * time.Second)
			n.settle()
			n.wantRunning("n/a.0")
			return reason
		}
		if got := again(limit, proc.Exit{Signal: 9}); got != "killed by the kernel: "+why {
			t.Errorf("reason %q", got)
		}
		if got := again(limit, proc.Exit{Signal: 9}); got != "killed by signal 9" {
			t.Errorf("an end of another cause: reason %q", got)
		}
		limit.OOMKills = 3
		if got := again(limit, proc.Exit{Code: 137}); !strings.HasPrefix(got, "exit code 137; the kernel had killed 2 processes of it: "+why) {
			t.Errorf("of a shell: reason %q", got)
		}
		if got := again(proc.Counters{OOMKills: 4}, proc.Exit{Signal: 9}); got != "killed by the kernel: the machine ran out of memory" {
			t.Errorf("without a limit: reason %q", got)
		}
		if texts := n.messages(events.InstanceOOM); len(texts) != 3 {
			t.Errorf("told %q", texts)
		}
		n.stop()
	})
}

// A worker was killed, and its master started another one.
func TestLossesOfOneThatRunsOnAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, l := limitedNode(t)
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"x","resAlloc":{"mem":"64MiB"}}}]}`)
		l.happen("n/a.0", proc.Counters{OOMKills: 2, MemLimit: 64 << 20, PIDDenied: 5})
		time.Sleep(3 * countersEvery)
		n.settle()
		if oom, pids := n.messages(events.InstanceOOM), n.messages(events.InstancePIDs); len(oom) != 1 || len(pids) != 1 || !strings.Contains(oom[0], "2 processes") {
			t.Errorf("told %q and %q", oom, pids)
		}
		// A later agent knows what was told, from the record; what came meanwhile is news.
		n.stop()
		time.Sleep(time.Hour)
		l.happen("n/a.0", proc.Counters{OOMKills: 3, MemLimit: 64 << 20, PIDDenied: 5})
		n.start()
		time.Sleep(2 * countersEvery)
		n.settle()
		if oom := n.messages(events.InstanceOOM); len(oom) != 2 || !strings.Contains(oom[1], "one process") {
			t.Errorf("told after the agent's restart: %q", oom)
		}
		n.stop()
		// One without a record knows nothing, and blames nobody.
		if err := os.RemoveAll(filepath.Join(n.dir, "run")); err != nil {
			t.Fatal(err)
		}
		n.start()
		time.Sleep(2 * countersEvery)
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Signal: 9})
		n.settle()
		if got := n.instance("n/a.0").LastExit.Reason; got != "killed by signal 9" {
			t.Errorf("reason %q", got)
		}
		n.stop()
	})
}

func TestGroupThatCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, l := limitedNode(t)
		l.refuses = os.ErrPermission
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"x","resAlloc":{"mem":1000000}}},{"app":{"name":"b","toProcess":"x"}}]}`)
		n.wantRunning("n/a.0", "n/b.0")
		if a, b := n.instance("n/a.0"), n.instance("n/b.0"); !strings.Contains(a.Reason, "not enforced") || b.Reason != "" {
			t.Errorf("reasons %q, %q", a.Reason, b.Reason)
		}
		n.stop()
	})
}

func TestSizeText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1000: "1000 B", 1024: "1 KiB", 64 << 20: "64 MiB", 3 << 29: "1.5 GiB", 1 << 62: "4096 PiB"} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
