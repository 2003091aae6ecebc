package fleet

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"stathub/agent/health"
	"stathub/agent/proc"
	"stathub/agent/supervise"
	"stathub/state"
)

// Agent is one agent of a Fleet and the machine that it runs on.
type Agent struct {
	Node    string
	Machine *Machine

	fleet *Fleet
	index int

	mu       sync.Mutex
	stop     context.CancelFunc // nil: it does not run
	done     chan struct{}      // closed when Run has returned
	err      error              // of Run; read it after done
	manifest *state.Manifest    // the last one that came; never changed
	at       time.Time          // when it came
}

// Start runs the agent. One that runs is left alone.
func (a *Agent) Start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(a.fleet.ctx)
	a.stop, a.done = cancel, make(chan struct{})
	store := observed{a.fleet.stores[a.index], state.KindManifest.Key(a.Node), a.took}
	sv := supervise.New(a.options(store, a.Machine.runner(ctx)))
	go func(done chan struct{}) {
		defer close(done)
		a.err = sv.Run(ctx)
	}(a.done)
}

// Stop ends the agent, and leaves its processes running.
func (a *Agent) Stop() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop == nil {
		return nil
	}
	a.stop()
	<-a.done
	a.stop = nil
	if a.err != nil {
		return fmt.Errorf("agent %s: %w", a.Node, a.err)
	}
	return nil
}

// Manifest gives the newest manifest that arrived at the agent, and when; nil: none did. It may be one that the agent
// refuses. Nobody may change it.
func (a *Agent) Manifest() (*state.Manifest, time.Time) {
	a.fleet.mu.Lock()
	defer a.fleet.mu.Unlock()
	return a.manifest, a.at
}

func (a *Agent) took(m *state.Manifest, at time.Time) {
	a.fleet.mu.Lock()
	a.manifest, a.at = m, at
	a.fleet.mu.Unlock()
	a.fleet.changed()
	if a.fleet.opts.OnManifest != nil {
		a.fleet.opts.OnManifest(a.index, m, at)
	}
}

func (a *Agent) options(store state.Store, r *runner) supervise.Options {
	f := a.fleet
	var mu sync.Mutex
	next := 20000
	o := supervise.Options{
		Node: a.Node, Dir: filepath.Join(f.opts.Dir, a.Node), Store: store, Runner: r, Artifacts: noArtifacts{},
		Facts: func(context.Context) (state.Facts, error) { return facts(a.Node, a.index), nil }, Hostname: a.Node, Version: "simulated",
		Poll: f.opts.Poll, Heartbeat: f.opts.Heartbeat, Log: f.opts.Log, Environ: []string{"PATH=/bin"},
		Check: func(context.Context, health.Probe) health.Outcome {
			return health.Outcome{OK: true, Message: "simulated"}
		},
		Listen: func(p int) (net.Listener, error) {
			if p != 0 {
				return port(p), nil
			}
			mu.Lock()
			defer mu.Unlock()
			if next++; next > 60000 {
				return nil, errNoPorts
			}
			return port(next), nil
		},
		ToArgv: func(program string, args []string) ([]string, error) { return append([]string{program}, args...), nil },
	}
	if f.opts.Adjust != nil {
		f.opts.Adjust(a.index, &o)
	}
	return o
}

// facts makes each node one of its own: nodes with the same address would be taken for one machine.
func facts(node string, i int) state.Facts {
	address := fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
	f := state.Facts{
		Hostname: node, AgentAddress: "http://" + address + ":51025",
		OS:     state.OS{Name: "Linux", Version: "6.1.0", CPUs: 8, Architecture: "x86_64"},
		Memory: state.Memory{Total: 32 << 30, RAM: 32 << 30},
		Networks: []state.Network{{
			Address: address, Name: "eth0", MTU: 1500, Netmask: "255.0.0.0", Type: "Ethernet",
			HWAddr: fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", i>>24&255, i>>16&255, i>>8&255, i&255),
		}},
		Disks: []state.Disk{{DirName: "/", DevName: "/dev/vda1", SysTypeName: "ext4", TypeName: "local", Total: 100 << 30}},
	}
	return f
}

// bootID is the machine's own: an agent takes what it finds of another boot for dead.
func bootID() (string, error) {
	id, err := proc.BootID()
	if err != nil {
		return "", fmt.Errorf("cannot start simulated agents: %w", err)
	}
	return id, nil
}
