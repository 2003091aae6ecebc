package faultsuite

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"stathub/localstack/faults"
	"stathub/master"
	"stathub/state"
)

// node that is never taken for dead: faults are no silence in these tests.
const nodeTimeout = 10 * time.Minute

// member is one master of several, in this process. It dies as by kill -9: from one moment on nothing of it reaches the
// bucket. A new one then takes its place behind the same proxy.
type member struct {
	name   string
	bucket state.Store
	proxy  *faults.Proxy // before its API
	seed   uint64

	mu    sync.Mutex
	store *faults.FlakyStore // the living one's
	fault faults.Fault
	end   func() error // stops it
}

// Inflict is faults.Breaker's: it breaks the way from this master to the bucket.
func (m *member) Inflict(f faults.Fault) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
	return m.store.Inflict(f)
}

// Mend is faults.Breaker's.
func (m *member) Mend() error { return m.Inflict("") }

// start starts the master and leads the proxy to it.
func (m *member) start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seed++
	m.store = faults.NewFlakyStore(m.bucket, m.seed)
	if err := m.store.Inflict(m.fault); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	address, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- master.Run(ctx, master.Options{
			Store: m.store, StateURL: "mem://", MasterName: m.name, Poll: 200 * time.Millisecond, NodeTimeout: nodeTimeout,
			Log: slog.New(slog.DiscardHandler), Started: func(a net.Addr) { address <- a },
		})
	}()
	m.end = func() error { cancel(); return <-ended }
	select {
	case a := <-address:
		return m.proxy.Point("http://" + a.String())
	case err := <-ended:
		cancel()
		m.end = func() error { return nil }
		return fmt.Errorf("master %s ended at once: %w", m.name, err)
	}
}

// kill ends it without a last word to the bucket.
func (m *member) kill() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store.Kill()
	return m.end()
}

// stop ends it as SIGTERM does.
func (m *member) stop() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.end()
}

// mortal is a master that can be killed, stopped and started.
type mortal interface {
	start() error
	kill() error
	stop() error
}

// reap kills masters, one at a time, and starts them again, until ctx ends; then all run. One in four stops cleanly.
func reap(ctx context.Context, t *testing.T, masters []mortal, calm, away time.Duration, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 3))
	kills := 0
	wait := func(d time.Duration) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(d/2 + time.Duration(random.Int64N(int64(d)))):
			return true
		}
	}
	for next := calm / 4; wait(next); next = calm {
		m := masters[random.IntN(len(masters))]
		end := m.kill
		if random.IntN(4) == 0 {
			end = m.stop
		}
		if err := end(); err != nil {
			t.Errorf("a master ended with %v", err)
		}
		kills++
		wait(away)
		if err := m.start(); err != nil {
			t.Error(err)
			return
		}
	}
	t.Logf("masters were killed or stopped %d times", kills)
}
