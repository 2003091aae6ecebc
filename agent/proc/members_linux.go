package proc

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

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

// containedMarkers gives the markers of the leaders that are in cgroups of their own, by pid.
func (r *Runner) containedMarkers(leaders map[int]Identity) map[int]string {
	if r.tree == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	markers := make(map[int]string, len(leaders))
	for pid, id := range leaders {
		if w := r.procs[id]; w != nil && w.contained {
			markers[pid] = w.marker
		}
	}
	return markers
}

// addHidden gives the processes that neither session nor ancestors tell of, daemons, to the leaders whose cgroups have them. A
// process is asked for its group once, and not at all if it is older than all of the leaders.
func (r *Runner) addHidden(owner map[int]int, all []stat, contained map[int]string) {
	if len(contained) == 0 {
		return
	}
	leader, oldest := make(map[string]int, len(contained)), uint64(math.MaxUint64)
	for pid, marker := range contained {
		leader[marker] = pid
	}
	for _, s := range all {
		if contained[s.pid] != "" {
			oldest = min(oldest, s.start)
		}
	}
	r.mu.Lock()
	known := r.groupOfOthers
	r.mu.Unlock()
	next := map[Identity]string{}
	for _, s := range all {
		if owner[s.pid] != 0 || s.start < oldest || s.dead() {
			continue
		}
		id := Identity{PID: s.pid, Start: s.start}
		marker, ok := known[id]
		if !ok {
			marker, _ = r.tree.Member(s.pid)
		}
		next[id] = marker
		if pid := leader[marker]; pid != 0 {
			owner[s.pid] = pid
		}
	}
	r.mu.Lock()
	r.groupOfOthers = next
	r.mu.Unlock()
}

// groupCPU replaces what /proc tells of the processor time of an instance, from the second look on: its group knows of the
// processes that came and went, too. The group may be older than the process.
func (r *Runner) groupCPU(infos map[Identity]Info, leaders map[int]Identity, contained map[int]string) {
	for pid, marker := range contained {
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
