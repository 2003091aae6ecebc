package control

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/master/lease"
	"stathub/state"
	"stathub/state/memstore"
)

// tap is one master's way to the bucket: it notes what is written, and may hold up or fail everything.
type tap struct {
	state.Store
	mu    sync.Mutex
	wrote map[string]int // by the kind of the key
	block func() error
}

func (t *tap) pass(wrote string) error {
	t.mu.Lock()
	block := t.block
	t.mu.Unlock()
	if block != nil {
		if err := block(); err != nil {
			return state.Errorf(state.Unavailable, "", "%w", err)
		}
	}
	if wrote != "" {
		t.mu.Lock()
		defer t.mu.Unlock()
		kind, _, _ := strings.Cut(wrote, "/")
		t.wrote[kind]++
	}
	return nil
}

func (t *tap) set(block func() error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.block = block
}

// writes gives the kinds that were written since the last call, without leases and events.
func (t *tap) writes() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	kinds := slices.Sorted(maps.Keys(t.wrote))
	t.wrote = map[string]int{}
	return slices.DeleteFunc(kinds, func(k string) bool { return k == "leases" || k == "events" })
}

func (t *tap) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	if err := t.pass(""); err != nil {
		return nil, err
	}
	return t.Store.Get(ctx, key, etag)
}

func (t *tap) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if err := t.pass(key); err != nil {
		return "", err
	}
	return t.Store.Put(ctx, key, body, cond)
}

func (t *tap) Delete(ctx context.Context, key string, etag state.ETag) error {
	if err := t.pass(key); err != nil {
		return err
	}
	return t.Store.Delete(ctx, key, etag)
}

// elected is a master that takes part in an election.
type elected struct {
	*Controller
	elector *lease.Elector
	tap     *tap
	stop    func()
}

func (m *elected) leads() bool { _, leads := m.elector.Lead(); return leads }

// kill ends a master so that it says nothing any more.
func (m *elected) kill() {
	m.tap.set(func() error { return errors.New("there is no such process any more") })
	m.stop()
}

// inElection runs a test over a bucket without a master.
func inElection(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		w := &world{t: t, store: memstore.New(), ctx: ctx}
		defer func() {
			end()
			w.done.Wait()
		}()
		test(t, w)
	})
}

// join starts a master among others. w.c is the last one that joined.
func (w *world) join(name string) *elected {
	m := &elected{tap: &tap{Store: w.store, wrote: map[string]int{}}}
	began := time.Now()
	m.elector = lease.New(lease.Options{
		Store: m.tap, Name: name, Clock: func() time.Duration { return time.Since(began) },
		Known: func() (int64, bool) { return m.HighestTerm() },
	})
	m.Controller = New(Options{Store: m.tap, Name: name, Index: &fakeIndex{nodes: map[string]*state.Node{}}, Poll: 2 * time.Second, Leader: m.elector})
	w.c = m.Controller
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan struct{})
	m.stop = func() { cancel(); <-ended }
	w.done.Go(func() {
		defer close(ended)
		electing, end := context.WithCancel(context.WithoutCancel(ctx))
		var election sync.WaitGroup
		election.Go(func() { m.elector.Run(electing) })
		if err := m.Run(ctx); err != nil {
			w.t.Errorf("Run: %v", err)
		}
		end()
		election.Wait()
	})
	w.wait(500 * time.Millisecond)
	return m
}

// A follower serves all that is read, takes edits, and decides nothing.
func TestFollower(t *testing.T) {
	inElection(t, func(t *testing.T, w *world) {
		a := w.join("a")
		w.agents(3)
		w.wait(5 * time.Second)
		b := w.join("b")
		if !a.leads() || b.leads() {
			t.Fatal("the first one does not lead alone")
		}
		b.tap.writes()
		w.wait(time.Minute)
		if wrote := b.tap.writes(); len(wrote) > 0 {
			t.Errorf("the follower wrote %v", wrote)
		}
		if missing := b.Missing(); len(missing) > 0 {
			t.Errorf("the follower is not ready: %v", missing)
		}
		w.deploy("web", 3) // with b
		w.wait(10 * time.Second)
		w.wantPlaced("web", 3)
		if wrote := b.tap.writes(); !slices.Equal(wrote, []string{"apps", "choreos"}) {
			t.Errorf("the follower wrote %v", wrote)
		}
		for _, m := range w.manifests() {
			if m.Writer != "a" || m.Term != 1 {
				t.Errorf("a manifest is by %s, of term %d", m.Writer, m.Term)
			}
		}
		w.wait(30 * time.Second)
		one, other := a.Status("web"), b.Status("web")
		if one.State != state.AppRunning || other.State != one.State || other.Running != 3 || other.Placed != 3 || len(other.Reasons) != 0 {
			t.Errorf("the leader says %+v, the follower %+v", one, other)
		}
		if one.Rollout == nil || one.Rollout.State != state.RolloutDone || other.Rollout == nil || *one.Rollout != *other.Rollout {
			t.Errorf("the leader's rollout is %+v, the follower's %+v", one.Rollout, other.Rollout)
		}
		for _, n := range b.Nodes() {
			if n.State != state.NodeUp || n.LastSeen.IsZero() {
				t.Errorf("the follower has %s as %s, seen %v", n.ID, n.State, n.LastSeen)
			}
		}
		began := time.Now()
		if _, err := b.Scale(t.Context(), "web", 5); err != nil {
			t.Fatal(err)
		}
		b.AwaitPlan(t.Context())
		if waited := time.Since(began); waited > planWait/2 || b.Status("web").Wanted != 5 {
			t.Errorf("the follower's status says %+v after %s", b.Status("web"), waited)
		}
		if err := b.DeleteApp(t.Context(), "web", state.Condition{}, false); err != nil {
			t.Fatal(err)
		}
		w.wait(10 * time.Second)
		if text := w.get("apps/web.json"); text != "" {
			t.Errorf("the leader has not deleted the app: %s", text)
		}
	})
}

// The next leader takes over what the last one did, in a higher term, and nodes do not count as down before they were
// silent for it as long as they may be: their heartbeats may have been in the memory of the last one alone.
func TestTakeover(t *testing.T) {
	inElection(t, func(t *testing.T, w *world) {
		a := w.join("a")
		all := w.agents(4)
		w.wait(5 * time.Second)
		b := w.join("b")
		w.deploy("web", 4)
		w.wait(20 * time.Second)
		before := w.manifests()
		all[3].stop()
		w.wait(20 * time.Second)
		a.kill()
		w.wait(5 * time.Second)
		if _, err := b.Scale(t.Context(), "web", 8); err != nil { // nobody leads
			t.Fatal(err)
		}
		w.wait(10 * time.Second)
		if !b.leads() {
			t.Fatalf("nobody took over: %+v", b.elector.Status())
		}
		w.wantPlaced("web", 8)
		for id, m := range w.manifests() {
			if m.Term != 2 || m.Writer != "b" || m.Generation != before[id].Generation+1 {
				t.Errorf("the manifest of %s has term %d, generation %d, of %s", id, m.Term, m.Generation, m.Writer)
			}
		}
		w.wait(20 * time.Second)
		if n := b.Node("n4").Value; n.State != state.NodeUp {
			t.Errorf("a node counts as %s after 55 s of silence, of which the leader heard 20", n.State)
		}
		w.wait(20 * time.Second)
		if got := w.placed("web"); b.Node("n4").Value.State != state.NodeDown || total(got) != 8 || got["n4"] != 0 {
			t.Errorf("a silent node is %s, and the app is placed %v", b.Node("n4").Value.State, got)
		}
	})
}

func TestCleanTakeover(t *testing.T) {
	inElection(t, func(t *testing.T, w *world) {
		a := w.join("a")
		w.agents(1)
		b := w.join("b")
		w.wait(10 * time.Second)
		a.stop()
		w.deploy("web", 1)
		w.wait(1500 * time.Millisecond)
		w.wantPlaced("web", 1)
		if !b.leads() {
			t.Error("it does not lead")
		}
	})
}

// A leader that was stopped from outside in the middle of a round, and wakes when another one leads, writes nothing more.
func TestPausedLeaderWritesNothing(t *testing.T) {
	inElection(t, func(t *testing.T, w *world) {
		a := w.join("a")
		w.agents(3)
		w.wait(5 * time.Second)
		w.deploy("web", 3)
		w.wait(30 * time.Second)
		b := w.join("b")
		wake := make(chan struct{})
		a.tap.set(func() error { <-wake; return nil }) // at its next request, of whatever kind
		if _, err := b.Scale(t.Context(), "web", 6); err != nil {
			t.Fatal(err)
		}
		w.wait(20 * time.Second)
		w.wantPlaced("web", 6)
		a.tap.writes()
		if _, err := b.Scale(t.Context(), "web", 9); err != nil {
			t.Fatal(err)
		}
		close(wake)
		w.wait(time.Minute)
		w.wantPlaced("web", 9)
		for id, m := range w.manifests() {
			if m.Term != 2 || m.Writer != "b" {
				t.Errorf("the manifest of %s is by %s, of term %d", id, m.Writer, m.Term)
			}
		}
		// One request of each kind may have been under way when it was stopped; they fail on their revisions.
		if a.tap.set(nil); len(a.tap.writes()) > 1 {
			t.Errorf("the old leader wrote")
		}
		if b.kill(); a.leads() {
			t.Error("two lead")
		}
		w.wait(15 * time.Second)
		if !a.leads() {
			t.Errorf("the old leader does not take over again: %+v", a.elector.Status())
		}
	})
}

// Where people empty the bucket, agents go on and report. What the masters write then is ahead of what agents followed.
func TestEmptiedBucket(t *testing.T) {
	inElection(t, func(t *testing.T, w *world) {
		w.join("a").kill()
		w.wait(ttlOfLease)
		a := w.join("b")
		w.agents(2)
		w.wait(15 * time.Second)
		w.deploy("web", 2)
		w.wait(10 * time.Second)
		before := w.manifests()
		if before["n1"].Term != 2 {
			t.Fatalf("the term is %d", before["n1"].Term)
		}
		for e, err := range w.store.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(e.Key, "reports/") {
				_ = w.store.Delete(t.Context(), e.Key, "")
			}
		}
		w.wait(20 * time.Second)
		w.deploy("web", 2)
		w.wait(10 * time.Second)
		if !a.leads() {
			t.Fatal("nobody leads")
		}
		for id, m := range w.manifests() {
			if m.Term <= before[id].Term || m.Generation <= before[id].Generation {
				t.Errorf("the manifest of %s has term %d and generation %d, after %d and %d", id, m.Term, m.Generation, before[id].Term, before[id].Generation)
			}
		}
	})
}

// ttlOfLease is longer than the others wait for a leader.
const ttlOfLease = 12 * time.Second
