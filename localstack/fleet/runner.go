package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"stathub/agent/proc"
)

// Missing is the program that never starts, as one whose file is not there. Every other one runs until it is signalled
// or crashed.
const Missing = "/missing"

// Process is what runs, or ran, on a Machine.
type Process struct {
	ID       proc.Identity
	Instance string // state.InstanceID
	Env      map[string]string
	Argv     []string
	Started  time.Time
	Exit     *proc.Exit // nil: it runs
}

// Machine is a computer without processes: those that an agent starts are entries of a list. It outlives its agents, so
// that a later one adopts what an earlier one left. It is safe for concurrent use.
type Machine struct {
	boot    string
	changed func() // called after each start and each end

	mu    sync.Mutex
	exits chan proc.Exited // of the agent that runs now
	gone  <-chan struct{}  // closed when that one ends
	next  int
	live  map[proc.Identity]*Process
	ended []*Process
	twice []string
}

func newMachine(boot string, changed func()) *Machine {
	return &Machine{boot: boot, changed: changed, next: 1000, live: map[proc.Identity]*Process{}}
}

// runner gives an agent the machine, until ctx ends.
func (m *Machine) runner(ctx context.Context) *runner {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.exits, m.gone = make(chan proc.Exited, 16), ctx.Done()
	return &runner{m, m.exits}
}

// Running gives the processes that run, in the order of their starts.
func (m *Machine) Running() []Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Process, 0, len(m.live))
	for _, p := range m.live {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b Process) int { return a.ID.PID - b.ID.PID })
	return all
}

// Ended gives the processes that ran once, in the order of their ends.
func (m *Machine) Ended() []Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Process, 0, len(m.ended))
	for _, p := range m.ended {
		all = append(all, *p)
	}
	return all
}

// Twice names the instances that ever had two processes at one time.
func (m *Machine) Twice() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.twice)
}

// Crash ends every process that runs with exit code 1, and says how many those were.
func (m *Machine) Crash() int {
	all := m.Running()
	for _, p := range all {
		m.end(p.ID, proc.Exit{Code: 1})
	}
	return len(all)
}

func (m *Machine) count(app string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.live {
		if p.Env["APP_NAME"] == app {
			n++
		}
	}
	return n
}

func (m *Machine) start(spec proc.Spec) (proc.Identity, error) {
	p := &Process{Argv: spec.Argv, Env: make(map[string]string, len(spec.Env)), Started: time.Now()}
	for _, kv := range spec.Env {
		name, value, _ := strings.Cut(kv, "=")
		p.Env[name] = value
	}
	p.Instance = p.Env[proc.MarkerEnv]
	if spec.Argv[0] == Missing {
		return proc.Identity{}, &proc.StartError{Op: "find program", Path: Missing, Err: errors.New("no such file")}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, other := range m.live {
		if other.Instance == p.Instance {
			m.twice = append(m.twice, p.Instance)
		}
	}
	m.next++
	p.ID = proc.Identity{PID: m.next, Start: uint64(m.next), Boot: m.boot}
	m.live[p.ID] = p
	return p.ID, nil
}

// end ends a process and tells the agent that runs now, if there is one.
func (m *Machine) end(id proc.Identity, exit proc.Exit) {
	exit.At, exit.Known = time.Now(), true
	m.mu.Lock()
	p := m.live[id]
	if p != nil {
		delete(m.live, id)
		p.Exit = &exit
		m.ended = append(m.ended, p)
	}
	exits, gone := m.exits, m.gone
	m.mu.Unlock()
	if p == nil {
		return
	}
	select {
	case exits <- proc.Exited{ID: id, Exit: exit}:
	case <-gone: // a later agent finds it gone
	}
	m.changed()
}

// find gives a process that runs, else how it ended; both nil: it never ran.
func (m *Machine) find(id proc.Identity) (runs bool, exit *proc.Exit) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live[id] != nil {
		return true, nil
	}
	for _, p := range m.ended {
		if p.ID == id {
			return false, p.Exit
		}
	}
	return false, nil
}

// runner is the Machine as one agent's supervise.Runner.
type runner struct {
	*Machine
	exits <-chan proc.Exited
}

func (r *runner) Exits() <-chan proc.Exited { return r.exits }

func (r *runner) Start(spec proc.Spec) (proc.Identity, error) {
	id, err := r.start(spec)
	r.changed()
	return id, err
}

func (r *runner) Adopt(id proc.Identity) error {
	runs, exit := r.find(id)
	switch {
	case runs:
		return nil
	case exit == nil:
		return &proc.GoneError{ID: id}
	}
	return &proc.GoneError{ID: id, Exit: *exit}
}

func (r *runner) Signal(id proc.Identity, sig int) error {
	if runs, _ := r.find(id); !runs {
		return &proc.GoneError{ID: id}
	}
	r.end(id, proc.Exit{Signal: sig})
	return nil
}

func (r *runner) Kill(id proc.Identity) error {
	const sigKill = 9
	return r.Signal(id, sigKill)
}

func (r *runner) Leftovers(marker string) (all []proc.Identity) {
	for _, p := range r.Running() {
		if p.Instance == marker {
			all = append(all, p.ID)
		}
	}
	return all
}

func (r *runner) Find(prefix string) (all []proc.Found, err error) {
	for _, p := range r.Running() {
		if strings.HasPrefix(p.Instance, prefix) {
			all = append(all, proc.Found{ID: p.ID, Env: p.Env})
		}
	}
	return all, nil
}

func (r *runner) InspectAll(ids []proc.Identity) (map[proc.Identity]proc.Info, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	infos := make(map[proc.Identity]proc.Info, len(ids))
	for _, id := range ids {
		if p := r.live[id]; p != nil {
			infos[id] = proc.Info{
				PID: id.PID, PPID: 1, Cmd: strings.Join(p.Argv, " "), Members: []int{id.PID}, StartTime: p.Started, RSS: 1 << 20,
			}
		}
	}
	return infos, nil
}
