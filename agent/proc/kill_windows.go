package proc

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v3/process"
	"golang.org/x/sys/windows"
)

// Signal asks the process and its group to end, by Ctrl-Break, whatever sig is; SIGKILL (9) ends them. Where the process is
// not the one that id names, nothing is sent and the error is ErrGone. A program without a console, as one with windows
// is, cannot be asked: that is an error.
func (r *Runner) Signal(id Identity, sig int) error {
	if !r.Alive(id) {
		return &GoneError{ID: id}
	}
	if sig == killSignal {
		return r.Kill(id)
	}
	if err := ctrlBreak(id); err != nil {
		if !r.Alive(id) {
			return &GoneError{ID: id}
		}
		return fmt.Errorf("cannot send Ctrl-Break to %s: %w", id, err)
	}
	return nil
}

// Kill ends all that is left of the process: its job, and where that cannot be found again its descendants and what carries
// the same marker. It works after the process's own death, too. ErrGone if there is nothing left. Exits tells when the
// process itself has ended.
func (r *Runner) Kill(id Identity) error {
	r.mu.Lock()
	w := cmp.Or(r.procs[id], r.left[id])
	if w != nil && w.job != nil {
		defer r.mu.Unlock()
		if len(w.job.programs()) == 0 {
			r.drop(w)
			return &GoneError{ID: id}
		}
		if err := w.job.terminate(); err != nil {
			return fmt.Errorf("cannot kill %s: %w", id, err)
		}
		return nil
	}
	marker := ""
	if w != nil {
		marker = w.marker
	}
	r.mu.Unlock()
	if !r.Alive(id) {
		return &GoneError{ID: id}
	}
	return r.killKin(id, marker)
}

// drop lets go of an ended process whose job is empty. r.mu is held.
func (r *Runner) drop(w *watched) {
	if r.left[w.id] == w {
		delete(r.left, w.id)
		w.close()
	}
}

// maxKillRounds bounds Kill against a program that makes processes faster than they are killed.
const maxKillRounds = 100

// killKin ends a process whose job is not known, and what can be told to be its own.
func (r *Runner) killKin(id Identity, marker string) error {
	sent := map[Identity]bool{}
	var errs []error
	for range maxKillRounds {
		targets := append([]Identity{id}, r.descendants(id)...)
		if marker != "" {
			targets = append(targets, r.marked(marker)...)
		}
		more := false
		for _, t := range targets {
			if sent[t] {
				continue
			}
			sent[t], more = true, true
			if err := r.terminate(t); err != nil && !errors.Is(err, ErrGone) {
				errs = append(errs, err)
			}
		}
		if !more {
			break
		}
	}
	return errors.Join(errs...)
}

// terminate ends one process.
func (r *Runner) terminate(id Identity) error {
	h, err := windows.OpenProcess(windows.PROCESS_TERMINATE|windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(id.PID))
	if err != nil {
		if !r.Alive(id) {
			return &GoneError{ID: id}
		}
		return fmt.Errorf("cannot kill %s: %w", id, err)
	}
	defer windows.CloseHandle(h)
	if start, err := startOfHandle(h); err != nil || start != id.Start {
		return &GoneError{ID: id}
	}
	if err := windows.TerminateProcess(h, killedCode); err != nil && !hasEnded(h) {
		return fmt.Errorf("cannot kill %s: %w", id, err)
	}
	return nil
}

// descendants gives the children of id, theirs, and so on. A parent that is younger than its child has its number from an
// earlier process.
func (r *Runner) descendants(id Identity) []Identity {
	table, err := processTable()
	if err != nil {
		return nil
	}
	return descendantsIn(table, id)
}

func descendantsIn(table map[int]entry, id Identity) []Identity {
	member := map[int]uint64{id.PID: id.Start}
	var ids []Identity
	for grown := true; grown; {
		grown = false
		for pid, e := range table {
			parent, ok := member[e.ppid]
			if _, in := member[pid]; in || !ok || e.start < parent {
				continue
			}
			member[pid], grown = e.start, true
			ids = append(ids, Identity{PID: pid, Start: e.start, Boot: id.Boot})
		}
	}
	slices.SortFunc(ids, byAge)
	return ids
}

func byAge(a, b Identity) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID))
}

// Leftovers gives the living processes of an instance, leaders or not, oldest first: the members of its jobs, and until
// all of it is known to be in there those that have MarkerEnv=marker in their environment.
func (r *Runner) Leftovers(marker string) []Identity {
	r.mu.Lock()
	whole := r.whole[marker]
	var pids []int
	for _, all := range []map[Identity]*watched{r.procs, r.left} {
		for _, w := range all {
			if w.marker != marker || w.job == nil {
				continue
			}
			members := w.job.programs()
			pids = append(pids, members...)
			if len(members) == 0 {
				r.drop(w)
			}
		}
	}
	r.mu.Unlock()
	var ids []Identity
	for _, pid := range pids {
		if start, err := startOf(pid); err == nil {
			ids = append(ids, Identity{PID: pid, Start: start, Boot: r.boot})
		}
	}
	if !whole {
		ids = append(ids, r.marked(marker)...)
	}
	slices.SortFunc(ids, byAge)
	return slices.Compact(ids)
}

// marked gives the living processes whose environment has the marker, oldest first.
func (r *Runner) marked(marker string) []Identity {
	var ids []Identity
	_ = r.environments(func(id Identity, env []string) {
		if m, ok := markerIn(env, r.store); ok && m == marker {
			ids = append(ids, id)
		}
	})
	slices.SortFunc(ids, byAge)
	return ids
}

// Find gives the first processes of the jobs whose marker starts with prefix, oldest first. A process that is in no job was
// never let run: its agent died just then.
func (r *Runner) Find(prefix string) ([]Found, error) {
	var found []Found
	err := r.environments(func(id Identity, env []string) {
		m, ok := markerIn(env, r.store)
		if !ok || !strings.HasPrefix(m, prefix) {
			return
		}
		if j := openJob(jobName(r.store, id.PID, id.Start)); j != nil {
			j.close()
			found = append(found, Found{ID: id, Env: parseEnv(env)})
		}
	})
	slices.SortFunc(found, func(a, b Found) int { return byAge(a.ID, b.ID) })
	return found, err
}

// environments calls visit for every process but this one whose environment this agent may read.
func (r *Runner) environments(visit func(Identity, []string)) error {
	table, err := processTable()
	if err != nil {
		return err
	}
	for pid, e := range table {
		if pid == os.Getpid() || strings.EqualFold(e.name, consoleHost) {
			continue
		}
		env, err := (&process.Process{Pid: int32(pid)}).Environ()
		if err != nil || len(env) == 0 {
			continue
		}
		if start, err := startOf(pid); err == nil && start == e.start {
			visit(Identity{PID: pid, Start: start, Boot: r.boot}, env)
		}
	}
	return nil
}
