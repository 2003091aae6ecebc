package proc

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"stathub/agent/proc/cgroup"
)

// Isolate has instances started in cgroups of their own, as far as this machine and the agent's rights allow. It gives what can be enforced, tried out: the version, "cgroup1" or "cgroup2", and
// some of LimitsCPU, LimitsMemory, LimitsPIDs and KillsAll. The error says why something is missing; everything works
// without. Call it once, before anything is started or adopted.
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

// identities gives the living processes among pids, oldest first.
func (r *Runner) identities(pids []int) []Identity {
	ids := make([]Identity, 0, len(pids))
	for _, pid := range pids {
		if s, err := readStat(pid); err == nil && !s.dead() {
			ids = append(ids, Identity{PID: pid, Start: s.start, Boot: r.boot})
		}
	}
	slices.SortFunc(ids, byAge)
	return ids
}

// members gives the pids in the cgroup of an instance.
func (r *Runner) members(marker string) []int {
	if r.tree == nil {
		return nil
	}
	pids, _ := r.tree.Members(marker)
	return pids
}

// groupOf gives the instance whose cgroup has a process, and whether the process itself, alive, is in it: an instance with
// the rights to may have left its own.
func (r *Runner) groupOf(id Identity) (marker string, inside bool) {
	if r.tree == nil {
		return "", false
	}
	if m, ok := r.tree.Member(id.PID); ok {
		if _, err := r.verify(id); err == nil { // after the look: it was this process
			return m, true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.procs[id]; w != nil && r.contained[w.marker] {
		return w.marker, false
	}
	return "", false
}

// killGroup kills all in an instance's cgroup.
func (r *Runner) killGroup(id Identity, marker string) (any bool, err error) {
	any, err = r.tree.Kill(marker)
	if err != nil {
		err = fmt.Errorf("cannot kill %s: %w", id, err)
	}
	return any, err
}

// findInGroups adds the session leaders that no marker tells of, since their programs wrote over their environment: whatever
// is in an instance's cgroup was started as that instance.
func (r *Runner) findInGroups(prefix string, found []Found) []Found {
	if r.tree == nil {
		return found
	}
	known := map[int]bool{}
	for _, f := range found {
		known[f.ID.PID] = true
	}
	for _, marker := range r.tree.Groups() {
		if !strings.HasPrefix(marker, prefix) {
			continue
		}
		for _, pid := range r.members(marker) {
			s, err := readStat(pid)
			if err != nil || s.dead() || s.session != pid || known[pid] {
				continue
			}
			if m, ok := r.tree.Member(pid); ok && m == marker {
				found = append(found, Found{ID: Identity{PID: pid, Start: s.start, Boot: r.boot}, Env: map[string]string{MarkerEnv: marker}})
			}
		}
	}
	return found
}

// kin gives the leader of each process that an instance's cgroup has, by pid.
func (r *Runner) kin(leaders map[int]Identity) map[int]int {
	if r.tree == nil {
		return nil
	}
	owner := map[int]int{}
	for pid, marker := range r.containedMarkers(leaders) {
		for _, member := range r.members(marker) {
			owner[member] = pid
		}
	}
	return owner
}

func (r *Runner) containedMarkers(leaders map[int]Identity) map[int]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	markers := map[int]string{}
	for pid, id := range leaders {
		if w := r.procs[id]; w != nil && w.contained {
			markers[pid] = w.marker
		}
	}
	return markers
}

// groupCPU replaces what /proc tells of the processor time of an instance, from the second look on: its group knows of the
// processes that came and went, too. The group may be older than the process.
func (r *Runner) groupCPU(infos map[Identity]Info, leaders map[int]Identity) {
	if r.tree == nil {
		return
	}
	for pid, marker := range r.containedMarkers(leaders) {
		used, ok := r.tree.CPU(marker)
		if !ok {
			continue
		}
		id := leaders[pid]
		info := infos[id]
		r.mu.Lock()
		if w := r.procs[id]; w != nil {
			if !w.counted {
				w.counted, w.cpuBefore = true, used-info.CPU
			}
			info.CPU = max(used-w.cpuBefore, time.Duration(0))
		}
		r.mu.Unlock()
		infos[id] = info
	}
}
