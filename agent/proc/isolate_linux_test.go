package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hogHelper takes more and more memory.
func hogHelper() {
	var all [][]byte
	for range 4096 {
		b := make([]byte, 1<<20)
		for k := 0; k < len(b); k += 4096 {
			b[k] = 1
		}
		all = append(all, b)
	}
	fmt.Println(len(all))
}

// isolated gives a Runner with cgroups, and sees to it that no cgroup is left of it.
func isolated(t *testing.T) (*Runner, []string) {
	t.Helper()
	return isolatedAt(t, t.TempDir())
}

func isolatedAt(t *testing.T, store string) (*Runner, []string) {
	t.Helper()
	r, err := NewRunner(store)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	features, err := r.Isolate("n")
	if !slices.Contains(features, KillsAll) {
		t.Skipf("no cgroups here: %v, %v", features, err)
	}
	return r, features
}

// groupDirs gives the directories of an instance's cgroup, in every hierarchy.
func groupDirs(marker string) []string {
	var dirs []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == strings.ReplaceAll(marker, "/", "%2F") {
			dirs = append(dirs, path)
		}
		return nil
	})
	return dirs
}

// startLimited starts an instance in its cgroup.
func startLimited(t *testing.T, r *Runner, marker string, l Limits, spec Spec) Identity {
	t.Helper()
	if err := r.Limit(marker, l); err != nil {
		t.Fatal(err)
	}
	spec.Env = append(spec.Env, MarkerEnv+"="+marker, StoreEnv+"="+r.store)
	id, err := r.Start(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, left := range r.Leftovers(marker) {
			_ = unix.Kill(left.PID, unix.SIGKILL)
		}
		eventually(t, "nothing is left of "+marker, func() bool { return len(r.members(marker)) == 0 })
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if dirs := groupDirs(marker); len(dirs) > 0 {
			t.Errorf("cgroups are left: %v", dirs)
		}
	})
	return id
}

func needs(t *testing.T, features []string, what string) {
	t.Helper()
	if !slices.Contains(features, what) {
		t.Skipf("this agent cannot enforce it: %v", features)
	}
}

// marker gives an instance ID that no other test uses.
func marker(t *testing.T) string {
	return fmt.Sprintf("n/%s-%d.0", strings.NewReplacer("/", "-", "=", "-").Replace(t.Name()), os.Getpid())
}

func TestBornInItsGroup(t *testing.T) {
	r, features := isolated(t)
	out := filepath.Join(t.TempDir(), "out")
	for _, l := range []Limits{{}, {CPUs: 2, Mem: 64 << 20, PIDs: 100}} {
		spec := sh("exec cat /proc/self/cgroup")
		spec.Stdout = out
		startLimited(t, r, marker(t), l, spec)
		next(t, r)
	}
	name := "/" + strings.ReplaceAll(marker(t), "/", "%2F") + "\n"
	got := strings.SplitAfter(text(t, out), "\n")
	free, limited := 0, 0
	for k, line := range got {
		if strings.HasSuffix(line, name) {
			if k < len(got)/2 {
				free++
			} else {
				limited++
			}
		}
	}
	want := 1
	if features[0] == "cgroup1" {
		want = len(features) - 2 // each limit has a hierarchy of its own there
	}
	if free < 1 || limited < want {
		t.Errorf("in %d groups without limits, in %d with them, want %d: %s", free, limited, want, got)
	}
	if own, err := os.ReadFile("/proc/self/cgroup"); err != nil || strings.Contains(string(own), name) {
		t.Errorf("the agent is in the instance's group: %s, %v", own, err)
	}
}

func TestAgentNeverStaysInAGroup(t *testing.T) {
	r, _ := isolated(t)
	m := marker(t)
	for range 50 {
		startLimited(t, r, m, Limits{CPUs: 4, Mem: 64 << 20, PIDs: 50}, sh("exit 0"))
		next(t, r)
	}
	name := strings.ReplaceAll(m, "/", "%2F")
	eventually(t, "no thread of the agent is in the group", func() bool {
		tasks, err := filepath.Glob("/proc/self/task/*/cgroup")
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(tasks, func(p string) bool { return strings.Contains(text(t, p), name) })
	})
	r.Release(m)
	if dirs := groupDirs(m); len(dirs) > 0 {
		t.Errorf("left: %v", dirs)
	}
}

func TestMemoryLimit(t *testing.T) {
	r, features := isolated(t)
	needs(t, features, LimitsMemory)
	m := marker(t)
	spec := Spec{Argv: []string{os.Args[0]}, Env: append(os.Environ(), helperEnv+"=hog")}
	for kills := int64(1); kills <= 2; kills++ { // the group is used again
		startLimited(t, r, m, Limits{Mem: 64 << 20}, spec)
		if e := next(t, r); e.Exit.Signal != int(unix.SIGKILL) {
			t.Fatalf("exit %+v", e.Exit)
		}
		if c := r.Counters(m); c.OOMKills != kills || c.MemLimit != 64<<20 {
			t.Errorf("counters %+v, want %d", c, kills)
		}
	}
}

func TestProcessLimit(t *testing.T) {
	r, features := isolated(t)
	needs(t, features, LimitsPIDs)
	m := marker(t)
	startLimited(t, r, m, Limits{PIDs: 20}, sh(`bomb() { bomb | bomb & wait; }; bomb`))
	eventually(t, "the bomb meets its limit", func() bool { return r.Counters(m).PIDDenied > 0 })
	if n := len(r.members(m)); n > 20 {
		t.Errorf("%d processes", n)
	}
	for _, left := range r.Leftovers(m) {
		if err := r.Kill(left); err != nil && len(r.members(m)) > 0 {
			t.Error(err)
		}
	}
	if n := len(r.members(m)); n > 0 {
		t.Errorf("%d processes survived", n)
	}
}

func TestProcessorLimit(t *testing.T) {
	r, features := isolated(t)
	needs(t, features, LimitsCPU)
	m := marker(t)
	id := startLimited(t, r, m, Limits{CPUs: 0.05}, sh("while :; do :; done"))
	var throttled string
	eventually(t, "it is held back", func() bool {
		for _, dir := range groupDirs(m) {
			for line := range strings.Lines(text(t, filepath.Join(dir, "cpu.stat"))) {
				if n, ok := strings.CutPrefix(line, "nr_throttled "); ok && strings.TrimSpace(n) != "0" {
					throttled = line
					return true
				}
			}
		}
		return false
	})
	first, err := r.Inspect(id)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var spent, took time.Duration
	eventually(t, "a second passes", func() bool {
		info, err := r.Inspect(id)
		if err != nil {
			t.Fatal(err)
		}
		spent, took = info.CPU-first.CPU, time.Since(began)
		return took > time.Second
	})
	if float64(spent) > 0.2*float64(took) {
		t.Errorf("it used %v of processor time in %v; %s", spent, took, throttled)
	}
}

// A child that left the session and has no marker is the instance's all the same.
func TestNothingSurvivesItsGroup(t *testing.T) {
	r, _ := isolated(t)
	m := marker(t)
	id := startLimited(t, r, m, Limits{}, sh(`env -i setsid sh -c "(trap '' TERM; env -i sleep 1000) & exec sleep 1001" & wait`))
	other := startLimited(t, r, m+"x.0", Limits{}, sh("exec sleep 1000"))
	eventually(t, "its children run", func() bool { return len(r.members(m)) >= 3 })
	if err := unix.Kill(id.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	next(t, r)
	left := r.Leftovers(m)
	if len(left) < 2 {
		t.Fatalf("left: %v, want at least the two that hid", left)
	}
	if err := r.Kill(left[len(left)-1]); err != nil {
		t.Fatal(err)
	}
	for _, l := range left {
		if r.Alive(l) {
			t.Errorf("%v survived", l)
		}
	}
	if len(r.Leftovers(m)) != 0 || !r.Alive(other) {
		t.Error("too little was killed, or too much")
	}
	r.Release(m)
	if dirs := groupDirs(m); len(dirs) > 0 {
		t.Errorf("left: %v", dirs)
	}
}

// Whoever killed the group, its instance can be started again.
func TestKilledGroupIsUsedAgain(t *testing.T) {
	r, _ := isolated(t)
	m := marker(t)
	l := Limits{PIDs: 100}
	id := startLimited(t, r, m, l, sh("exec sleep 1000"))
	for range 3 {
		killed := false
		for _, dir := range groupDirs(m) {
			killed = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) == nil || killed
		}
		if !killed {
			if err := r.Kill(id); err != nil {
				t.Fatal(err)
			}
		}
		next(t, r)
		id = startLimited(t, r, m, l, sh("exec sleep 1000"))
		if err := r.Kill(id); err != nil {
			t.Fatal(err)
		}
		next(t, r)
		startLimited(t, r, m, l, sh("exit 3"))
		if e := next(t, r); e.Exit.Code != 3 {
			t.Fatalf("exit %+v", e.Exit)
		}
		id = startLimited(t, r, m, l, sh("exec sleep 1000"))
	}
}

// A later agent finds what has neither a record nor a marker, and the limits hold on.
func TestGroupsOutliveTheAgent(t *testing.T) {
	store, m := t.TempDir(), marker(t)
	first, features := isolatedAt(t, store)
	id := startLimited(t, first, m, Limits{CPUs: 1, Mem: 64 << 20, PIDs: 30}, sh("exec env -i sleep 1000"))
	eventually(t, "its environment is empty", func() bool { return len(readEnv(id.PID)) == 0 })
	before := text(t, fmt.Sprintf("/proc/%d/cgroup", id.PID))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	r, _ := isolatedAt(t, store)
	r.Sweep()
	found, err := r.Find("n/")
	if err != nil || len(found) != 1 || found[0].ID != id || found[0].Env[MarkerEnv] != m {
		t.Fatalf("found %+v, %v", found, err)
	}
	if err := r.Adopt(id); err != nil {
		t.Fatal(err)
	}
	if after := text(t, fmt.Sprintf("/proc/%d/cgroup", id.PID)); after != before {
		t.Errorf("the groups were\n%snow they are\n%s", before, after)
	}
	if len(groupDirs(m)) < 1 || slices.Contains(features, LimitsMemory) && !limitIs(t, m, 64<<20) {
		t.Error("its limits are gone")
	}
	if left := r.Leftovers(m); len(left) != 1 || left[0] != id {
		t.Errorf("leftovers %v", left)
	}
	if err := r.Kill(id); err != nil {
		t.Fatal(err)
	}
	if e := next(t, r); e.ID != id || e.Exit.Signal != int(unix.SIGKILL) {
		t.Errorf("exit %+v", e)
	}
}

// An instance may give what it starts the marker of another one.
func TestMarkerOfAnotherInstance(t *testing.T) {
	store := t.TempDir()
	r, _ := isolatedAt(t, store)
	own, other := marker(t), marker(t)+"-other.0"
	out := filepath.Join(t.TempDir(), "pid")
	id := startLimited(t, r, own, Limits{}, Spec{Argv: []string{"/bin/sh", "-c",
		MarkerEnv + "=" + other + " setsid sleep 300 & echo $! >" + out + "; sleep 300"}, Env: os.Environ(), Dir: store})
	eventually(t, "the second process runs", func() bool {
		text, _ := os.ReadFile(out)
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		cmd, _ := os.ReadFile(procPath(pid, "cmdline"))
		return err == nil && strings.HasPrefix(string(cmd), "sleep")
	})
	found, err := r.Find("n/")
	if err != nil || len(found) == 0 || found[0].ID != id {
		t.Fatalf("found %v, %v", found, err)
	}
	for _, f := range found {
		if f.Env[MarkerEnv] == other {
			t.Errorf("%v was found as %s", f.ID, other)
		}
	}
}

func limitIs(t *testing.T, m string, want int) bool {
	for _, dir := range groupDirs(m) {
		for _, file := range []string{"memory.max", "memory.limit_in_bytes"} {
			if strings.TrimSpace(text(t, filepath.Join(dir, file))) == fmt.Sprint(want) {
				return true
			}
		}
	}
	return false
}

// What an agent left that was killed is cleared away: what hid in the group of an instance before it is started again, and
// empty groups.
func TestLaterAgentClearsUp(t *testing.T) {
	store, m := t.TempDir(), marker(t)
	first, _ := isolatedAt(t, store)
	startLimited(t, first, m, Limits{}, sh("env -i setsid sleep 1000 & exit 0"))
	startLimited(t, first, m+"x.0", Limits{PIDs: 10}, sh("exit 0"))
	next(t, first)
	next(t, first)
	eventually(t, "one hides", func() bool { return len(first.members(m)) == 1 })
	hidden := first.members(m)[0]

	r, _ := isolatedAt(t, store)
	r.Sweep()
	if dirs := groupDirs(m + "x.0"); len(dirs) > 0 {
		t.Errorf("empty groups are left: %v", dirs)
	}
	if !processExists(hidden) {
		t.Fatal("looking for empty groups killed something")
	}
	id := startLimited(t, r, m, Limits{}, sh("exec sleep 1000"))
	if processExists(hidden) || !r.Alive(id) {
		t.Errorf("the one that hid runs beside the new process: %v, %v", processExists(hidden), r.members(m))
	}
}

func processExists(pid int) bool {
	s, err := readStat(pid)
	return err == nil && !s.dead()
}

func TestConsumption(t *testing.T) {
	r, _ := isolated(t)
	m, dir := marker(t), t.TempDir()
	spec := sh(`exec 7</dev/null 8</dev/null; dd if=/dev/zero of=big bs=1M count=8 conv=fsync 2>/dev/null; (while :; do :; done) & env -i setsid sh -c "sleep 1000 &"; wait`)
	spec.Dir = dir
	id := startLimited(t, r, m, Limits{}, spec)
	eventually(t, "it uses something, the daemon with it", func() bool {
		info, err := r.Inspect(id)
		if err != nil {
			t.Fatal(err)
		}
		c := r.Consumed(m, info.Members)
		return c.Files >= 2*5 && info.CPU > 50*time.Millisecond && len(info.Members) == 3 && (c.IOWrite >= 8<<20 || !storage(dir))
	})
}

// storage says whether files in dir are on a disk that counts.
func storage(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Type != unix.TMPFS_MAGIC && st.Type != unix.OVERLAYFS_SUPER_MAGIC
}
