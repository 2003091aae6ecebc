//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"stathub/agent/proc/cgroup"
	"stathub/localstack/harness"
	"stathub/state"
)

// section gives the shell blocks of a section of the README, in order.
func section(t *testing.T, title string) []string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n## "+title+"\n")
	if !found {
		t.Fatalf("the README has no section %q", title)
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	var blocks []string
	for {
		_, after, more := strings.Cut(rest, "\n```sh\n")
		if !more {
			return blocks
		}
		block, next, _ := strings.Cut(after, "\n```\n")
		blocks, rest = append(blocks, block), next
	}
}

// terminal is a shell that somebody types into.
type terminal struct {
	t      *testing.T
	in     io.Writer
	out    *bufio.Reader
	errors *bytes.Buffer
}

// openTerminal starts a shell in dir. At the end of the test everything that was started in it, or by what was, ends.
func openTerminal(t *testing.T, dir string, env ...string) *terminal {
	t.Helper()
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	term := &terminal{t: t, errors: &bytes.Buffer{}}
	cmd := exec.Command(shell, "--norc", "--noprofile")
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), env...), term.errors
	cmd.WaitDelay = time.Second
	if term.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	term.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for killMarked("HOME=" + dir) {
			time.Sleep(10 * time.Millisecond)
		}
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("stderr of the shell:\n%s", term.errors)
		}
	})
	return term
}

// killMarked kills every process with this in its environment. It is true if there was one.
func killMarked(variable string) bool {
	found := false
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environs {
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(append([]byte{0}, data...), append(append([]byte{0}, variable...), 0)) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && harness.Running(pid) {
			found = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return found
}

// run types a block and gives what it prints. The last command must succeed.
func (s *terminal) run(block string) string {
	s.t.Helper()
	const prompt = "block ended with "
	fmt.Fprintf(s.in, "%s\necho; echo %s$?\n", block, prompt)
	var out strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("the shell ended (%v) after %s", err, out.String())
		}
		if status, ended := strings.CutPrefix(line, prompt); ended {
			if status != "0\n" {
				s.t.Fatalf("status %sof\n%s\nwhich printed\n%s", status, block, out.String())
			}
			return out.String()
		}
		out.WriteString(line)
	}
}

// The README's section on one machine works word for word: each of its blocks does what the text around it says.
func TestE2EReadmeOneMachine(t *testing.T) {
	for _, program := range []string{"curl", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s", program)
		}
	}
	home, port := t.TempDir(), strconv.Itoa(freePort(t))
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(harness.Build(t, "./agent/stathub-agent"), filepath.Join(home, "bin", "stathub-agent")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the agent is killed below, and leaves them for the next one
		if tree, _ := cgroup.Open("web1", filepath.Join(home, ".stat_agent"), cgroup.Sources{}); tree != nil {
			tree.Close()
		}
	})
	shell := openTerminal(t, home, "HOME="+home, "STATHUB_SERVER_PORT="+port)
	shell.run("make() { test \"$*\" = build; }") // it was built above
	base := "http://127.0.0.1:" + port
	procs := base + "/v1/app/hello/proc?full=true"

	var first, again []state.Proc
	steps := []struct {
		name string
		done func(out string)
	}{
		{"build and run", func(string) { ready(t, base) }},
		{"add", func(out string) {
			if !strings.Contains(out, `"status"`) {
				t.Errorf("the answer is %s", out)
			}
			first = running(t, procs, 1)
		}},
		{"look", func(out string) {
			if !strings.Contains(out, `"pid": `+strconv.Itoa(first[0].PID)) {
				t.Errorf("the process is not shown: %s", out)
			}
		}},
		{"kill the process", func(string) {
			harness.Within(t, 20*time.Second, func() error {
				again = running(t, procs, 1)
				if again[0].PID == first[0].PID || again[0].Restarts != 1 {
					return fmt.Errorf("it is %+v", again[0])
				}
				return nil
			})
		}},
		{"kill the agent", func(string) {
			ready(t, base)
			if adopted := running(t, procs, 1); adopted[0].PID != again[0].PID || adopted[0].Restarts != 1 {
				t.Errorf("before the agent's end %+v, after it %+v", again[0], adopted[0])
			}
		}},
		{"scale, limits and checks", func(string) { wantStatus(t, base, state.AppRunning, 2, 2) }},
		{"stop", func(string) { wantStatus(t, base, state.AppStopped, 2, 0) }},
		{"start and restart", func(string) { wantStatus(t, base, state.AppRunning, 2, 2) }},
		{"delete", func(string) {
			harness.Within(t, 20*time.Second, func() error {
				if status, _ := harness.Call(t.Context(), "GET", procs, nil, nil); status != 404 {
					return fmt.Errorf("status %d", status)
				}
				return nil
			})
		}},
	}
	blocks := section(t, "Guard a service on one machine")
	if len(blocks) != len(steps) {
		t.Fatalf("the section has %d blocks, this test %d steps", len(blocks), len(steps))
	}
	for i, step := range steps {
		block := strings.ReplaceAll(blocks[i], "127.0.0.1:51025", "127.0.0.1:"+port)
		t.Log(step.name)
		step.done(shell.run(block))
	}
	if data, err := os.ReadFile(filepath.Join(home, ".stat_agent", "state", "manifests", "web1.json")); err != nil || !strings.Contains(string(data), `"apps": []`) {
		t.Errorf("the manifest is %s, %v", data, err)
	}
}

// wantStatus waits until app hello is as it should be.
func wantStatus(t *testing.T, base string, want state.AppState, wanted, healthy int) {
	t.Helper()
	harness.Within(t, 30*time.Second, func() error {
		var app struct {
			Status state.AppStatus `json:"status"`
		}
		if _, err := harness.Call(t.Context(), "GET", base+"/v1/app/hello", nil, &app); err != nil {
			return err
		}
		if s := app.Status; s.State != want || s.Wanted != wanted || s.Healthy != healthy {
			return fmt.Errorf("the status is %+v", s)
		}
		return nil
	})
}
