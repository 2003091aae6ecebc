// Package fleet runs many agents in one process: each is the real supervise.Supervisor, with its polls, reports,
// heartbeats and decisions, on a machine that has no processes but a list of them. A thousand cost what a thousand
// agents' requests cost, and little more.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stathub/agent/supervise"
	"stathub/state"
)

// Options of a Fleet. N and Open are needed.
type Options struct {
	N    int
	Open func(i int) (state.Store, error) // the bucket of agent i; Stop closes what it gave

	Node       func(i int) string                           // default Node
	Dir        string                                       // of the store directories; "": a temporary one, in memory where the system has such, removed by Stop
	Poll       time.Duration                                // default supervise's
	Heartbeat  time.Duration                                // default supervise's
	Log        *slog.Logger                                 // of all agents; default none
	OnManifest func(i int, m *state.Manifest, at time.Time) // called for each manifest that arrives at agent i; it must not change it
	Adjust     func(i int, o *supervise.Options)            // has the last word on the options of agent i, at each of its starts
}

// Fleet is agents that run. Its methods are safe for concurrent use.
type Fleet struct {
	opts   Options
	ctx    context.Context
	end    context.CancelFunc
	agents []*Agent
	stores []state.Store
	owned  string // the folder to remove; "": none

	mu   sync.Mutex    // guards news, and the manifests of the agents
	news chan struct{} // closed at the next change, and replaced
}

// Node is the name of agent i where Options do not say.
func Node(i int) string { return fmt.Sprintf("node-%05d", i) }

// Start starts the agents. They end with ctx, or by Stop, which has to be called in either case.
func Start(ctx context.Context, o Options) (*Fleet, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Node == nil {
		o.Node = Node
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	f := &Fleet{opts: o, news: make(chan struct{})}
	if o.Dir == "" {
		if f.owned, err = os.MkdirTemp(MemoryDir(), "stathub-fleet-"); err != nil {
			return nil, fmt.Errorf("cannot make the folder of the simulated agents: %w", err)
		}
		f.opts.Dir = f.owned
	}
	f.ctx, f.end = context.WithCancel(ctx)
	for i := range o.N {
		store, err := o.Open(i)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cannot open the bucket of simulated agent %d: %w", i, err), f.Stop())
		}
		f.stores = append(f.stores, store)
		f.agents = append(f.agents, &Agent{Node: o.Node(i), Machine: newMachine(boot, f.changed), fleet: f, index: i})
	}
	for _, a := range f.agents {
		a.Start()
	}
	return f, nil
}

// MemoryDir is a folder in memory if the system has one (Linux: tmpfs), else "": on one disk a thousand agents would wait
// for each other's fsync, which a thousand machines do not.
func MemoryDir() string {
	const dir = "/dev/shm"
	if probe, err := os.MkdirTemp(dir, "stathub-fleet-"); err == nil && os.Remove(probe) == nil {
		return dir
	}
	return ""
}

// stopAtOne bounds the agents that end at one time: each writes its last report.
const stopAtOne = 64

// Stop ends all agents, closes their stores, and removes what it made. Stopping twice is allowed.
func (f *Fleet) Stop() error {
	f.end()
	var g errgroup.Group
	g.SetLimit(stopAtOne)
	var mu sync.Mutex
	var errs []error
	for _, a := range f.agents {
		g.Go(func() error {
			if err := a.Stop(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil
		})
	}
	_ = g.Wait()
	for _, s := range f.stores {
		errs = append(errs, s.Close())
	}
	f.stores = nil
	if f.owned != "" {
		errs = append(errs, os.RemoveAll(f.owned))
	}
	return errors.Join(errs...)
}

// Agent gives the i-th agent.
func (f *Fleet) Agent(i int) *Agent { return f.agents[i] }

// Len is how many agents there are.
func (f *Fleet) Len() int { return len(f.agents) }

// Dir is the store directory of the i-th agent.
func (f *Fleet) Dir(i int) string { return filepath.Join(f.opts.Dir, f.agents[i].Node) }

// Crash ends all processes of the i-th agent with exit code 1, and says how many those were.
func (f *Fleet) Crash(i int) int { return f.agents[i].Machine.Crash() }

// Running counts the processes of an app on all machines.
func (f *Fleet) Running(app string) (n int) {
	for _, a := range f.agents {
		n += a.Machine.count(app)
	}
	return n
}

// Twice names the instances that ever had two processes at one time: law 4 says none.
func (f *Fleet) Twice() (all []string) {
	for _, a := range f.agents {
		all = append(all, a.Machine.Twice()...)
	}
	return all
}

func (f *Fleet) changed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.news)
	f.news = make(chan struct{})
}

// lookEvery bounds how often a wait looks over all agents while much happens.
const lookEvery = 5 * time.Millisecond

// Wait waits until done gives nil, looking again after each manifest that arrives and each process that starts or ends.
// Its error says what done said last.
func (f *Fleet) Wait(ctx context.Context, done func() error) error {
	for {
		f.mu.Lock()
		news := f.news
		f.mu.Unlock()
		err := done()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-news:
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

// WaitGeneration waits until each agent has a manifest of this generation, or a later one.
func (f *Fleet) WaitGeneration(ctx context.Context, generation int64) error {
	return f.Wait(ctx, func() error {
		n := 0
		for _, a := range f.agents {
			if m, _ := a.Manifest(); m != nil && m.Generation >= generation {
				n++
			}
		}
		if n < len(f.agents) {
			return fmt.Errorf("%d of %d agents have a manifest of generation %d", n, len(f.agents), generation)
		}
		return nil
	})
}

// Converged waits until just count processes of an app run on all machines together.
func (f *Fleet) Converged(ctx context.Context, app string, count int) error {
	return f.Wait(ctx, func() error {
		if n := f.Running(app); n != count {
			return fmt.Errorf("%d processes of app %s run, not %d", n, app, count)
		}
		return nil
	})
}
