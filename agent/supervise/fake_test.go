package supervise

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/artifact"
	"stathub/agent/proc"
	"stathub/state"
	"stathub/state/memstore"
)

// fakeRunner is a machine without processes. Programs named "/missing" do not start; processes end when a test or a
// signal says so, but "deaf" ones by SIGKILL alone.
type fakeRunner struct {
	boot  string
	exits chan proc.Exited

	mu      sync.Mutex
	next    int
	live    map[proc.Identity]proc.Spec
	twice   []string // instances that had two processes at one time
	starts  map[string][]time.Time
	refuses error // what Adopt answers
	signals []int
}

func newFakeRunner(t *testing.T) *fakeRunner {
	boot, err := proc.BootID()
	if err != nil {
		t.Fatal(err)
	}
	return &fakeRunner{boot: boot, exits: make(chan proc.Exited, 1000), next: 1000, live: map[proc.Identity]proc.Spec{}, starts: map[string][]time.Time{}}
}

func env(spec proc.Spec, name string) string {
	for _, kv := range spec.Env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

func (f *fakeRunner) Start(spec proc.Spec) (proc.Identity, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	marker := env(spec, proc.MarkerEnv)
	f.starts[marker] = append(f.starts[marker], time.Now())
	if spec.Argv[0] == "/missing" {
		return proc.Identity{}, &proc.StartError{Op: "find program", Path: spec.Argv[0], Err: errors.New("no such file")}
	}
	for _, other := range f.live {
		if env(other, proc.MarkerEnv) == marker {
			f.twice = append(f.twice, marker)
		}
	}
	f.next++
	id := proc.Identity{PID: f.next, Start: uint64(f.next), Boot: f.boot}
	f.live[id] = spec
	return id, nil
}

func (f *fakeRunner) Adopt(id proc.Identity) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuses != nil {
		return f.refuses
	}
	if _, ok := f.live[id]; !ok {
		return &proc.GoneError{ID: id}
	}
	return nil
}

func (f *fakeRunner) Exits() <-chan proc.Exited { return f.exits }

func (f *fakeRunner) end(id proc.Identity, exit proc.Exit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.live[id]; ok {
		delete(f.live, id)
		exit.At, exit.Known = time.Now(), true
		f.exits <- proc.Exited{ID: id, Exit: exit}
	}
}

func (f *fakeRunner) Signal(id proc.Identity, sig int) error {
	f.mu.Lock()
	spec, ok := f.live[id]
	f.signals = append(f.signals, sig)
	f.mu.Unlock()
	if !ok {
		return &proc.GoneError{ID: id}
	}
	if spec.Argv[0] != "deaf" || sig == 9 {
		f.end(id, proc.Exit{Signal: sig})
	}
	return nil
}

func (f *fakeRunner) sent() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]int(nil), f.signals...)
}

func (f *fakeRunner) Kill(id proc.Identity) error { return f.Signal(id, 9) }

func (f *fakeRunner) Leftovers(marker string) (all []proc.Identity) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, spec := range f.live {
		if env(spec, proc.MarkerEnv) == marker {
			all = append(all, id)
		}
	}
	return all
}

func (f *fakeRunner) Find(prefix string) (all []proc.Found, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for pid := 1000; pid <= f.next; pid++ {
		id := proc.Identity{PID: pid, Start: uint64(pid), Boot: f.boot}
		spec, ok := f.live[id]
		if ok && strings.HasPrefix(env(spec, proc.MarkerEnv), prefix) {
			m := map[string]string{}
			for _, kv := range spec.Env {
				k, v, _ := strings.Cut(kv, "=")
				m[k] = v
			}
			all = append(all, proc.Found{ID: id, Env: m})
		}
	}
	return all, nil
}

func (f *fakeRunner) InspectAll(ids []proc.Identity) (map[proc.Identity]proc.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	infos := map[proc.Identity]proc.Info{}
	for _, id := range ids {
		if spec, ok := f.live[id]; ok {
			// The use of memory differs each time: it must not make reports.
			cmd := strings.Join(spec.Argv, " ")
			if starts := f.starts[env(spec, proc.MarkerEnv)]; cmd == "shim" && time.Since(starts[len(starts)-1]) > 500*time.Millisecond {
				cmd = "program" // that the script executed
			}
			infos[id] = proc.Info{PID: id.PID, Cmd: cmd, RSS: time.Now().UnixNano() % 1000}
		}
	}
	return infos, nil
}

func (f *fakeRunner) pids() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := map[string]int{}
	for id, spec := range f.live {
		m[env(spec, proc.MarkerEnv)] = id.PID
	}
	return m
}

func (f *fakeRunner) identity(marker string) proc.Identity {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, spec := range f.live {
		if env(spec, proc.MarkerEnv) == marker {
			return id
		}
	}
	return proc.Identity{}
}

func (f *fakeRunner) startsOf(marker string) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]time.Time(nil), f.starts[marker]...)
}

// fakeArtifacts gives every URI but "http://down/".
type fakeArtifacts struct{ block chan struct{} }

func (a fakeArtifacts) Fetch(ctx context.Context, uri string) (artifact.File, error) {
	if a.block != nil {
		select {
		case <-a.block:
		case <-ctx.Done():
			return artifact.File{}, ctx.Err()
		}
	}
	if strings.HasPrefix(uri, "http://down/") {
		return artifact.File{}, state.Errorf(state.Unavailable, "", "%s: connection refused", uri)
	}
	return artifact.File{URI: uri, ETag: "1"}, nil
}

func (fakeArtifacts) Place(context.Context, []artifact.File, string) error { return nil }

func (fakeArtifacts) Retain([]string) (artifact.Usage, bool) { return artifact.Usage{}, true }

func (fakeArtifacts) Progress(string) (artifact.Progress, bool) { return artifact.Progress{}, false }

func (fakeArtifacts) Latest(string) string { return "" }

// fakePort listens nowhere: every port is free but those that the test holds.
type fakePort struct{ port int }

func (p fakePort) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (p fakePort) Close() error              { return nil }
func (p fakePort) Addr() net.Addr            { return &net.TCPAddr{Port: p.port} }

// node is a Supervisor under test in a synctest bubble.
type node struct {
	t      *testing.T
	dir    string
	store  *memstore.Store
	runner *fakeRunner
	opts   Options
	log    *bytes.Buffer
	busy   map[int]bool
	slept  atomic.Int64 // nanoseconds that only Clock counts
	*Supervisor
	stop func()
}

func newNode(t *testing.T) *node {
	n := &node{t: t, dir: t.TempDir(), store: memstore.New(), runner: newFakeRunner(t), log: &bytes.Buffer{}, busy: map[int]bool{}}
	last, boot := 20000, time.Now().Add(-time.Hour)
	n.opts = Options{
		Node: "n", Dir: n.dir, Store: n.store, Runner: n.runner, Artifacts: fakeArtifacts{}, Poll: 2 * time.Second,
		Clock:   func() time.Duration { return time.Since(boot) + time.Duration(n.slept.Load()) },
		Environ: []string{"PATH=/bin", "STATHUB_SECRET=x"}, Jitter: func() float64 { return 0.5 },
		Log: slog.New(slog.NewTextHandler(n.log, nil)),
		Listen: func(port int) (net.Listener, error) {
			if n.busy[port] {
				return nil, os.NewSyscallError("bind", addressInUse)
			}
			if port == 0 {
				last++
				port = last
			}
			return fakePort{port}, nil
		},
		ToArgv: func(p string, args []string) ([]string, error) { return append([]string{p}, args...), nil },
	}
	return n
}

// start runs the supervisor until stop.
func (n *node) start() {
	n.Supervisor = New(n.opts)
	ctx, cancel := context.WithCancel(n.t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	n.stop = func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Error(err)
		}
	}
	n.settle()
}

// settle waits until nothing happens but time, and then a little.
func (n *node) settle() {
	synctest.Wait()
	time.Sleep(300 * time.Millisecond)
	synctest.Wait()
}

func (n *node) put(key, text string) {
	n.t.Helper()
	if _, err := state.Write(n.t.Context(), n.store, key, []byte(text), state.Condition{}); err != nil {
		n.t.Fatal(err)
	}
	n.settle()
}

func (n *node) manifest(text string) { n.t.Helper(); n.put("manifests/n.json", text) }

// instance gives what the report in the bucket says of an instance.
func (n *node) instance(id string) state.Instance {
	n.t.Helper()
	for _, i := range n.stored().Instances {
		if i.ID == id {
			return i
		}
	}
	n.t.Fatalf("no instance %s in the report", id)
	return state.Instance{}
}

func (n *node) stored() *state.Report {
	n.t.Helper()
	data, _, err := state.Read(n.t.Context(), n.store, "reports/n.json", "", state.MaxDocument)
	if err != nil {
		n.t.Fatal(err)
	}
	r, err := state.Decode[state.Report]("reports/n.json", data)
	if err != nil {
		n.t.Fatal(err)
	}
	return r
}

func (n *node) wantRunning(ids ...string) map[string]int {
	n.t.Helper()
	pids := n.runner.pids()
	for _, id := range ids {
		if pids[id] == 0 {
			n.t.Errorf("%s does not run", id)
		}
	}
	if len(pids) != len(ids) {
		n.t.Errorf("running: %v, want %v", pids, ids)
	}
	if len(n.runner.twice) > 0 {
		n.t.Errorf("two processes for %v", n.runner.twice)
	}
	return pids
}
