package proc

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

// pollEvery is how often adopted processes are looked at.
const pollEvery = 500 * time.Millisecond

// child is a process that this Runner started.
type child struct {
	pid   int
	start uint64
	wait  func() Exit // blocks until it ends; called once
}

// Runner starts and watches processes. It is safe for concurrent use. On this system each process that it started has a
// goroutine that waits for it, and adopted ones are polled.
type Runner struct {
	store string
	boot  string
	queue *exitQueue
	stop  chan struct{}
	polls sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	watched map[Identity]*child // nil for adopted processes
}

// NewRunner makes a Runner for the agent of a store directory (StoreEnv).
func NewRunner(store string) (*Runner, error) {
	boot, err := BootID()
	if err != nil {
		return nil, err
	}
	return &Runner{store: store, boot: boot, queue: newExitQueue(), stop: make(chan struct{}), watched: map[Identity]*child{}}, nil
}

// Start runs a program. When it returns without error the program has been executed, its Identity is known, and its exit
// will be sent on Exits. Errors are *StartError; then nothing runs.
func (r *Runner) Start(spec Spec) (Identity, error) {
	c, err := startChild(spec)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{PID: c.pid, Start: c.start, Boot: r.boot}
	r.mu.Lock()
	r.watched[id] = c
	r.mu.Unlock()
	go func() { // ends with the process, which may outlive the Runner
		exit := c.wait()
		r.finish(id, exit)
	}()
	return id, nil
}

// Adopt watches a process that this agent did not start, a *GoneError if it is not there any more. Its exit status will
// not be known. Adopting twice is harmless.
func (r *Runner) Adopt(id Identity) error {
	if !r.Alive(id) {
		return &GoneError{ID: id}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.watched[id]; ok {
		return nil
	}
	if r.closed {
		return os.ErrClosed
	}
	r.watched[id] = nil
	r.polls.Go(func() {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for r.Alive(id) {
			select {
			case <-tick.C:
			case <-r.stop:
				return
			}
		}
		r.finish(id, Exit{})
	})
	return nil
}

func (r *Runner) finish(id Identity, exit Exit) {
	exit.At = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.watched[id]; ok && !r.closed {
		delete(r.watched, id)
		r.queue.put(Exited{ID: id, Exit: exit})
	}
}

// Exits gives one value per started or adopted process, in the order in which exits were seen. Until Close none is
// dropped, however slowly they are read. Close closes the channel.
func (r *Runner) Exits() <-chan Exited { return r.queue.out }

// Close stops watching. The processes go on running; exits not read yet are lost.
func (r *Runner) Close() error {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if !closed {
		close(r.stop)
		r.polls.Wait()
		r.queue.close()
	}
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

// Signal sends sig to the whole group of the process; ErrGone if it is not the one that id names.
func (r *Runner) Signal(id Identity, sig int) error {
	if !r.Alive(id) {
		return &GoneError{ID: id}
	}
	if err := signalGroup(id.PID, sig); err != nil {
		return fmt.Errorf("cannot send signal %d to %s: %w", sig, id, err)
	}
	return nil
}

// Kill ends the process, its group, its descendants, and what carries the same marker, where the system shows that.
// ErrGone if the process is not there any more.
func (r *Runner) Kill(id Identity) error {
	if !r.Alive(id) {
		return &GoneError{ID: id}
	}
	targets := r.descendants(id)
	if marker, ok := markerIn(environOf(id.PID), r.store); ok {
		targets = append(targets, r.Leftovers(marker)...)
	}
	err := r.Signal(id, killSignal)
	for _, t := range targets {
		if killErr := r.Signal(t, killSignal); killErr != nil && !errors.Is(killErr, ErrGone) {
			err = errors.Join(err, killErr)
		}
	}
	if errors.Is(err, ErrGone) {
		return nil // it ended meanwhile
	}
	return err
}

// descendants gives the children of id, theirs, and so on.
func (r *Runner) descendants(id Identity) []Identity {
	all, err := process.Processes()
	if err != nil {
		return nil
	}
	member := map[int32]bool{int32(id.PID): true}
	var ids []Identity
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			ppid, err := p.Ppid()
			if err != nil || member[p.Pid] || !member[ppid] {
				continue
			}
			member[p.Pid], grown = true, true
			// A parent that is younger than its child has its number from an earlier process.
			if start, err := startOf(int(p.Pid)); err == nil && start >= id.Start {
				ids = append(ids, Identity{PID: int(p.Pid), Start: start, Boot: r.boot})
			}
		}
	}
	return ids
}

// Leftovers gives the living processes whose environment has MarkerEnv=marker, where the system shows environments.
func (r *Runner) Leftovers(marker string) []Identity {
	var ids []Identity
	_ = r.marked(func(id Identity, env []string) {
		if m, ok := markerIn(env, r.store); ok && m == marker {
			ids = append(ids, id)
		}
	})
	return ids
}

// Find gives the processes that lead their group and whose marker starts with prefix, oldest first, where the system
// shows environments.
func (r *Runner) Find(prefix string) ([]Found, error) {
	var found []Found
	err := r.marked(func(id Identity, env []string) {
		if m, ok := markerIn(env, r.store); ok && strings.HasPrefix(m, prefix) && leads(id.PID) {
			found = append(found, Found{ID: id, Env: parseEnv(env)})
		}
	})
	slices.SortFunc(found, func(a, b Found) int { return cmp.Compare(a.ID.Start, b.ID.Start) })
	return found, err
}

func (r *Runner) marked(visit func(Identity, []string)) error {
	all, err := process.Processes()
	if err != nil {
		return fmt.Errorf("cannot list processes: %w", err)
	}
	for _, p := range all {
		if int(p.Pid) == os.Getpid() {
			continue
		}
		env := environOf(int(p.Pid))
		if len(env) == 0 {
			continue
		}
		if start, err := startOf(int(p.Pid)); err == nil {
			visit(Identity{PID: int(p.Pid), Start: start, Boot: r.boot}, env)
		}
	}
	return nil
}

// Inspect looks at one process; ErrGone if it is not there. RSS and CPU are the process's own on this system.
func (r *Runner) Inspect(id Identity) (Info, error) {
	p, err := process.NewProcess(int32(id.PID))
	if err != nil || !r.Alive(id) {
		return Info{}, &GoneError{ID: id}
	}
	info := Info{PID: id.PID, UID: -1}
	if ppid, err := p.Ppid(); err == nil {
		info.PPID = int(ppid)
	}
	if uids, err := p.Uids(); err == nil && len(uids) > 0 {
		info.UID = int(uids[0])
	}
	info.Cmd, _ = p.Cmdline()
	if children, err := p.Children(); err == nil {
		for _, c := range children {
			info.Children = append(info.Children, int(c.Pid))
		}
		slices.Sort(info.Children)
	}
	if ms, err := p.CreateTime(); err == nil {
		info.StartTime = time.UnixMilli(ms)
	}
	if m, err := p.MemoryInfo(); err == nil {
		info.RSS = int64(m.RSS)
	}
	if t, err := p.Times(); err == nil {
		info.CPU = time.Duration((t.User + t.System) * float64(time.Second))
	}
	return info, nil
}

// InspectAll looks at many processes. Those that are gone are missing from the result.
func (r *Runner) InspectAll(ids []Identity) (map[Identity]Info, error) {
	infos := make(map[Identity]Info, len(ids))
	for _, id := range ids {
		if info, err := r.Inspect(id); err == nil {
			infos[id] = info
		}
	}
	return infos, nil
}
