//go:build linux

package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/localstack/miniosrv"
	"stathub/state"
)

func TestMain(m *testing.M) { harness.Main(m) }

// local is a stack as a user runs it.
type local struct {
	*harness.Program
	dir, base string
}

func runLocal(t *testing.T, dir string, args ...string) *local {
	t.Helper()
	return runLocalIn(t, nil, dir, args...)
}

func runLocalIn(t *testing.T, env []string, dir string, args ...string) *local {
	t.Helper()
	bin := harness.Build(t, "./localstack")
	l := &local{dir: dir, Program: harness.Start(t, env, bin, append([]string{"--port=0", "--dir=" + dir}, args...)...)}
	harness.Within(t, 2*time.Minute, func() error {
		select {
		case <-l.Done:
			t.Fatalf("the stack ended: %v", l.Err)
		default:
		}
		if !strings.Contains(l.Output(), "up after") {
			return fmt.Errorf("the stack is not up")
		}
		return nil
	})
	m := regexp.MustCompile(`master +(http://127\.0\.0\.1:\d+)`).FindStringSubmatch(l.Output())
	if m == nil {
		t.Fatalf("the stack does not say where its master is")
	}
	l.base = m[1]
	return l
}

// procs waits for exactly n running instances of an app, and gives instance → process.
func (l *local) procs(t *testing.T, app string, n int) map[string]state.Proc {
	t.Helper()
	var found map[string]state.Proc
	harness.Within(t, 30*time.Second, func() error {
		var all []state.Proc
		if _, err := harness.Call(t.Context(), "GET", l.base+"/v1/app/"+app+"/proc?full=true", nil, &all); err != nil {
			return err
		}
		found = map[string]state.Proc{}
		for _, p := range all {
			if !p.State.Live() || p.State == state.Stopping || !harness.Running(p.PID) {
				return fmt.Errorf("%s is %s with pid %d: %s", p.Instance, p.State, p.PID, p.Reason)
			}
			found[p.Instance] = p
		}
		if len(found) != n {
			return fmt.Errorf("%d instances run, want %d", len(found), n)
		}
		return nil
	})
	return found
}

// answers checks that every instance serves its page on its first port, as itself.
func answers(t *testing.T, procs map[string]state.Proc) {
	t.Helper()
	for id, p := range procs {
		harness.Within(t, 20*time.Second, func() error {
			resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", p.Ports[0]))
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || !strings.Contains(string(body), id) {
				return fmt.Errorf("port %d of %s answers %q, %v", p.Ports[0], id, body, err)
			}
			return nil
		})
	}
}

// same checks that every instance that is in both runs as the same process, and that at least n are.
func same(t *testing.T, what string, before, after map[string]state.Proc, n int) {
	t.Helper()
	kept := 0
	for id, p := range after {
		old, ok := before[id]
		if ok && old.PID != p.PID {
			t.Errorf("%s: %s was restarted, pid %d → %d", what, id, old.PID, p.PID)
		} else if ok {
			kept++
		}
	}
	if kept < n {
		t.Errorf("%s: %d instances were kept, want %d or more", what, kept, n)
	}
}

func gone(t *testing.T, procs map[string]state.Proc) {
	t.Helper()
	harness.Within(t, 20*time.Second, func() error {
		for id, p := range procs {
			if harness.Running(p.PID) {
				return fmt.Errorf("%s still runs as pid %d", id, p.PID)
			}
		}
		return nil
	})
}

// wipeMaster kills the master and removes its local disk; the stack starts it again.
func (l *local) wipeMaster(t *testing.T) {
	t.Helper()
	pid := l.childPID(t, "role-master")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	harness.Within(t, 10*time.Second, func() error {
		if harness.Running(pid) {
			return fmt.Errorf("the master still runs")
		}
		return nil
	})
	if err := os.RemoveAll(filepath.Join(l.dir, "master")); err != nil {
		t.Fatal(err)
	}
	harness.Within(t, 30*time.Second, func() error {
		_, err := harness.Call(t.Context(), "GET", l.base+"/readyz", nil, nil)
		return err
	})
}

// childPID finds a child of the stack by its role.
func (l *local) childPID(t *testing.T, role string) int {
	t.Helper()
	found := 0
	harness.Within(t, 10*time.Second, func() error {
		lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", l.Cmd.Process.Pid))
		if err != nil {
			return err
		}
		for _, list := range lists {
			pids, _ := os.ReadFile(list) // a thread may end meanwhile
			for _, pid := range strings.Fields(string(pids)) {
				args, _ := os.ReadFile("/proc/" + pid + "/cmdline")
				if slices.Contains(strings.Split(string(args), "\x00"), role) {
					found, err = strconv.Atoi(pid)
					return err
				}
			}
		}
		return fmt.Errorf("no child in the role %s", role)
	})
	return found
}

// The walk of a new user, on each kind of bucket, and with a master that loses its disk after every step.
func TestE2E(t *testing.T) {
	t.Run("directory", func(t *testing.T) { walk(t, func(*testing.T, *local) {}) })
	t.Run("minio", func(t *testing.T) {
		if _, err := miniosrv.Binary(t.Context(), t.Logf); err != nil { // minutes, the first time
			t.Fatal(err)
		}
		walk(t, func(*testing.T, *local) {}, "--minio")
	})
	t.Run("wiped master", func(t *testing.T) { walk(t, func(t *testing.T, l *local) { l.wipeMaster(t) }) })
}

func walk(t *testing.T, disturb func(*testing.T, *local), args ...string) {
	dir := filepath.Join(t.TempDir(), "stack")
	l := runLocal(t, dir, args...)
	app := l.base + "/v1/app/http_server"

	five := l.procs(t, "http_server", 5)
	answers(t, five)
	disturb(t, l)

	// Killing one brings it back, and touches no other.
	victim := slices.Sorted(maps.Keys(five))[0]
	if err := syscall.Kill(five[victim].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var back map[string]state.Proc
	harness.Within(t, 20*time.Second, func() error {
		if back = l.procs(t, "http_server", 5); back[victim].PID == five[victim].PID {
			return fmt.Errorf("%s still shows its old pid", victim)
		}
		return nil
	})
	delete(five, victim)
	same(t, "killing one", five, back, 4)
	answers(t, back)
	disturb(t, l)

	harness.Must(t, "POST", app+"/_scale", []byte("2"), nil)
	two := l.procs(t, "http_server", 2)
	same(t, "scaling to 2", back, two, 2)
	for id := range two {
		delete(back, id)
	}
	gone(t, back)
	disturb(t, l)

	harness.Must(t, "POST", app+"/_scale", []byte("7"), nil)
	seven := l.procs(t, "http_server", 7)
	same(t, "scaling to 7", two, seven, 2)
	answers(t, seven)
	disturb(t, l)

	harness.Must(t, "POST", app+"/_stop", nil, nil)
	l.procs(t, "http_server", 0)
	gone(t, seven)
	disturb(t, l)
	harness.Must(t, "POST", app+"/_start", nil, nil)
	seven = l.procs(t, "http_server", 7)
	answers(t, seven)
	disturb(t, l)

	// A stop leaves nothing behind, and the next start picks up where it was.
	l.Stop(t)
	if l.Err != nil {
		t.Errorf("the stack ended with %v", l.Err)
	}
	gone(t, seven)
	l = runLocal(t, dir, args...)
	app = l.base + "/v1/app/http_server"
	seven = l.procs(t, "http_server", 7)
	answers(t, seven)

	harness.Must(t, "DELETE", app, nil, nil)
	if code, _ := harness.Call(t.Context(), "GET", app, nil, nil); code != 404 {
		t.Errorf("a deleted app answers %d, want 404", code)
	}
	gone(t, seven)
	harness.Within(t, 20*time.Second, func() error {
		if code, err := harness.Call(t.Context(), "GET", l.base+"/v1/bucket/apps/http_server.json", nil, nil); code != 404 {
			return fmt.Errorf("the document of the deleted app answers %d, %v", code, err)
		}
		return nil
	})
	l.Stop(t)

	// Who deleted the sample does not find it again.
	l = runLocal(t, dir, args...)
	var names []string
	harness.Must(t, "GET", l.base+"/v1/app", nil, &names)
	if len(names) != 0 {
		t.Errorf("the deleted sample is back: %q", names)
	}
	l.Stop(t)
}

// A machine without Python gets a sample that needs none.
func TestE2EWithoutPython(t *testing.T) {
	l := runLocalIn(t, []string{"PATH=" + t.TempDir()}, filepath.Join(t.TempDir(), "stack"), "--agents=2")
	if !strings.Contains(l.Output(), "no python3 on this machine") {
		t.Error("the stack does not say that there is no Python")
	}
	answers(t, l.procs(t, "http_server", 5))
	l.Stop(t)
}

// --clean removes what a stack made, and nothing else.
func TestE2EClean(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "stack")
	l := runLocal(t, dir, "--agents=1")
	harness.Must(t, "DELETE", l.base+"/v1/app/http_server", nil, nil)
	l.Stop(t)
	l = runLocal(t, dir, "--agents=1", "--clean")
	l.procs(t, "http_server", 5)
	l.Stop(t)

	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := harness.Start(t, nil, harness.Build(t, "./localstack"), "--clean", "--port=0", "--dir="+foreign)
	<-p.Done
	if _, err := os.Stat(filepath.Join(foreign, "precious")); err != nil || p.Err == nil || !strings.Contains(p.Output(), "not the data of a local stack") {
		t.Errorf("--clean of a foreign folder: %v, %v, %s", err, p.Err, p.Output())
	}
}

// kill -9 of the whole stack: its agents stop with it, and take their processes along.
func TestE2EStackKilled(t *testing.T) {
	l := runLocal(t, filepath.Join(t.TempDir(), "stack"), "--agents=1")
	procs := l.procs(t, "http_server", 5)
	for _, role := range []string{"role-master", "role-agent"} { // they write to the last
		procs[role] = state.Proc{PID: l.childPID(t, role)}
	}
	if err := l.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-l.Done
	gone(t, procs)
}

// kill -9 of an agent: its processes run on, and the agent that the stack starts instead finds them again.
func TestE2EAgentKilled(t *testing.T) {
	l := runLocal(t, filepath.Join(t.TempDir(), "stack"), "--agents=1")
	before := l.procs(t, "http_server", 5)
	old := l.childPID(t, "role-agent")
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	harness.Within(t, 20*time.Second, func() error {
		if pid := l.childPID(t, "role-agent"); pid == old {
			return fmt.Errorf("the killed agent is still listed")
		}
		return nil
	})
	harness.Must(t, "POST", l.base+"/v1/app/http_server/_scale", []byte("6"), nil)
	after := l.procs(t, "http_server", 6)
	same(t, "killing the agent", before, after, 5)
	l.Stop(t)
	gone(t, after)
}
