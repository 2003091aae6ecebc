package proc

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"stathub/agent/proc/cgroup"
)

// Isolate has instances started in cgroups of their own, as far as this machine and the agent's rights allow. It gives what
// can be enforced, tried out: the version, "cgroup1" or "cgroup2", and some of LimitsCPU, LimitsMemory, LimitsPIDs and
// KillsAll. The error says why something is missing; everything works without. Call it once, before anything is started or
// adopted.
func (r *Runner) Isolate(node string) ([]string, error) {
	tree, err := cgroup.Open(node, r.store, cgroup.Sources{})
	if tree == nil {
		return []string{}, err
	}
	r.tree = tree
	features := append([]string{"cgroup" + strconv.Itoa(tree.Version())}, tree.Controllers()...)
	return append(features, KillsAll), err
}

// Limit makes the cgroup of the instance with this marker, and gives it limits. Start puts the instance into it. The instance
// must have no process that is known: what is in the group is left of an earlier one, and is killed. Where it fails the instance
// can be started all the same, without limits.
func (r *Runner) Limit(marker string, l Limits) error {
	if r.tree == nil {
		return nil
	}
	if !r.isContained(marker) {
		if _, err := r.tree.Kill(marker); err != nil {
			return err
		}
	}
	err := r.tree.Set(marker, l)
	if err != nil {
		_ = r.tree.Remove(marker)
	}
	return err
}

// Release removes the cgroup of an instance that has no process any more.
func (r *Runner) Release(marker string) {
	if r.tree == nil {
		return
	}
	_ = r.tree.Remove(marker) // what is left is removed by a later agent
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.contained, marker)
}

// Sweep removes the cgroups of earlier agents' instances that have no process. Call it when all that runs was adopted, and
// before anything is started.
func (r *Runner) Sweep() {
	if r.tree != nil {
		r.tree.Sweep()
	}
}

// Counters gives what happened at the limits of an instance.
func (r *Runner) Counters(marker string) Counters {
	if r.tree == nil {
		return Counters{}
	}
	return r.tree.Counters(marker)
}

// Consumed looks at what an instance has used; pids are its processes (Info.Members). What this agent may not look into does
// not count.
func (r *Runner) Consumed(marker string, pids []int) Consumption {
	var c Consumption
	known := false
	if r.isContained(marker) {
		c.IORead, c.IOWrite, known = r.tree.IO(marker)
	}
	for _, pid := range pids {
		c.Files += countFiles(pid)
		if known {
			continue
		}
		if data, err := readProc(procPath(pid, "io")); err == nil {
			c.IORead += keyedNumber(data, "read_bytes: ")
			c.IOWrite += keyedNumber(data, "\nwrite_bytes: ")
		}
	}
	return c
}

// countFiles counts descriptors. Since Linux 6.2 the size of the directory tells.
func countFiles(pid int) int {
	path := procPath(pid, "fd")
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil && st.Size > 0 {
		return int(st.Size)
	}
	d, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	return len(names)
}

// keyedNumber gives the number behind key, 0 if there is none.
func keyedNumber(data []byte, key string) int64 {
	_, rest, _ := strings.Cut(string(data), key)
	line, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.ParseInt(line, 10, 64)
	return n
}

// isContained says whether the process of an instance was started in its cgroup, so that the group has all that is left of it.
func (r *Runner) isContained(marker string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.contained[marker]
}

// contain notes whether w is in the cgroup that its marker names. r.mu is held.
func (r *Runner) contain(w *watched) {
	if w.contained {
		r.contained[w.marker] = true
	} else {
		delete(r.contained, w.marker)
	}
}

// fork starts what was prepared, in the cgroup of its instance if it has one.
func (r *Runner) fork(l *launch, w *watched) (int, error) {
	sys := newAttr(w, r.pidfds)
	if r.tree == nil || !r.tree.Has(w.marker) {
		return r.signals.forked(func() (int, error) { return l.fork(sys) })
	}
	w.contained = true
	pid, err := r.tree.Fork(w.marker, sys, func() (int, error) {
		return r.signals.forked(func() (int, error) { return l.fork(sys) })
	})
	if _, told := err.(*StartError); err != nil && !told {
		err = &StartError{Op: "start in its cgroup", Path: l.path, Err: err}
	}
	return pid, err
}
