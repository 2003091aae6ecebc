package faultsuite

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stathub/localstack/faults"
	"stathub/state"
	"stathub/state/dirstore"
	"stathub/state/memstore"
)

// Everything in one process, under the race detector where there is one: real masters with their real API over HTTP,
// over stores that fail, and the real agents' polls, reports and decisions.
func TestEditsInOneProcess(t *testing.T) {
	t.Parallel()
	const edits = 100
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		editInOneProcess(t, memstore.New(), edits)
	})
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		s, err := dirstore.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		editInOneProcess(t, s, edits)
	})
}

func editInOneProcess(t *testing.T, bucket state.Store, edits int) {
	rec := newRecorder(bucket)
	s := newSuite(t, rec, edits)
	direct, remote := faults.NewFlakyStore(rec, s.seed), faults.NewFlakyStore(rec, s.seed+1)
	c := cluster{
		writers: []state.Store{direct}, agents: []state.Store{remote}, look: rec, pace: 200 * time.Millisecond,
		targets: []faults.Target{{Name: "writers", Breaker: direct}, {Name: "agents", Breaker: remote}},
	}
	for i := range masters {
		m := &member{name: fmt.Sprint("master-", i), bucket: rec, seed: s.seed + uint64(i), proxy: s.proxy("http://127.0.0.1:1")}
		s.begin(m)
		c.masters, c.apis = append(c.masters, m), append(c.apis, m.proxy.URL())
		c.targets = append(c.targets, faults.Target{Name: m.name, Breaker: m}, faults.Target{Name: "api of " + m.name, Breaker: m.proxy})
	}
	s.run(t.Context(), c)
}

// begin starts a master that stops with the test.
func (s *suite) begin(m mortal) {
	s.Helper()
	if err := m.start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := m.stop(); err != nil {
			s.Error(err)
		}
	})
}

func (s *suite) proxy(target string) *faults.Proxy {
	s.Helper()
	p, err := faults.Start(target, s.seed)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := p.Close(); err != nil {
			s.Error(err)
		}
	})
	return p
}

// stuck is for how long nothing may come of anything: a busy machine is slow, and stands still for less.
const stuck = 4 * time.Minute

// settle polls until done gives nil.
func (s *suite) settle(ctx context.Context, what string, done func() error) {
	s.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	for {
		err := done()
		if err == nil {
			s.Logf("%s, all came to rest in %s", what, time.Since(began).Round(10*time.Millisecond))
			return
		}
		select {
		case <-ctx.Done():
			s.Fatalf("%s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
