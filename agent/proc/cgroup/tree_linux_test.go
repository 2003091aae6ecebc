package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sources gives the machine's own mounts, but those that keep refuses.
func sources(t *testing.T, keep func(mount) bool) Sources {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if m := parseMounts(line); len(m) == 1 && keep(m[0]) {
			lines = append(lines, line)
		}
	}
	return Sources{MountInfo: file(t, strings.Join(lines, ""))}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// grow starts n processes in a group, the shell that made them included.
func grow(t *testing.T, tree *Tree, marker string, n int) {
	t.Helper()
	script := fmt.Sprintf("for i in $(seq %d); do env -i setsid sleep 1000 & done; wait", n-1)
	sys := &syscall.SysProcAttr{Setsid: true}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = sys
	if _, err := tree.Fork(marker, sys, func() (int, error) { return 0, cmd.Start() }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() })
	t.Cleanup(func() { _, _ = tree.Kill(marker) })
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if pids, err := tree.Members(marker); err != nil {
			t.Fatal(err)
		} else if len(pids) == n {
			return
		} else if time.Now().After(end) {
			t.Fatalf("members %v, want %d", pids, n)
		}
	}
}

// Each way of killing a group that this machine has: both versions, v2 alone, v1 with and without its freezer.
func TestKill(t *testing.T) {
	for name, keep := range map[string]func(mount) bool{
		"as it is":   func(mount) bool { return true },
		"v2 alone":   func(m mount) bool { return m.v2 },
		"v1 alone":   func(m mount) bool { return !m.v2 },
		"no freezer": func(m mount) bool { return !m.v2 && !slices.Contains(m.controllers, "freezer") },
	} {
		t.Run(name, func(t *testing.T) {
			tree, err := Open("n", t.TempDir(), sources(t, keep))
			if tree == nil {
				t.Skipf("no cgroups here: %v", err)
			}
			bases := tree.bases()
			defer func() {
				tree.Close()
				for _, b := range bases {
					if _, err := os.Stat(b); err == nil {
						t.Errorf("%s is left", b)
					}
				}
			}()
			for _, marker := range []string{"n/a.0", "n/b.0"} {
				if err := tree.Set(marker, Limits{}); err != nil {
					t.Fatal(err)
				}
				grow(t, tree, marker, 12)
			}
			if err := tree.Remove("n/a.0"); err == nil {
				t.Error("a group with processes was removed")
			}
			if any, err := tree.Kill("n/a.0"); !any || err != nil {
				t.Errorf("killed %v, %v", any, err)
			}
			if pids, err := tree.Members("n/a.0"); len(pids) > 0 || err != nil {
				t.Errorf("%v survived, %v", pids, err)
			}
			if pids, _ := tree.Members("n/b.0"); len(pids) != 12 {
				t.Errorf("%d processes of another group are left", len(pids))
			}
			if any, err := tree.Kill("n/a.0"); any || err != nil {
				t.Errorf("killed again: %v, %v", any, err)
			}
			if _, err := tree.Kill("n/b.0"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMachinesWithoutRights(t *testing.T) {
	fake := t.TempDir()
	for name, from := range map[string]Sources{
		"none mounted":   {MountInfo: file(t, "")},
		"cannot be read": {MountInfo: filepath.Join(fake, "none")},
		"not writable":   {MountInfo: file(t, "41 31 0:38 / /proc/sys rw - cgroup2 cgroup2 rw\n42 31 0:38 / /proc/fs rw - cgroup cgroup rw,memory\n"), Own: file(t, "0::/\n")},
		"not cgroups":    {MountInfo: file(t, "41 31 0:38 / "+fake+" rw - cgroup2 cgroup2 rw\n"), Own: file(t, "0::/\n")},
		"nothing of use": {MountInfo: file(t, "41 31 0:38 / "+fake+" rw - cgroup cgroup rw,cpuset\n"), Own: file(t, "3:cpuset:/\n")},
	} {
		t.Run(name, func(t *testing.T) {
			tree, err := Open("n", "/store", from)
			if tree != nil || err == nil {
				t.Errorf("got %+v, %v: want a reason", tree, err)
			}
			if left, _ := filepath.Glob(filepath.Join(fake, "*", "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// What is written for v2, on a machine that need not have it.
func TestLimitsOfV2(t *testing.T) {
	base := t.TempDir()
	tree := &Tree{v2: base, home: base, unified: []string{CPU, Memory, PIDs}, groups: map[string]*group{}}
	dir := filepath.Join(base, "n%2Fa.0")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		limits Limits
		want   map[string]string
	}{
		{Limits{CPUs: 1.5, Mem: 1 << 20, PIDs: 7}, map[string]string{
			"cpu.max": "150000 100000", "cpu.weight": "150", "memory.max": "1048576", "memory.swap.max": "0", "pids.max": "7"}},
		{Limits{}, map[string]string{
			"cpu.max": "max 100000", "cpu.weight": "100", "memory.max": "max", "memory.swap.max": "max", "pids.max": "max"}},
	} {
		for name := range c.want {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := tree.limit(&group{name: "n%2Fa.0", limits: c.limits}); err != nil {
			t.Error(err)
		}
		for name, want := range c.want {
			if got, _ := read(filepath.Join(dir, name)); got != want {
				t.Errorf("%+v: %s is %q, want %q", c.limits, name, got, want)
			}
		}
	}
	if got := tree.Controllers(); !slices.Equal(got, []string{CPU, Memory, PIDs}) || tree.Version() != 2 {
		t.Errorf("controllers %v of version %d", got, tree.Version())
	}
	for name, text := range map[string]string{
		"memory.events": "oom 4\noom_kill 3\n", "memory.max": "1048576\n", "pids.events": "max 9\n",
		"cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := tree.Counters("n/a.0"), (Counters{OOMKills: 3, MemLimit: 1 << 20, PIDDenied: 9}); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
	if got, ok := tree.CPU("n/a.0"); got != 1500*time.Millisecond || !ok {
		t.Errorf("processor time %v, %v", got, ok)
	}
	if _, _, ok := tree.IO("n/a.0"); ok {
		t.Error("I/O without its controller")
	}
}

// Two agents of a machine never share a group, whatever they have in common.
func TestTreesOfOthersAreLeftAlone(t *testing.T) {
	stores := [][2]string{{"n", "/a"}, {"n", "/b"}, {"m", "/a"}}
	var trees []*Tree
	for _, s := range stores {
		tree, err := Open(s[0], t.TempDir()+s[1], Sources{})
		if tree == nil {
			t.Skipf("no cgroups here: %v", err)
		}
		defer tree.Close()
		if slices.ContainsFunc(trees, func(o *Tree) bool { return o.home == tree.home }) {
			t.Errorf("%v shares a folder", s)
		}
		if err := tree.Set("n/a.0", Limits{}); err != nil {
			t.Fatal(err)
		}
		trees = append(trees, tree)
	}
	trees[0].Close()
	for _, tree := range trees[1:] {
		if got := tree.Groups(); !slices.Equal(got, []string{"n/a.0"}) {
			t.Errorf("groups %v after the end of another agent", got)
		}
	}
	if own, err := os.ReadFile("/proc/self/cgroup"); err != nil || strings.Contains(string(own), filepath.Base(trees[0].home)) {
		t.Errorf("this process is in %s, %v", own, err)
	}
}

// systemd marks what it hands over. The agent uses that while it sits in a group below it, and not the group that it sits in.
func TestDelegatedSubtree(t *testing.T) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	mounts := parseMounts(string(data))
	k := slices.IndexFunc(mounts, func(m mount) bool { return m.v2 })
	if k < 0 {
		t.Skip("no cgroup v2 here")
	}
	top := mounts[k].point
	service := filepath.Join(top, fmt.Sprintf("test%d.service", os.Getpid()))
	for _, dir := range []string{service, filepath.Join(service, "agent")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Skipf("no cgroup can be made here: %v", err)
		}
		defer os.Remove(dir)
	}
	own := func(dir string) Sources { return Sources{Own: file(t, "0::"+strings.TrimPrefix(dir, top)+"\n")} }
	home := func(from Sources) string {
		t.Helper()
		tree, err := Open("n", "/store", from)
		if tree == nil {
			t.Skipf("no cgroups here: %v", err)
		}
		defer tree.Close()
		return tree.home
	}
	agent := own(filepath.Join(service, "agent"))
	if got := home(agent); strings.HasPrefix(got, service) {
		t.Errorf("groups are in %s, which nobody handed over", got)
	}
	if err := unix.Setxattr(service, "user.delegate", []byte("1"), 0); err != nil {
		t.Skipf("no marks on cgroups here: %v", err)
	}
	if got := home(agent); !strings.HasPrefix(got, service+"/stathub/") {
		t.Errorf("groups are in %s, not in the subtree that was handed over", got)
	}
	if got := home(own(service)); strings.HasPrefix(got, service) {
		t.Errorf("groups are in %s beside the agent itself", got)
	}
}

func TestAgentsComeAndGo(t *testing.T) {
	if tree, err := Open("n", t.TempDir(), Sources{}); tree == nil {
		t.Skipf("no cgroups here: %v", err)
	} else {
		tree.Close()
	}
	var all sync.WaitGroup
	for range 4 {
		store := t.TempDir()
		all.Go(func() {
			for range 25 {
				tree, err := Open("n", store, Sources{})
				if tree == nil || err != nil {
					t.Errorf("got %v, %v", tree, err)
					return
				}
				if err := tree.Set("n/a.0", Limits{PIDs: 10}); err != nil {
					t.Error(err)
				}
				tree.Close()
			}
		})
	}
	all.Wait()
}
