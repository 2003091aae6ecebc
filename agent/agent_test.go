package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

// inProcess is an agent that runs in the test's process, with real children.
type inProcess struct {
	t    *testing.T
	o    Options
	url  string
	stop func() error
}

func newAgent(t *testing.T) *inProcess {
	a := &inProcess{t: t, o: Options{
		ServerAddress: "127.0.0.1", StoreDirectory: t.TempDir(), NodeID: "n", Heartbeat: time.Second, Poll: 50 * time.Millisecond, StopOnExit: true,
	}}
	return a
}

// output collects a log that several goroutines write.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

var pageAddress = regexp.MustCompile(`page=(http://\S+)`)

func (a *inProcess) start() {
	a.t.Helper()
	ctx, cancel := context.WithCancel(a.t.Context())
	log := &output{}
	done := make(chan error, 1)
	go func() { done <- Run(ctx, a.o, slog.New(slog.NewTextHandler(log, nil))) }()
	var once sync.Once
	var err error
	a.stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	a.t.Cleanup(func() {
		a.stop()
		if a.t.Failed() {
			a.t.Log(log)
		}
	})
	eventually(a.t, "the agent comes up", func() error {
		if m := pageAddress.FindStringSubmatch(log.String()); m != nil {
			a.url = m[1]
			return nil
		}
		return fmt.Errorf("no address in the log")
	})
}

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("never: %s: %v", what, err)
}

func (a *inProcess) manifest(text string) {
	a.t.Helper()
	writeManifest(a.t, a.o.StoreDirectory, text)
}

// writeManifest replaces a manifest as a careful person would.
func writeManifest(t *testing.T, store, text string) {
	t.Helper()
	path := filepath.Join(store, "state", "manifests", "n.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(store, "manifest.new")
	if err := os.WriteFile(temp, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temp, path); err != nil {
		t.Fatal(err)
	}
}

func (a *inProcess) get(path string, v any) error {
	resp, err := http.Get(a.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s %s (%w)", path, resp.Status, data, err)
	}
	if text, ok := v.(*string); ok {
		*text = string(data)
		return nil
	}
	return json.Unmarshal(data, v)
}

// running waits until as many instances run, and nothing else is there.
func (a *inProcess) running(count int) []state.Proc {
	a.t.Helper()
	var procs []state.Proc
	eventually(a.t, fmt.Sprintf("%d instances run", count), func() error {
		procs = nil
		if err := a.get("/v1/proc", &procs); err != nil {
			return err
		}
		for _, p := range procs {
			if p.State != state.Running {
				return fmt.Errorf("%s is %s: %s", p.Instance, p.State, p.Reason)
			}
		}
		if len(procs) != count {
			return fmt.Errorf("there are %d", len(procs))
		}
		return nil
	})
	return procs
}

func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(text), ") Z ")
}

func TestRunsRealProcesses(t *testing.T) {
	a := newAgent(t)
	a.start()
	a.manifest(`{"apps":[{"app":{"name":"web","toProcess":"echo out $PORT; echo err >&2; exec sleep","args":["1000"],"ports":[0]},"count":3},
		{"app":{"name":"pipe","toProcess":"sleep 1000 | sleep 1001"}}]}`)
	procs := a.running(4)
	var out, page string
	for _, p := range procs {
		if p.App != "web" {
			continue
		}
		eventually(t, "the output is there", func() error {
			if err := a.get(fmt.Sprintf("/v1/proc/%d/_stdout", p.PID), &out); err != nil {
				return err
			}
			if out != "out "+strconv.Itoa(p.Ports[0])+"\n" {
				return fmt.Errorf("stdout is %q", out)
			}
			return nil
		})
	}
	if err := a.get("/", &page); err != nil || !strings.Contains(page, "web") {
		t.Errorf("the page: %v", err)
	}
	var node state.Node
	if err := a.get("/v1/node", &node); err != nil || node.ID != "n" || node.OS.CPUs < 1 || node.AgentAddress != a.url {
		t.Errorf("the node: %+v, %v", node, err)
	}

	victim := procs[len(procs)-1]
	resp, err := http.Post(fmt.Sprintf("%s/v1/proc/%d/_kill", a.url, victim.PID), "application/json", nil)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("kill: %v %v", resp, err)
	}
	resp.Body.Close()
	eventually(t, "the killed instance comes back", func() error {
		for _, p := range a.running(4) {
			if p.Instance == victim.Instance && p.PID != victim.PID && p.Restarts == 1 {
				return nil
			}
		}
		return fmt.Errorf("not yet")
	})

	var doomed []int
	for _, p := range a.running(4) {
		doomed = append(append(doomed, p.PID), p.Children...)
	}
	a.manifest(`{"apps":[]}`)
	a.running(0)
	for _, pid := range doomed {
		if alive(pid) {
			t.Errorf("process %d was left behind", pid)
		}
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}

func TestStopOnExitLeavesNothing(t *testing.T) {
	a := newAgent(t)
	a.manifest(`{"apps":[{"app":{"name":"a","toProcess":"sleep 1000"},"count":5}]}`)
	a.start()
	procs := a.running(5)
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		if alive(p.PID) {
			t.Errorf("process %d was left behind", p.PID)
		}
	}
	data, err := os.ReadFile(filepath.Join(a.o.StoreDirectory, "state", "reports", "n.json"))
	if err != nil || !strings.Contains(string(data), `"stopped"`) {
		t.Errorf("the last report does not tell: %v", err)
	}
}

func TestRefusesToStart(t *testing.T) {
	a := newAgent(t)
	a.start()
	second := a.o
	log := slog.New(slog.DiscardHandler)
	if err := Run(t.Context(), second, log); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second agent: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	second.StoreDirectory, second.ServerPort = t.TempDir(), l.Addr().(*net.TCPAddr).Port
	if err := Run(t.Context(), second, log); err == nil || !strings.Contains(err.Error(), strconv.Itoa(second.ServerPort)) || !strings.Contains(err.Error(), "--server.port") {
		t.Errorf("a port in use: %v", err)
	}
	second.ServerPort, second.StateURL = 0, "nosuch://x"
	if err := Run(t.Context(), second, log); err == nil || !strings.Contains(err.Error(), "--state.url") {
		t.Errorf("an unknown bucket: %v", err)
	}
}
