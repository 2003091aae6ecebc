package fleet

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"stathub/agent/proc"
	"stathub/agent/supervise"
	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
)

// kept is a store that its test closes.
type kept struct{ state.Store }

func (kept) Close() error { return nil }

func start(t *testing.T, o Options) *Fleet {
	t.Helper()
	if o.Poll == 0 {
		o.Poll = 50 * time.Millisecond
	}
	f, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Stop(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func within(t *testing.T, what func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := what(ctx); err != nil {
		t.Fatal(err)
	}
}

// manifests writes each agent a manifest with so many instances of the app "web".
func manifests(t *testing.T, store state.Store, f *Fleet, generation int64, count int) {
	t.Helper()
	for i := range f.Len() {
		m := state.Manifest{Node: f.Agent(i).Node, Generation: generation, Apps: []state.ManifestEntry{{
			Count: count, App: state.App{Name: "web", Start: true, ToProcess: "serve", KillSignal: 15, Ports: []int{0},
				Restart: &state.Restart{Policy: state.RestartAlways}},
		}}}
		if _, err := state.Write(t.Context(), store, state.KindManifest.Key(m.Node), state.Encode(m), state.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFleet(t *testing.T) {
	store := memstore.New()
	gateway := httptest.NewServer(httpstore.Handler(store, httpstore.Options{}))
	defer gateway.Close()
	base, err := url.Parse(gateway.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		open func(int) (state.Store, error)
	}{
		{"over one store", func(int) (state.Store, error) { return kept{store}, nil }},
		{"through the gateway", func(int) (state.Store, error) { return httpstore.Open(base) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var arrived atomic.Int64
			f := start(t, Options{N: 10, Open: c.open, OnManifest: func(int, *state.Manifest, time.Time) { arrived.Add(1) }})
			manifests(t, store, f, 1, 2)
			within(t, func(ctx context.Context) error { return f.WaitGeneration(ctx, 1) })
			within(t, func(ctx context.Context) error { return f.Converged(ctx, "web", 20) })
			if n := f.Crash(3); n != 2 {
				t.Errorf("%d processes crashed, want 2", n)
			}
			within(t, func(ctx context.Context) error { return f.Converged(ctx, "web", 20) })
			manifests(t, store, f, 2, 1)
			within(t, func(ctx context.Context) error { return f.Converged(ctx, "web", 10) })
			if arrived.Load() < 20 || len(f.Twice()) > 0 {
				t.Errorf("%d manifests arrived; two processes for %v", arrived.Load(), f.Twice())
			}
			reported(t, store, f)
		})
	}
}

// reported waits until the bucket has a report of one running instance of each agent, and facts that tell them apart.
func reported(t *testing.T, store state.Store, f *Fleet) {
	t.Helper()
	addresses := map[string]bool{}
	for i := range f.Len() {
		key := state.KindReport.Key(f.Agent(i).Node)
		within(t, func(ctx context.Context) error {
			for {
				data, _, err := state.Read(ctx, store, key, "", state.MaxDocument)
				if err != nil && state.CodeOf(err) != state.NotFound {
					return err
				}
				if r, err := state.Decode[state.Report](key, data); err == nil && len(r.Instances) == 1 && r.Instances[0].State.Live() {
					addresses[r.Facts.Networks[0].Address] = true
					return nil
				}
				select {
				case <-ctx.Done():
					return fmt.Errorf("no such report at %s", key)
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
	}
	if len(addresses) != f.Len() {
		t.Errorf("%d agents have %d addresses", f.Len(), len(addresses))
	}
}

// What an agent started runs on without it, and a later agent finds it, or finds that it ended.
func TestAgentsComeAndGo(t *testing.T) {
	store := memstore.New()
	f := start(t, Options{N: 1, Open: func(int) (state.Store, error) { return kept{store}, nil },
		Adjust: func(_ int, o *supervise.Options) { o.Version = "adjusted" }})
	manifests(t, store, f, 1, 2)
	within(t, func(ctx context.Context) error { return f.Converged(ctx, "web", 2) })
	before, a := f.Agent(0).Machine.Running(), f.Agent(0)
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	if n := f.Running("web"); n != 2 {
		t.Fatalf("%d processes run on without their agent, want 2", n)
	}
	a.Machine.end(before[1].ID, proc.Exit{Code: 3})
	a.Start()
	within(t, func(ctx context.Context) error { return f.Converged(ctx, "web", 2) })
	now := a.Machine.Running()
	if now[0].ID != before[0].ID || now[1].Instance != before[1].Instance {
		t.Errorf("before: %v, after: %v", before, now)
	}
	if ended := a.Machine.Ended(); len(ended) != 1 || ended[0].Exit.Code != 3 {
		t.Errorf("ended: %v", ended)
	}
	if len(f.Twice()) > 0 {
		t.Errorf("two processes for %v", f.Twice())
	}
}

func TestWhatCannotStart(t *testing.T) {
	broken := fmt.Errorf("no bucket")
	dir := t.TempDir()
	store := memstore.New()
	f, err := Start(t.Context(), Options{N: 2, Dir: dir, Open: func(i int) (state.Store, error) {
		if i == 1 {
			return nil, broken
		}
		return store, nil
	}})
	if err == nil || f != nil {
		t.Errorf("a fleet without a bucket starts: %v", err)
	}
	f = start(t, Options{N: 1, Dir: dir, Open: func(int) (state.Store, error) { return kept{memstore.New()}, nil }})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := f.Converged(ctx, "web", 1); err == nil {
		t.Error("what does not run has converged")
	}
	if err := f.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.Dir(0)); err != nil {
		t.Errorf("a folder that was given is removed: %v", err)
	}
}
