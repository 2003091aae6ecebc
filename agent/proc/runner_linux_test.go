package proc

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// helperEnv makes this test binary act as one of the programs below instead of running tests.
const helperEnv = "PROC_TEST_HELPER"

func TestMain(m *testing.M) {
	switch os.Getenv(helperEnv) {
	case "":
		os.Exit(m.Run())
	case "agent":
		agentHelper()
	case "hog":
		hogHelper()
	case "init":
		initHelper()
	}
	os.Exit(0)
}

const patience = time.Minute

func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so within %v: %s", patience, what)
		}
	}
}

func open(t testing.TB) *Runner {
	t.Helper()
	r, err := NewRunner("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// eachWay runs a test with pidfds and, as on old kernels, without.
func eachWay(t *testing.T, test func(t *testing.T, r *Runner)) {
	for _, pidfds := range []bool{true, false} {
		t.Run(fmt.Sprintf("pidfds=%v", pidfds), func(t *testing.T) {
			r, err := newRunner("", pidfds && havePidfds())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = r.Close() })
			test(t, r)
		})
	}
}

func sh(text string, args ...string) Spec {
	return Spec{Argv: append([]string{"/bin/sh", "-c", text, "sh"}, args...), Env: os.Environ()}
}

// start runs spec, and makes sure that nothing is left of it after the test.
func start(t testing.TB, r *Runner, spec Spec) Identity {
	t.Helper()
	id, err := r.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Kill(-id.PID, unix.SIGKILL) })
	return id
}

func next(t testing.TB, r *Runner) Exited {
	t.Helper()
	select {
	case e, ok := <-r.Exits():
		if !ok {
			t.Fatal("the exits were closed")
		}
		return e
	case <-time.After(patience):
		t.Fatal("no exit was seen")
	}
	return Exited{}
}

func text(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

func TestExits(t *testing.T) {
	for _, c := range []struct {
		name, script string
		want         Exit
	}{
		{"success", "exit 0", Exit{Code: 0, Known: true}},
		{"failure", "exit 42", Exit{Code: 42, Known: true}},
		{"signal", "kill -9 $$", Exit{Signal: 9, Known: true}},
		{"signal that dumps core", "ulimit -c 0; kill -ABRT $$", Exit{Signal: 6, Known: true}},
		{"code that looks like a signal", "exit 137", Exit{Code: 137, Known: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, r *Runner) {
				before := time.Now()
				id := start(t, r, sh(c.script))
				e := next(t, r)
				if e.Exit.At.Before(before) || e.Exit.At.After(time.Now()) {
					t.Errorf("time %v is not between start and now", e.Exit.At)
				}
				e.Exit.At = time.Time{}
				if e.ID != id || e.Exit != c.want {
					t.Errorf("got %+v, want %+v of %v", e.Exit, c.want, id)
				}
				if r.Alive(id) {
					t.Error("still alive")
				}
				if _, err := readStat(id.PID); err == nil {
					t.Error("the child was not reaped")
				}
			})
		})
	}
}

func TestOwnSessionAndCleanStart(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	spec := sh(`pwd; echo "$PWD"; ls -m /proc/$$/fd; readlink /proc/$$/fd/0; ulimit -n; exec grep -E 'Sig(Blk|Ign)' /proc/self/status`)
	spec.Dir, spec.Stdout, spec.Stderr = dir, out, out
	spec.Env = append(spec.Env, "PWD=/wrong")
	inherited, err := unix.Dup(0) // as if this process had been started with it: not close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(inherited)
	r := open(t)
	id := start(t, r, spec)
	if e := next(t, r); e.Exit.Code != 0 {
		t.Fatalf("%+v: %s", e, text(t, out))
	}
	var limit unix.Rlimit
	data, _ := exec.Command("/bin/sh", "-c", "ulimit -n").Output()
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	want := dir + "\n" + dir + "\n0, 1, 2\n/dev/null\n" + string(data)
	got := text(t, out)
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// Signals 32 and 33 are the C library's own; glibc's posix_spawn, and so make, leaves them ignored.
	masks := regexp.MustCompile(`(?m)^Sig(?:Blk|Ign):\t([0-9a-f]{16})$`).FindAllStringSubmatch(got, -1)
	if len(masks) != 2 {
		t.Fatalf("no signal masks in\n%s", got)
	}
	for _, m := range masks {
		if bits, err := strconv.ParseUint(m[1], 16, 64); err != nil || bits&^(3<<31) != 0 {
			t.Errorf("signals are blocked or ignored:\n%s", got)
		}
	}
	id = start(t, r, sh("exec sleep 60"))
	s, err := readStat(id.PID)
	if err != nil || s.session != id.PID || s.pgrp != id.PID {
		t.Errorf("session %d, group %d, error %v: want its own", s.session, s.pgrp, err)
	}
	st, err := os.Stat(out)
	if err != nil || st.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode of the log %v, error %v", st.Mode(), err)
	}
}

func TestLogsAreAppendedTo(t *testing.T) {
	r := open(t)
	dir := t.TempDir()
	for _, word := range []string{"one", "two"} {
		spec := sh(`echo "$1"; echo "err $1" >&2`, word)
		spec.Stdout, spec.Stderr = filepath.Join(dir, "out"), filepath.Join(dir, "err")
		start(t, r, spec)
		next(t, r)
	}
	if out, errs := text(t, filepath.Join(dir, "out")), text(t, filepath.Join(dir, "err")); out != "one\ntwo\n" || errs != "err one\nerr two\n" {
		t.Errorf("stdout %q, stderr %q", out, errs)
	}
}

func TestManyShortProcessesEachOnce(t *testing.T) {
	eachWay(t, func(t *testing.T, r *Runner) {
		const n = 200
		before := openFiles(t)
		want := map[Identity]int{}
		for i := range n {
			want[start(t, r, sh("exit "+strconv.Itoa(i%100)))] = i % 100
		}
		for range n {
			e := next(t, r)
			code, ok := want[e.ID]
			if !ok || !e.Exit.Known || e.Exit.Code != code {
				t.Errorf("%+v: want code %d, once (%v)", e, code, ok)
			}
			delete(want, e.ID)
		}
		eventually(t, "as many descriptors as before", func() bool { return openFiles(t) <= before })
		select {
		case e := <-r.Exits():
			t.Errorf("one exit too many: %+v", e)
		default:
		}
	})
}

func openFiles(t *testing.T) int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestExitsWaitForASlowReader(t *testing.T) {
	r := open(t)
	ids := []Identity{start(t, r, sh("exit 1")), start(t, r, sh("exit 2")), start(t, r, sh("exit 3"))}
	for _, id := range ids {
		eventually(t, "all have ended", func() bool { return !r.Alive(id) })
	}
	for range ids {
		next(t, r)
	}
}

func TestCloseLeavesProcessesRunning(t *testing.T) {
	r := open(t)
	id := start(t, r, sh("exec sleep 60"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, ok := <-r.Exits(); ok {
		t.Error("an exit of a process that runs")
	}
	again := open(t)
	if !again.Alive(id) {
		t.Fatal("it does not run")
	}
	if err := r.Adopt(id); !errors.Is(err, os.ErrClosed) {
		t.Errorf("adopting with a closed Runner: %v", err)
	}
	if _, err := r.Start(sh("exit 0")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("starting with a closed Runner: %v", err)
	}
	if err := again.Adopt(id); err != nil {
		t.Fatal(err)
	}
	if err := again.Adopt(id); err != nil {
		t.Errorf("adopting twice: %v", err)
	}
	if err := again.Signal(id, int(unix.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	if e := next(t, again); e.ID != id || e.Exit.Signal != int(unix.SIGTERM) {
		t.Errorf("exit %+v", e)
	}
}

// agentHelper is an agent that starts three processes, says which, and stays until it is killed.
func agentHelper() {
	r, err := NewRunner("")
	if err != nil {
		panic(err)
	}
	for _, script := range strings.Split(os.Getenv("SCRIPTS"), "\n") {
		spec := sh(script)
		spec.Stdout = os.Getenv("OUT")
		spec.Env = append(os.Environ(), helperEnv+"=")
		id, err := r.Start(spec)
		if err != nil {
			panic(err)
		}
		fmt.Println(id.PID, id.Start, id.Boot)
	}
	select {}
}

// deadAgent runs an agent that starts scripts, and kills it.
func deadAgent(t *testing.T, out string, scripts ...string) []Identity {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"=agent", "OUT="+out, "SCRIPTS="+strings.Join(scripts, "\n"))
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []Identity
	lines := bufio.NewScanner(pipe)
	for len(ids) < len(scripts) && lines.Scan() {
		var id Identity
		if _, err := fmt.Sscan(lines.Text(), &id.PID, &id.Start, &id.Boot); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		ids = append(ids, id)
		t.Cleanup(func() { _ = unix.Kill(-id.PID, unix.SIGKILL) })
	}
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
	if len(ids) < len(scripts) {
		t.Fatal("the agent did not start its processes")
	}
	return ids
}

func TestAdoptAfterTheAgentWasKilled(t *testing.T) {
	eachWay(t, func(t *testing.T, r *Runner) {
		dir := t.TempDir()
		out, gate := filepath.Join(dir, "out"), filepath.Join(dir, "gate")
		wait := `while ! test -e ` + gate + `; do sleep 0.01; done; `
		ids := deadAgent(t, out, wait+"echo written; exit 7", wait+"kill -SEGV $$", "exec sleep 60")
		for _, id := range ids {
			if err := r.Adopt(id); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		want := map[Identity]Exit{ids[0]: {Code: 7, Known: true}, ids[1]: {Signal: int(unix.SIGSEGV), Known: true}}
		for len(want) > 0 {
			e := next(t, r)
			w, ok := want[e.ID]
			e.Exit.At = time.Time{}
			if !ok || e.Exit.Known && e.Exit != w {
				t.Errorf("%+v: want %+v", e, w)
			}
			if !e.Exit.Known {
				t.Logf("%v: status unknown (reaped before it could be read)", e.ID)
				if _, sure := kernelKeepsExits(t); sure && r.pidfds {
					t.Error("this kernel tells the status of reaped processes")
				}
			}
			delete(want, e.ID)
		}
		if !r.Alive(ids[2]) {
			t.Error("the third is not running")
		}
		if got := text(t, out); !strings.Contains(got, "written\n") {
			t.Errorf("output %q", got)
		}
	})
}

// kernelKeepsExits finds out whether PIDFD_GET_INFO tells the exit of a reaped process, with a child of our own.
func kernelKeepsExits(t *testing.T) (unix.WaitStatus, bool) {
	t.Helper()
	fd := -1
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 9"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{PidFD: &fd}})
	if err != nil || fd < 0 {
		return 0, false
	}
	defer unix.Close(fd)
	_, _ = unix.Wait4(pid, nil, 0, nil)
	return pidfdExit(fd)
}

func TestExitOfAReapedProcess(t *testing.T) {
	ws, ok := kernelKeepsExits(t)
	if !ok {
		t.Skip("this kernel does not keep the exit of reaped processes (Linux 6.15)")
	}
	if ws.ExitStatus() != 9 {
		t.Errorf("status %#x, want exit code 9", ws)
	}
}

func TestAdoptZombie(t *testing.T) {
	r := open(t)
	pid, err := syscall.ForkExec("/bin/sh", []string{"sh", "-c", "exit 5"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Wait4(pid, nil, 0, nil)
	var s stat
	eventually(t, "it is a zombie", func() bool { s, err = readStat(pid); return err == nil && s.dead() })
	id := Identity{PID: pid, Start: s.start, Boot: r.boot}
	err = r.Adopt(id)
	var gone *GoneError
	if !errors.Is(err, ErrGone) || !errors.As(err, &gone) || gone.Exit.Code != 5 || !gone.Exit.Known {
		t.Errorf("adopting a zombie: %v, want gone with exit code 5", err)
	}
	if r.Alive(id) {
		t.Error("a zombie is alive")
	}
	if err := r.Signal(id, 15); !errors.Is(err, ErrGone) {
		t.Errorf("signal to a zombie: %v", err)
	}
}
