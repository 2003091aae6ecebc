//go:build unix

package health

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stathub/state"
)

func command(dir string, argv ...string) Probe {
	return Probe{
		Check: state.HealthCheck{Protocol: Command, Command: argv, TimeoutSeconds: 20},
		Dir:   dir, Env: []string{"PATH=" + os.Getenv("PATH"), "WHO=first", "WHO=me"},
	}
}

func shell(dir, script string) Probe { return command(dir, "/bin/sh", "-c", script) }

// pidFrom waits for a script to write a pid.
func pidFrom(t *testing.T, file string) int {
	t.Helper()
	var pid int
	eventually(t, file, func() bool {
		data, _ := os.ReadFile(file)
		text, whole := strings.CutSuffix(string(data), "\n")
		pid, _ = strconv.Atoi(text)
		return whole && pid > 1
	})
	return pid
}

// gone says that no process has the number any more, or a zombie that some other process is to bury.
func gone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "process "+strconv.Itoa(pid)+" to end", func() bool {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
		out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
		return err != nil || strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
	})
}

func TestCommandOutcomes(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin", "probe-it"), []byte("#!/bin/sh\necho found\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	inPath := command(dir, "probe-it")
	inPath.Env = []string{"PATH=/nowhere:bin"}
	noPath := command(dir, "sh", "-c", "echo $0")
	noPath.Env = nil
	for name, tt := range map[string]struct {
		probe Probe
		want  Outcome
	}{
		"success":                {shell(dir, "true"), Outcome{OK: true, Message: "exit code 0"}},
		"output":                 {shell(dir, "echo fine"), Outcome{OK: true, Message: "exit code 0: fine"}},
		"failure, both outputs":  {shell(dir, "echo out; echo err >&2; exit 3"), Outcome{Code: 3, Message: "exit status 3: out\nerr"}},
		"signal":                 {shell(dir, "kill -9 $$"), Outcome{Code: -1, Message: "signal: killed"}},
		"directory":              {shell(dir, "pwd; echo $PWD"), Outcome{OK: true, Message: "exit code 0: " + dir + "\n" + dir}},
		"environment":            {shell(dir, "echo $WHO; cat"), Outcome{OK: true, Message: "exit code 0: me"}},
		"words stay words":       {command(dir, "/bin/echo", "a  b", "$WHO", "`id`"), Outcome{OK: true, Message: "exit code 0: a  b $WHO `id`"}},
		"relative to directory":  {command(dir, "bin/probe-it"), Outcome{OK: true, Message: "exit code 0: found"}},
		"in the instance's PATH": {inPath, Outcome{OK: true, Message: "exit code 0: found"}},
		"no PATH":                {noPath, Outcome{OK: true, Message: "exit code 0: sh"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := NewChecker(Options{}).Check(t.Context(), tt.probe); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestCommandsThatDoNotRun(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Probe{
		"not there": command(dir, "/no/such/program"), "not in PATH": command(dir, "no-such-program"), "not executable": command(dir, plain),
		"no directory": command(filepath.Join(dir, "gone"), "/bin/true"), "NUL": command(dir, "/bin/echo", "a\x00b"), "empty": command(dir, ""),
	} {
		t.Run(name, func(t *testing.T) {
			if out := NewChecker(Options{}).Check(t.Context(), p); out.OK || out.Code != -1 || out.Message == "" {
				t.Errorf("%+v", out)
			}
		})
	}
}

func TestAgentEnvironmentIsNotPassedOn(t *testing.T) {
	t.Setenv("HEALTH_TEST_SECRET", "s3cret")
	p := shell(t.TempDir(), "env")
	p.Env = nil
	if out := NewChecker(Options{}).Check(t.Context(), p); !out.OK || strings.Contains(out.Message, "s3cret") {
		t.Errorf("%+v", out)
	}
}

func TestOutputIsBoundedAndItsEndKept(t *testing.T) {
	out := NewChecker(Options{}).Check(t.Context(), shell(t.TempDir(), "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo the cause; exit 1"))
	if out.Code != 1 || len(out.Message) > maxOutput+100 || !strings.HasSuffix(out.Message, "x\nthe cause") || !strings.HasPrefix(out.Message, "exit status 1: …x") {
		t.Errorf("code %d, %d bytes: %.40q…", out.Code, len(out.Message), out.Message)
	}
	if out = NewChecker(Options{}).Check(t.Context(), shell(t.TempDir(), "head -c 10000000 /dev/urandom")); !out.OK || len(out.Message) > 2*maxMessage {
		t.Errorf("%d bytes of a success", len(out.Message))
	}
}

func TestTimeoutKillsTheWholeGroup(t *testing.T) {
	dir := t.TempDir()
	p := shell(dir, `trap "" TERM; (trap "" TERM; while :; do sleep 1; done) & echo $! > child; echo $$ > self; echo waiting; wait`)
	p.Check.TimeoutSeconds = 3 // a busy machine takes its time to come so far
	out := NewChecker(Options{}).Check(t.Context(), p)
	if out.OK || out.Code != -1 || out.Message != "killed, for it had not ended within 3s: waiting" {
		t.Errorf("%+v", out)
	}
	gone(t, pidFrom(t, filepath.Join(dir, "self")))
	gone(t, pidFrom(t, filepath.Join(dir, "child")))
}

func TestNothingIsLeftInTheBackground(t *testing.T) {
	for name, code := range map[string]string{"success": "0", "failure": "1"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			begin := time.Now()
			out := NewChecker(Options{}).Check(t.Context(), shell(dir, "sleep 300 & echo $! > child; exit "+code))
			if strconv.Itoa(out.Code) != code || time.Since(begin) > 10*time.Second {
				t.Errorf("after %s: %+v", time.Since(begin), out)
			}
			gone(t, pidFrom(t, filepath.Join(dir, "child")))
		})
	}
}

func TestDaemonThatKeepsTheOutputOpen(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("no setsid(1)")
	}
	dir := t.TempDir()
	out := NewChecker(Options{}).Check(t.Context(), shell(dir, "setsid sh -c 'echo $$ > child; exec sleep 300' & while ! test -s child; do :; done; echo up"))
	pid := pidFrom(t, filepath.Join(dir, "child"))
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	if !out.OK || out.Message != "exit code 0: up" {
		t.Errorf("%+v", out)
	}
}

func TestEndOfTheInstanceKillsItsCommands(t *testing.T) {
	dir := t.TempDir()
	p := shell(dir, `trap "" TERM; sleep 300 & echo $! > child; echo $$ > self; wait`)
	ctx, cancel := context.WithCancel(t.Context())
	p.Check.IntervalSeconds, p.Check.MaxConsecutiveFailures, p.Check.TimeoutSeconds = 1, 1, 600
	m := NewMonitor(NewChecker(Options{}).Check, Spec{Checks: []state.HealthCheck{p.Check}, Started: time.Now(), Dir: p.Dir, Env: p.Env})
	var work sync.WaitGroup
	work.Go(func() { m.Run(ctx, func(s Summary) { t.Errorf("reported %+v", s) }) })
	self, child := pidFrom(t, filepath.Join(dir, "self")), pidFrom(t, filepath.Join(dir, "child"))
	cancel()
	work.Wait()
	if !errors.Is(syscall.Kill(self, 0), syscall.ESRCH) {
		t.Error("the command outlived Run")
	}
	gone(t, child)
}

func TestCommandLeadsAGroupButNoSession(t *testing.T) {
	out := NewChecker(Options{}).Check(t.Context(), shell(t.TempDir(), "echo $(ps -o pgid= -p $$) $(ps -o sess= -p $$) $$"))
	f := strings.Fields(strings.TrimPrefix(out.Message, "exit code 0: "))
	if len(f) != 3 || f[0] != f[2] || f[1] == f[2] {
		t.Errorf("group, session, pid: %v", f)
	}
}

func TestUsers(t *testing.T) {
	p := shell(t.TempDir(), "echo ran as $WHO")
	p.User = "app"
	if out := NewChecker(Options{}).Check(t.Context(), p); out.OK || !strings.Contains(out.Message, `user "app"`) {
		t.Errorf("without a way to switch users: %+v", out)
	}
	c := NewChecker(Options{RunAs: func(cmd *exec.Cmd, user string) error {
		if !cmd.SysProcAttr.Setpgid {
			t.Error("SysProcAttr is not set up")
		}
		cmd.Env = append(cmd.Env, "WHO="+user)
		return nil
	}})
	if out := c.Check(t.Context(), p); out.Message != "exit code 0: ran as app" {
		t.Errorf("%+v", out)
	}
	c = NewChecker(Options{RunAs: func(*exec.Cmd, string) error { return errors.New("who is that") }})
	if out := c.Check(t.Context(), p); out.OK || !strings.Contains(out.Message, "who is that") {
		t.Errorf("%+v", out)
	}
}

func TestManyCommandsAtOnce(t *testing.T) {
	c := NewChecker(Options{})
	dir := t.TempDir()
	var work sync.WaitGroup
	for i := range 50 {
		work.Go(func() {
			n := strconv.Itoa(i)
			if out := c.Check(t.Context(), shell(dir, "echo "+n+"; exit "+n)); out.Code != i || !strings.HasSuffix(out.Message, ": "+n) {
				t.Errorf("%d: %+v", i, out)
			}
		})
	}
	work.Wait()
}
