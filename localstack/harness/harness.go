// Package harness builds the real programs and runs them, for end-to-end tests and benchmarks.
package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// Build gives the path of a program of this module, "./agent/stathub-agent", built once per test run.
// flags are go build's, such as -race; the same program with other flags is another one.
func Build(t testing.TB, pkg string, flags ...string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	id := strings.Join(append(flags, pkg), " ")
	if path, ok := built.paths[id]; ok {
		return path
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "stathub-test-bin-")
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.paths = dir, map[string]string{}
	}
	path := filepath.Join(built.dir, fmt.Sprintf("%d-%s", len(built.paths), filepath.Base(pkg)))
	args := append(append([]string{"build", "-o", path}, flags...), "stathub/"+strings.TrimPrefix(pkg, "./"))
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	built.paths[id] = path
	return path
}

// Main runs a package's tests, does what comes after them, and removes what Build made.
func Main(m *testing.M, after ...func() error) {
	code := m.Run()
	for _, f := range after {
		if err := f(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// Program is a running program with the output it has written so far.
type Program struct {
	Cmd  *exec.Cmd
	Done chan struct{} // closed when it has ended
	Err  error         // how it ended; set before Done is closed

	mu  sync.Mutex
	out bytes.Buffer
}

// Start runs a program; it is killed at the end of the test if it still runs. Its output is shown when the test fails.
func Start(t testing.TB, env []string, path string, args ...string) *Program {
	t.Helper()
	p := &Program{Cmd: exec.Command(path, args...), Done: make(chan struct{})}
	p.Cmd.Env = append(os.Environ(), env...)
	p.Cmd.Stdout, p.Cmd.Stderr = p, p
	// Whatever inherited the output must not hold up the end of the program itself.
	p.Cmd.WaitDelay = time.Second
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.Err = p.Cmd.Wait()
		close(p.Done)
	}()
	t.Cleanup(func() {
		p.Cmd.Process.Kill()
		<-p.Done
		if t.Failed() {
			t.Logf("output of %s:\n%s", filepath.Base(path), p.Output())
		}
	})
	return p
}

// Write collects output.
func (p *Program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Output is what the program has written so far.
func (p *Program) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

var listening = regexp.MustCompile(`listening=(\S+)`)

// URL waits until a master or an agent says where it listens, and gives that. With --server.port=0 that is a port that
// nobody else can take.
func (p *Program) URL(t testing.TB) string {
	t.Helper()
	var found []string
	Within(t, 30*time.Second, func() error {
		if found = listening.FindStringSubmatch(p.Output()); found == nil {
			return errors.New("the program does not say where it listens")
		}
		return nil
	})
	return "http://" + found[1]
}

// Stop interrupts the program and waits for its end.
func (p *Program) Stop(t testing.TB) {
	t.Helper()
	p.Cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.Done:
	case <-time.After(60 * time.Second):
		t.Fatalf("%s did not stop within a minute of SIGINT", filepath.Base(p.Cmd.Path))
	}
}

// Within waits until check gives nil, and fails the test with its last error otherwise.
func Within(t testing.TB, limit time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still not so after %s: %v", limit, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Call sends a request with body, nil for none, and decodes a JSON answer into out, nil to pass it over.
// It gives the status of the answer.
func Call(ctx context.Context, method, url string, body []byte, out any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode/100 != 2 {
		return resp.StatusCode, fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, data)
	}
	if out == nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(data, out)
}

// Must is Call for requests that have to succeed.
func Must(t testing.TB, method, url string, body []byte, out any) {
	t.Helper()
	if _, err := Call(t.Context(), method, url, body, out); err != nil {
		t.Fatal(err)
	}
}

// Running reports whether a process is there and is not just a zombie.
func Running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	after := string(stat[strings.LastIndex(string(stat), ") ")+2:]) // a program's name may hold brackets too
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}
