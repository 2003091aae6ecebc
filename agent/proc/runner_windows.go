package proc

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v3/process"
	"golang.org/x/sys/windows"
)

// watched is one process whose exit will be reported. While its handle is open its pid is given to no other process.
type watched struct {
	id      Identity
	process windows.Handle
	job     *job   // nil: it could not be found again
	marker  string // value of MarkerEnv, or ""
	cmd     string // its command line
}

// Runner starts and watches processes. It is safe for concurrent use. Each process is in a Job Object of its own, with all
// of its descendants.
type Runner struct {
	store string
	boot  string
	queue *exitQueue
	waits *waiters

	mu       sync.Mutex
	closed   bool
	procs    map[Identity]*watched
	left     map[Identity]*watched // ended, but others of their job live
	whole    map[string]bool       // by marker: nothing of it is outside the jobs that this Runner has
	limits   map[string]jobLimits  // by marker, for the next start
	features []string              // what Isolate found
}

// NewRunner makes a Runner for the agent of a store directory (StoreEnv).
func NewRunner(store string) (*Runner, error) {
	boot, err := BootID()
	if err != nil {
		return nil, err
	}
	r := &Runner{store: store, boot: boot, queue: newExitQueue(), procs: map[Identity]*watched{}, left: map[Identity]*watched{},
		whole: map[string]bool{}, limits: map[string]jobLimits{}}
	r.waits = &waiters{ended: r.finish}
	return r, nil
}

// Start runs a program. When it returns without error the program has been started, its Identity is known, and its exit
// will be sent on Exits. Errors are *StartError; then nothing runs.
func (r *Runner) Start(spec Spec) (Identity, error) {
	l, err := prepare(spec)
	if err != nil {
		return Identity{}, err
	}
	defer l.close()
	marker, _ := markerIn(l.env, r.store)
	r.mu.Lock()
	limits := r.limits[marker]
	r.mu.Unlock()
	s, err := l.spawn(r.store, limits)
	if err != nil {
		return Identity{}, err
	}
	w := &watched{id: Identity{PID: s.pid, Start: s.start, Boot: r.boot}, process: s.process, job: s.job, marker: marker, cmd: l.line}
	if err := r.watch(w); err != nil {
		_ = s.job.terminate()
		w.close()
		return Identity{}, &StartError{Op: "watch", Path: l.path, Err: err}
	}
	return w.id, nil
}

// Adopt watches a process that this agent did not start, a *GoneError if it is not there any more. Adopting twice is
// harmless.
func (r *Runner) Adopt(id Identity) error {
	r.mu.Lock()
	known := r.procs[id] != nil
	r.mu.Unlock()
	if known {
		return nil
	}
	if id.Boot != r.boot || id.PID <= 1 {
		return &GoneError{ID: id}
	}
	const access = windows.PROCESS_QUERY_LIMITED_INFORMATION | windows.PROCESS_TERMINATE | windows.SYNCHRONIZE
	h, err := windows.OpenProcess(access, false, uint32(id.PID))
	if err == windows.ERROR_INVALID_PARAMETER { // no such process
		return &GoneError{ID: id}
	}
	if err != nil {
		return fmt.Errorf("cannot adopt %s: %w", id, err)
	}
	w := &watched{id: id, process: h}
	start, err := startOfHandle(h)
	if err != nil || start != id.Start {
		gone := &GoneError{ID: id}
		if start == 0 && startEvenEnded(h) == id.Start {
			gone.Exit = exitCode(h)
		}
		w.close()
		return gone
	}
	w.job = openJob(jobName(r.store, id.PID, id.Start))
	if w.job != nil && !slices.Contains(w.job.members(), id.PID) { // somebody else's, of that name
		w.job.close()
		w.job = nil
	}
	if p, err := process.NewProcess(int32(id.PID)); err == nil {
		if env, err := p.Environ(); err == nil {
			w.marker, _ = markerIn(env, r.store)
		}
		w.cmd, _ = p.Cmdline()
	}
	if err := r.watch(w); err != nil {
		w.close()
		return err
	}
	return nil
}

// watch takes w over. It is harmless if another call did the same meanwhile.
func (r *Runner) watch(w *watched) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return os.ErrClosed
	case r.procs[w.id] != nil:
		w.close()
		return nil
	}
	if err := r.waits.add(w); err != nil {
		return err
	}
	r.procs[w.id] = w
	if w.marker != "" {
		_, cleared := r.whole[w.marker] // else an earlier agent may have left something, whose job nobody can find again
		r.whole[w.marker] = w.job != nil && cleared
	}
	return nil
}

func (w *watched) close() {
	_ = windows.CloseHandle(w.process)
	if w.job != nil {
		w.job.close()
	}
}

// finish reports the exit of w, once.
func (r *Runner) finish(w *watched) {
	exit := exitCode(w.process)
	exit.At = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return // Close closes the handles
	}
	delete(r.procs, w.id)
	if w.job != nil && len(w.job.programs()) > 0 {
		r.left[w.id] = w // its pid too stays taken
	} else {
		w.close()
	}
	r.queue.put(Exited{ID: w.id, Exit: exit})
}

func exitCode(h windows.Handle) Exit {
	var code uint32
	if err := windows.GetExitCodeProcess(h, &code); err != nil {
		return Exit{}
	}
	return Exit{Code: int(code), Known: true}
}

// startEvenEnded is startOfHandle for a process that somebody's handle keeps visible.
func startEvenEnded(h windows.Handle) uint64 {
	var made, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(h, &made, &ended, &kernel, &user) != nil {
		return 0
	}
	return uint64(made.HighDateTime)<<32 | uint64(made.LowDateTime)
}

// Exits gives one value per started or adopted process, in the order in which exits were seen. Until Close none is
// dropped, however slowly they are read. Close closes the channel.
func (r *Runner) Exits() <-chan Exited { return r.queue.out }

// Close stops watching. The processes go on running; exits not read yet are lost.
func (r *Runner) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.mu.Unlock()
	r.waits.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, all := range []map[Identity]*watched{r.procs, r.left} {
		for _, w := range all {
			w.close()
		}
		clear(all)
	}
	r.queue.close()
	return nil
}

// Alive says whether id still names a running process.
func (r *Runner) Alive(id Identity) bool {
	if id.Boot != r.boot || id.PID <= 1 {
		return false
	}
	start, err := startOf(id.PID)
	return err == nil && start == id.Start
}
