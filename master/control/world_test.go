package control

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/master/index"
	"stathub/state"
	"stathub/state/memstore"
	"stathub/state/signature"
)

// fakeIndex finds nodes by "*" or by one tag. The real index has goroutines that cannot live in a synctest bubble.
type fakeIndex struct {
	mu    sync.Mutex
	nodes map[string]*state.Node
}

func (x *fakeIndex) Update(puts []index.Doc, deletes []string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range deletes {
		delete(x.nodes, id)
	}
	for _, n := range puts {
		x.nodes[n.ID] = n.Value.(*state.Node)
	}
	return nil
}

func (x *fakeIndex) Match(_ context.Context, query string) ([]string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if strings.Contains(query, "(") {
		return nil, state.Errorf(state.Invalid, "", "unbalanced")
	}
	var found []string
	for id, n := range x.nodes {
		if query == "*" || slices.Contains(n.Tags, query) {
			found = append(found, id)
		}
	}
	return found, nil
}

func (x *fakeIndex) Search(ctx context.Context, query string, page index.Options) (index.Result, error) {
	found, err := x.Match(ctx, query)
	ids := slices.Sorted(slices.Values(found))
	return index.Result{Total: len(ids), IDs: ids[min(page.From, len(ids)):min(page.From+page.Size, len(ids))]}, err
}

// world is a bucket, masters and agents, in a synctest bubble.
type world struct {
	t     *testing.T
	store *memstore.Store
	ctx   context.Context
	c     *Controller
	moves int // Options.RebalanceMoves
	signs *signature.Signer
	log   *slog.Logger // nil: none
	halt  func()       // stops the master
	done  sync.WaitGroup
}

// inWorld runs a test with a running master.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		w := &world{t: t, store: memstore.New(), ctx: ctx}
		w.startMaster()
		defer func() {
			end()
			w.halt()
			w.done.Wait()
		}()
		test(t, w)
	})
}

// startMaster starts a master that knows nothing.
func (w *world) startMaster() {
	w.c = New(Options{Store: w.store, Index: &fakeIndex{nodes: map[string]*state.Node{}}, Poll: 2 * time.Second, RebalanceMoves: w.moves, Signer: w.signs, Log: w.log})
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := w.c.Run(ctx); err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}()
	w.halt = func() { cancel(); <-ended }
	w.wait(100 * time.Millisecond)
}

// wait lets time pass.
func (w *world) wait(d time.Duration) {
	w.t.Helper()
	time.Sleep(d) // in the bubble: the fake clock
	synctest.Wait()
}

// agent is a node whose agent runs what its manifest says. It keeps its last good manifest, as the real one.
type agent struct {
	id   string
	mu   sync.Mutex // guards last, which the agent itself alone writes
	last *state.Manifest
	stop func()
}

func (w *world) agents(n int) []*agent {
	var all []*agent
	for i := range n {
		all = append(all, w.agent(fmt.Sprintf("n%d", i+1), "tag", fmt.Sprintf("zone%d", i%2)))
	}
	return all
}

func (w *world) agent(id string, tags ...string) *agent {
	a := &agent{id: id}
	w.resume(a, tags...)
	return a
}

// resume starts an agent that was stopped.
func (w *world) resume(a *agent, tags ...string) {
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan struct{})
	a.stop = func() { cancel(); <-ended }
	w.done.Go(func() {
		defer close(ended)
		for n := 0; ; n++ {
			w.turn(ctx, a, tags, n)
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	})
}

// turn is one second of an agent; the bucket may fail it.
func (w *world) turn(ctx context.Context, a *agent, tags []string, n int) {
	data, _, err := state.Read(ctx, w.store, state.KindManifest.Key(a.id), "", state.MaxDocument)
	if err == nil {
		if m, err := decodeManifest(state.KindManifest.Key(a.id), data); err == nil {
			a.mu.Lock()
			a.last = m
			a.mu.Unlock()
		}
	}
	r := state.Report{Node: a.id, Facts: state.Facts{Hostname: "host-" + a.id, AgentAddress: "http://" + a.id}, Tags: tags}
	if a.last != nil {
		r.Manifest.Generation, r.Manifest.Term = a.last.Generation, a.last.Term
		for _, e := range a.last.Apps {
			for i := range e.Count {
				r.Instances = append(r.Instances, instance(a, &e, i))
			}
		}
	}
	key, report := state.KindReport.Key(a.id), state.Encode(&r)
	if old, _, err := state.Read(ctx, w.store, key, "", state.MaxDocument); err != nil || string(old) != string(report) {
		_, _ = state.Write(ctx, w.store, key, report, state.Condition{})
	}
	if n%10 == 0 {
		_, _ = state.Write(ctx, w.store, state.KindHeartbeat.Key(a.id), fmt.Append(nil, time.Now()), state.Condition{})
	}
}

// instance is what an agent tells of an instance: programs that are called "bad…" crash.
func instance(a *agent, e *state.ManifestEntry, n int) state.Instance {
	of := e.Of(n)
	inst := state.Instance{
		ID: state.InstanceID(a.id, e.App.Name, n), App: e.App.Name, N: n, Spec: state.SpecSum(a.last, of),
		State: state.Running, PID: 100 + n, Health: state.HealthUnknown,
	}
	if strings.HasPrefix(of.App.ToProcess, "bad") {
		inst.State, inst.PID, inst.Reason = state.Backoff, 0, "exit code 1; next try in 4 s"
	}
	return inst
}

// put writes raw bytes into the bucket, as a person with an editor would.
func (w *world) put(key, text string) {
	w.t.Helper()
	if _, err := state.Write(w.t.Context(), w.store, key, []byte(text), state.Condition{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) get(key string) string {
	w.t.Helper()
	data, _, err := state.Read(w.t.Context(), w.store, key, "", 4*state.MaxDocument)
	if err != nil {
		return ""
	}
	return string(data)
}

// deploy makes and starts an app.
func (w *world) deploy(name string, scale int, ports ...int) {
	w.t.Helper()
	ctx := w.t.Context()
	if _, err := w.c.CreateApp(ctx, &state.App{Name: name, ToProcess: "run", KillSignal: 15, Start: true, Ports: ports}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.c.Scale(ctx, name, scale); err != nil {
		w.t.Fatal(err)
	}
}

// placed gives the counts of an app in the manifests, by node.
func (w *world) placed(app string) map[string]int {
	w.t.Helper()
	counts := map[string]int{}
	for id, m := range w.manifests() {
		if e := m.Entry(app); e != nil {
			counts[id] = e.Count
		}
	}
	return counts
}

func (w *world) manifests() map[string]*state.Manifest {
	w.t.Helper()
	all := map[string]*state.Manifest{}
	for e, err := range w.store.List(w.t.Context(), state.KindManifest.Prefix()) {
		if err != nil {
			w.t.Fatal(err)
		}
		id, ok := state.KindManifest.Name(e.Key)
		if !ok {
			continue
		}
		if m, err := state.Decode[state.Manifest](e.Key, []byte(w.get(e.Key))); err == nil {
			all[id] = m
		}
	}
	return all
}

// wantPlaced fails unless an app has this many instances in the manifests, and all of them run.
func (w *world) wantPlaced(app string, n int) {
	w.t.Helper()
	if got := w.placed(app); total(got) != n {
		w.t.Fatalf("%s is placed %v, want %d; status %+v", app, got, n, w.c.Status(app))
	}
}
