package proc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxKillRounds bounds Kill against a program that forks faster than it is killed.
const maxKillRounds = 100

// Signal sends sig to the whole group of the process, or to the process alone if it leads no group. Where the process
// is not the one that id names, nothing is sent and the error is ErrGone.
func (r *Runner) Signal(id Identity, sig int) error {
	r.mu.Lock() // while it is held no pidfd is closed
	defer r.mu.Unlock()
	if _, err := r.verify(id); err != nil {
		return err
	}
	fd := -1
	if w := r.procs[id]; w != nil {
		fd = w.fd
	} else if r.pidfds {
		if opened, err := unix.PidfdOpen(id.PID, 0); err == nil {
			defer unix.Close(opened)
			if _, err := r.verify(id); err != nil { // again: now the descriptor is known to be that process
				return err
			}
			fd = opened
		}
	}
	err := send(id.PID, fd, syscall.Signal(sig))
	switch {
	case errors.Is(err, unix.ESRCH):
		return &GoneError{ID: id}
	case err != nil:
		return fmt.Errorf("cannot send signal %d to %s: %w", sig, id, err)
	}
	return nil
}

// send signals a group, else a process. Through a pidfd a pid that was recycled since it was verified cannot be hit.
func send(pid, fd int, sig syscall.Signal) error {
	if fd >= 0 {
		err := unix.PidfdSendSignal(fd, sig, nil, pidfdSignalProcessGroup)
		if errors.Is(err, unix.ESRCH) { // leads no group
			return unix.PidfdSendSignal(fd, sig, nil, 0)
		}
		if !errors.Is(err, unix.EINVAL) { // EINVAL: kernel before 6.9
			return err
		}
	}
	err := unix.Kill(-pid, sig)
	if errors.Is(err, unix.ESRCH) {
		err = unix.Kill(pid, sig)
	}
	return err
}

// Kill sends SIGKILL to all that is left of an instance: all in its cgroup, and then waits until they are gone; without a
// cgroup the group and session of id, their descendants, and the processes that carry the same marker, whatever session they
// moved to. It works after the leader's death too, as long as its session has members. ErrGone if there is nothing left. Exits tells when the process itself has ended.
func (r *Runner) Kill(id Identity) error {
	if id.Boot != r.boot || id.PID <= 1 {
		return &GoneError{ID: id}
	}
	if marker, inside := r.groupOf(id); marker != "" {
		if any, err := r.killGroup(id, marker); any && inside || err != nil {
			return err
		}
	}
	sent := map[int]uint64{} // pid → start
	var errs []error
	for range maxKillRounds {
		all, err := snapshot()
		if err != nil {
			return fmt.Errorf("cannot kill %s: cannot list processes: %w", id, err)
		}
		more := false
		for _, s := range r.remains(id, all) {
			if start, ok := sent[s.pid]; ok && start == s.start {
				continue
			}
			sent[s.pid], more = s.start, true
			target := Identity{PID: s.pid, Start: s.start, Boot: r.boot}
			if err := r.Signal(target, int(unix.SIGKILL)); err != nil && !errors.Is(err, ErrGone) {
				errs = append(errs, err)
			}
		}
		if !more {
			break
		}
	}
	if len(sent) == 0 {
		return &GoneError{ID: id}
	}
	return errors.Join(errs...)
}

// remains gives the living processes of all that belong to the instance of id.
func (r *Runner) remains(id Identity, all []stat) []stat {
	marker, others := r.known(id)
	leader := slices.IndexFunc(all, func(s stat) bool { return s.pid == id.PID })
	recycled := leader >= 0 && all[leader].start != id.Start
	if marker == "" && leader >= 0 && !recycled && !all[leader].dead() {
		marker, _ = markerIn(readEnv(id.PID), r.store)
	}
	member := map[int]bool{}
	for _, s := range all {
		switch {
		case s.pid <= 1 || s.pid == os.Getpid() || s.start < id.Start:
			continue
		case s.pid == id.PID:
			member[s.pid] = !recycled
		case s.session == id.PID || s.pgrp == id.PID:
			// While a session has members its number is not given to a new process. Without the leader, though, it might be
			// the session of a later process of that number: only one of an instance's can be ours.
			if !recycled {
				m, ok := markerIn(readEnv(s.pid), r.store)
				member[s.pid] = leader >= 0 || ok && (marker == "" || m == marker)
				if member[s.pid] && marker == "" {
					marker = m
				}
			}
		}
	}
	for _, s := range all {
		if marker != "" && s.start >= id.Start && !member[s.pid] && !others[s.session] && s.pid > 1 && s.pid != os.Getpid() {
			m, ok := markerIn(readEnv(s.pid), r.store)
			member[s.pid] = ok && m == marker
		}
	}
	addDescendants(member, all, func(s stat) bool { return others[s.session] || s.pid == os.Getpid() })
	return slices.DeleteFunc(slices.Clone(all), func(s stat) bool { return !member[s.pid] || s.dead() })
}

// addDescendants grows a set of pids by the children of its members, and theirs, except for some.
func addDescendants(member map[int]bool, all []stat, except func(stat) bool) {
	for grown := true; grown; {
		grown = false
		for _, s := range all {
			if !member[s.pid] && member[s.ppid] && !except(s) {
				member[s.pid], grown = true, true
			}
		}
	}
}

// known gives the marker of id if it is watched, and the sessions of the other processes that are.
func (r *Runner) known(id Identity) (marker string, others map[int]bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	others = make(map[int]bool, len(r.procs))
	for other, w := range r.procs {
		if other == id {
			marker = w.marker
		} else {
			others[other.PID] = true
		}
	}
	return marker, others
}

// Leftovers gives the living processes of an instance, leaders or not, oldest first: those in its cgroup. Where it was not
// started in one they are those whose environment has MarkerEnv=marker; then processes that this agent may not look into, and
// those that cleared their environment, are not found.
func (r *Runner) Leftovers(marker string) []Identity {
	ids := r.identities(r.members(marker))
	if r.isContained(marker) {
		return ids
	}
	for _, id := range r.sweeps.join(r.sweep)[marker] {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, byAge)
	return ids
}

// sweep gives the living processes by their marker.
func (r *Runner) sweep() map[string][]Identity {
	all := map[string][]Identity{}
	_ = r.marked(func(s stat, env []string) {
		if m, ok := markerIn(env, r.store); ok {
			all[m] = append(all[m], Identity{PID: s.pid, Start: s.start, Boot: r.boot})
		}
	})
	return all
}

// sweeps lets callers share passes over all processes: hundreds of instances that end at one time would need as many. Each
// caller gets a pass that began after its call.
type sweeps struct {
	running sync.Mutex // one pass at a time
	mu      sync.Mutex
	next    *sweep // not begun; nil: none is asked for
}

type sweep struct {
	once  sync.Once
	found map[string][]Identity
}

func (w *sweeps) join(pass func() map[string][]Identity) map[string][]Identity {
	w.mu.Lock()
	if w.next == nil {
		w.next = &sweep{}
	}
	mine := w.next
	w.mu.Unlock()
	mine.once.Do(func() {
		w.running.Lock()
		defer w.running.Unlock()
		w.mu.Lock()
		w.next = nil
		w.mu.Unlock()
		mine.found = pass()
	})
	return mine.found
}

// Find gives the session leaders whose marker starts with prefix, oldest first; the marker alone where their cgroup tells and
// their environment does not. A descendant that made a session of its own
// is one too: of several with the same marker the first is the instance.
func (r *Runner) Find(prefix string) ([]Found, error) {
	var found []Found
	err := r.marked(func(s stat, env []string) {
		if s.session != s.pid {
			return
		}
		if m, ok := markerIn(env, r.store); ok && strings.HasPrefix(m, prefix) && !r.belongsElsewhere(s.pid, m) {
			found = append(found, Found{ID: Identity{PID: s.pid, Start: s.start, Boot: r.boot}, Env: parseEnv(env)})
		}
	})
	found = r.findInGroups(prefix, found)
	slices.SortFunc(found, func(a, b Found) int { return byAge(a.ID, b.ID) })
	return found, err
}

// belongsElsewhere says that a process is in the cgroup of another instance than its marker names: whatever starts a process
// can give it any environment, and another's instance must not be taken for running.
func (r *Runner) belongsElsewhere(pid int, marker string) bool {
	if r.tree == nil {
		return false
	}
	m, ok := r.tree.Member(pid)
	return ok && m != marker
}

func byAge(a, b Identity) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
}

// marked calls visit for every living process but this one whose environment has a marker. The restart of an instance
// waits for this pass: it costs one look at each process, and a second one only at those that are somebody's instance.
func (r *Runner) marked(visit func(stat, []string)) error {
	pids, err := listPIDs()
	if err != nil {
		return fmt.Errorf("cannot list processes: %w", err)
	}
	buf, sign, self := make([]byte, 0, 32<<10), []byte(MarkerEnv+"="), os.Getpid()
	for _, pid := range pids {
		if pid <= 1 || pid == self {
			continue
		}
		data, err := readProcInto(procPath(pid, "environ"), buf)
		if err != nil || !bytes.Contains(data, sign) {
			continue
		}
		if s, err := readStat(pid); err == nil && !s.dead() {
			visit(s, splitEnv(data))
		}
	}
	return nil
}
