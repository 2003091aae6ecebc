package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// marked gives spec a marker that no other test uses.
func marked(t *testing.T, spec Spec) (Spec, string) {
	marker := fmt.Sprintf("test-%d/%s.0", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))
	spec.Env = append(spec.Env, MarkerEnv+"="+marker)
	return spec, marker
}

func TestWrongIdentityIsNeverSignalled(t *testing.T) {
	eachWay(t, func(t *testing.T, r *Runner) {
		id := start(t, r, sh("exec sleep 60"))
		for name, wrong := range map[string]Identity{
			"start": {PID: id.PID, Start: id.Start + 1, Boot: id.Boot},
			"older": {PID: id.PID, Start: id.Start - 1, Boot: id.Boot},
			"boot":  {PID: id.PID, Start: id.Start, Boot: "another"},
			"empty": {},
			"init":  {PID: 1, Boot: id.Boot},
			"all":   {PID: -1, Boot: id.Boot},
			"group": {PID: 0, Start: id.Start, Boot: id.Boot},
			"none":  {PID: 1 << 22, Start: 1, Boot: id.Boot},
		} {
			if r.Alive(wrong) {
				t.Errorf("%s: alive", name)
			}
			for what, err := range map[string]error{
				"signal": r.Signal(wrong, 9), "kill": r.Kill(wrong), "adopt": r.Adopt(wrong),
			} {
				if !errors.Is(err, ErrGone) {
					t.Errorf("%s: %s: %v, want ErrGone", name, what, err)
				}
			}
			if _, err := r.Inspect(wrong); !errors.Is(err, ErrGone) {
				t.Errorf("%s: inspect: %v", name, err)
			}
		}
		if !r.Alive(id) {
			t.Error("the process was hit")
		}
	})
}

func TestSignalReachesTheGroup(t *testing.T) {
	eachWay(t, func(t *testing.T, r *Runner) {
		dir := t.TempDir()
		spec := sh(`(trap 'echo child >> log; exit 0' TERM; touch ready; while :; do sleep 0.01; done) &
			trap 'echo parent >> log; wait; exit 3' TERM; while :; do sleep 0.01; done`)
		spec.Dir = dir
		id := start(t, r, spec)
		eventually(t, "it is ready", func() bool { _, err := os.Stat(filepath.Join(dir, "ready")); return err == nil })
		if err := r.Signal(id, int(unix.SIGTERM)); err != nil {
			t.Fatal(err)
		}
		if e := next(t, r); e.Exit.Code != 3 {
			t.Errorf("exit %+v", e)
		}
		if log := text(t, filepath.Join(dir, "log")); !strings.Contains(log, "child") || !strings.Contains(log, "parent") {
			t.Errorf("log %q", log)
		}
		if err := r.Signal(id, 15); !errors.Is(err, ErrGone) {
			t.Errorf("signal after the end: %v", err)
		}
	})
}

func TestKillWhatIgnoresTERM(t *testing.T) {
	r := open(t)
	dir := t.TempDir()
	spec := sh(`trap '' TERM; touch ready; while :; do sleep 0.01; done`)
	spec.Dir = dir
	id := start(t, r, spec)
	eventually(t, "it is ready", func() bool { _, err := os.Stat(filepath.Join(dir, "ready")); return err == nil })
	if err := r.Signal(id, int(unix.SIGTERM)); err != nil {
		t.Fatal(err)
	}
	if !r.Alive(id) {
		t.Fatal("SIGTERM was not ignored")
	}
	if err := r.Kill(id); err != nil {
		t.Fatal(err)
	}
	if e := next(t, r); e.Exit.Signal != int(unix.SIGKILL) {
		t.Errorf("exit %+v", e)
	}
}

// family is a script whose children sit in its group, in another session, and in another session without parent.
const family = `sleep 61 & setsid sleep 62 & (setsid sleep 63 &) ; touch ready; `

func startFamily(t *testing.T, r *Runner, then string) (id Identity, marker string) {
	t.Helper()
	spec, marker := marked(t, sh(family+then))
	spec.Dir = t.TempDir()
	id = start(t, r, spec)
	t.Cleanup(func() {
		for _, left := range r.Leftovers(marker) {
			_ = r.Kill(left)
		}
	})
	eventually(t, "all four run", func() bool {
		left := 0
		for _, l := range r.Leftovers(marker) {
			if strings.HasPrefix(cmdline(l.PID), "sleep 6") {
				left++
			}
		}
		_, err := os.Stat(filepath.Join(spec.Dir, "ready"))
		return left == 3 && err == nil
	})
	return id, marker
}

func TestKillLeavesNoStray(t *testing.T) {
	r := open(t)
	other := start(t, r, sh("exec sleep 60"))
	id, marker := startFamily(t, r, "wait")
	if err := r.Kill(id); err != nil {
		t.Fatal(err)
	}
	if e := next(t, r); e.ID != id {
		t.Errorf("exit %+v", e)
	}
	eventually(t, "nothing is left", func() bool { return len(r.Leftovers(marker)) == 0 })
	if !r.Alive(other) {
		t.Error("another process was hit")
	}
}

func TestKillAfterTheLeaderDied(t *testing.T) {
	r := open(t)
	id, marker := startFamily(t, r, "exit 0")
	next(t, r)
	if err := r.Kill(id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nothing is left", func() bool { return len(r.Leftovers(marker)) == 0 })
	if err := r.Kill(id); !errors.Is(err, ErrGone) {
		t.Errorf("killing again: %v", err)
	}
}

func TestKillSparesTheSuccessor(t *testing.T) {
	r := open(t)
	id, marker := startFamily(t, r, "exit 0")
	next(t, r)
	spec := sh("exec sleep 60")
	spec.Env = append(spec.Env, MarkerEnv+"="+marker)
	successor := start(t, r, spec)
	if err := r.Kill(id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the successor alone is left", func() bool { return len(r.Leftovers(marker)) == 1 })
	if !r.Alive(successor) {
		t.Error("the new process of the same instance was hit")
	}
}

func TestLeftoverCanBeKilledByItsOwnIdentity(t *testing.T) {
	r := open(t)
	_, marker := startFamily(t, r, "exit 0")
	next(t, r)
	for _, left := range r.Leftovers(marker) {
		if err := r.Kill(left); err != nil && !errors.Is(err, ErrGone) {
			t.Error(err)
		}
	}
	eventually(t, "nothing is left", func() bool { return len(r.Leftovers(marker)) == 0 })
}

func TestFind(t *testing.T) {
	r := open(t)
	spec, marker := marked(t, sh("sleep 60 & wait"))
	spec.Env = append(spec.Env, "STATHUB_TEST_VALUE=a=b\nc")
	id := start(t, r, spec)
	start(t, r, Spec{Argv: []string{"sleep", "60"}, Env: []string{"no equals sign", "=", MarkerEnv + "=", "PATH=" + os.Getenv("PATH")}})
	clobbered := start(t, r, Spec{Argv: []string{"sleep", "60"}, Env: []string{}})
	if _, err := r.Inspect(clobbered); err != nil {
		t.Error(err)
	}
	found, err := open(t).Find(marker[:len(marker)-1])
	if err != nil || len(found) != 1 {
		t.Fatalf("found %+v, error %v", found, err)
	}
	if f := found[0]; f.ID != id || f.Env[MarkerEnv] != marker || f.Env["STATHUB_TEST_VALUE"] != "a=b\nc" {
		t.Errorf("found %+v, want %v", f, id)
	}
	if found, err := r.Find("no such prefix"); err != nil || len(found) != 0 {
		t.Errorf("found %v, error %v", found, err)
	}
}

func TestFindWithAnOverwrittenEnvironment(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3 to overwrite an environment in place")
	}
	r := open(t)
	dir := t.TempDir()
	spec, marker := marked(t, Spec{Argv: []string{python, "-c", `
import ctypes, os, time
lo, hi = [int(x) for x in open('/proc/self/stat').read().rsplit(')', 1)[1].split()[47:49]]
ctypes.memset(lo, 0x41, hi - lo)
open('` + dir + `/ready', 'w').close()
time.sleep(60)`}, Env: os.Environ()})
	id := start(t, r, spec)
	eventually(t, "it is ready", func() bool { _, err := os.Stat(dir + "/ready"); return err == nil })
	if found, err := r.Find(marker); err != nil || len(found) != 0 {
		t.Errorf("found %v, error %v", found, err)
	}
	if err := r.Kill(id); err != nil {
		t.Error(err)
	}
	next(t, r)
}

func TestInspect(t *testing.T) {
	r := open(t)
	before := time.Now().Add(-time.Second)
	id := start(t, r, sh(`sleep 61 & i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; wait`))
	var info Info
	eventually(t, "it has a child and used time", func() bool {
		var err error
		if info, err = r.Inspect(id); err != nil {
			t.Fatal(err)
		}
		return len(info.Children) == 1 && info.CPU > 0
	})
	if info.PID != id.PID || info.PPID != os.Getpid() || info.UID != os.Getuid() || info.RSS <= 0 ||
		!strings.HasPrefix(info.Cmd, "/bin/sh -c sleep 61 & ") || info.StartTime.Before(before) || info.StartTime.After(time.Now()) {
		t.Errorf("%+v", info)
	}
	child, err := r.InspectAll([]Identity{id, {PID: id.PID, Start: 1, Boot: id.Boot}})
	if err != nil || len(child) != 1 || !child[id].StartTime.Equal(info.StartTime) {
		t.Errorf("%+v, %v", child, err)
	}
}

func TestParseStat(t *testing.T) {
	fields := make([]string, 52)
	for i := range fields {
		fields[i] = fmt.Sprint(i + 1)
	}
	fields[1], fields[2] = "(a) b (c\n)", "Z"
	s, err := parseStat([]byte(strings.Join(fields, " ")))
	want := stat{pid: 1, ppid: 4, pgrp: 5, session: 6, state: 'Z', utime: 14, stime: 15, cutime: 16, cstime: 17, threads: 20, start: 22, rss: 24, exitCode: 52}
	if err != nil || s != want {
		t.Errorf("got %+v, %v\nwant %+v", s, err, want)
	}
	if s.dead() {
		t.Error("a zombie leader with living threads is dead")
	}
}

func FuzzParseStat(f *testing.F) {
	data, _ := os.ReadFile("/proc/self/stat")
	f.Add(data)
	f.Add([]byte("1 ("))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = parseStat(data) })
}
