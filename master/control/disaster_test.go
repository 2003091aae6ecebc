package control

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"stathub/state"
)

// runs gives how many instances of an app the agents run, by node.
func runs(all []*agent, app string) map[string]int {
	counts := map[string]int{}
	for _, a := range all {
		a.mu.Lock()
		if e := a.last.Entry(app); e != nil {
			counts[a.id] = e.Instances()
		}
		a.mu.Unlock()
	}
	return counts
}

// watchRuns fails the test if an agent ever runs something else of an app than now, for so long.
func (w *world) watchRuns(all []*agent, app string, d time.Duration) {
	w.t.Helper()
	before := runs(all, app)
	for end := time.Now().Add(d); time.Now().Before(end); {
		w.wait(time.Second)
		if now := runs(all, app); !maps.Equal(now, before) {
			w.t.Fatalf("the agents run %v of %s, before %v", now, app, before)
		}
	}
}

// copies gives what the bucket holds.
func (w *world) copies() map[string]string {
	all := map[string]string{}
	for e, err := range w.store.List(w.t.Context(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		all[e.Key] = w.get(e.Key)
	}
	return all
}

// empty removes everything from the bucket.
func (w *world) empty() {
	for key := range w.copies() {
		if err := w.store.Delete(w.t.Context(), key, ""); err != nil && state.CodeOf(err) != state.NotFound {
			w.t.Fatal(err)
		}
	}
}

// reword changes a document as somebody with an editor would.
func reword[T any, P interface {
	*T
	state.Document
}](w *world, key string, change func(*T)) {
	w.t.Helper()
	doc, err := state.Decode[T, P](key, []byte(w.get(key)))
	if err != nil {
		w.t.Fatal(err)
	}
	change(doc)
	w.put(key, string(state.Encode(doc)))
}

// Law 1, law 7: five minutes without the bucket change nothing and take nobody for dead; edits are refused meanwhile, and
// work at once afterwards.
func TestFiveMinuteBlackout(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(4)
		w.deploy("web", 8)
		w.wait(30 * time.Second)
		before := w.copies()
		w.store.Fail(func(op, key string) error { return errors.New("the bucket is out of reach") })
		for range 5 {
			w.watchRuns(all, "web", time.Minute)
			if _, err := w.c.Scale(t.Context(), "web", 9); state.CodeOf(err) != state.Unavailable {
				t.Errorf("an edit during the blackout: %v", err)
			}
			if got := w.c.App("web"); got.Value == nil {
				t.Error("reads do not go on from memory")
			}
			for _, a := range all {
				if n := w.c.Node(a.id); n.Value.State != state.NodeUp {
					t.Errorf("%s is %s", a.id, n.Value.State)
				}
			}
		}
		w.store.Fail(nil)
		w.watchRuns(all, "web", time.Minute)
		for id := range w.manifests() {
			if key := state.KindManifest.Key(id); w.get(key) != before[key] {
				t.Errorf("%s was rewritten", key)
			}
		}
		if _, err := w.c.Scale(t.Context(), "web", 9); err != nil {
			t.Error(err)
		}
		w.wait(5 * time.Second)
		w.wantPlaced("web", 9)
	})
}

// Law 1: somebody empties the bucket. Nothing is stopped, with the master that saw it and with one that starts anew; when
// the documents are put back, or written again, all goes on from what runs.
func TestBucketIsEmptied(t *testing.T) {
	for name, restart := range map[string]bool{"under a master": false, "and the master starts anew": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				all := w.agents(3)
				w.deploy("web", 6)
				w.wait(30 * time.Second)
				saved := w.copies()
				if restart {
					w.halt()
				}
				w.empty()
				if restart {
					w.startMaster()
				}
				w.watchRuns(all, "web", 3*time.Minute)
				for _, a := range all {
					if m := w.manifests()[a.id]; m != nil && m.Entry("web") == nil {
						t.Errorf("the new manifest of %s has no web: %+v", a.id, m)
					}
				}
				w.put("apps/web.json", saved["apps/web.json"])
				w.put("choreos/web.json", saved["choreos/web.json"])
				w.watchRuns(all, "web", time.Minute)
				if _, err := w.c.Scale(t.Context(), "web", 9); err != nil {
					t.Fatal(err)
				}
				w.wait(20 * time.Second)
				w.wantPlaced("web", 9)
				if got := total(runs(all, "web")); got != 9 {
					t.Errorf("the agents run %d", got)
				}
			})
		})
	}
}

// Law 1, law 2: an old copy is put in the place of the bucket under running programs. What runs goes on, also what the
// copy does not know; then the cluster follows the documents that are there now.
func TestBucketIsReplacedByAnOldCopy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(3)
		w.deploy("web", 3)
		w.wait(30 * time.Second)
		old := w.copies()
		if _, err := w.c.Scale(t.Context(), "web", 6); err != nil {
			t.Fatal(err)
		}
		w.deploy("new", 3)
		w.wait(30 * time.Second)
		w.empty()
		for key, text := range old {
			w.put(key, text)
		}
		w.watchRuns(all, "new", 2*time.Minute)
		w.wait(time.Minute)
		w.wantPlaced("web", 3) // as the copy says
		if got := total(runs(all, "web")); got != 3 {
			t.Errorf("the agents run %d of web: they do not follow the manifests that were written since", got)
		}
	})
}

// Law 8: clocks of others mean nothing. Every document comes from a day ahead or a day ago, and all is as ever.
func TestClocksThatAreOffByADay(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": 24 * time.Hour, "behind": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				all := w.agents(3)
				w.deploy("web", 6)
				w.wait(30 * time.Second)
				w.halt()
				for id, m := range w.manifests() {
					m.UpdatedAt = time.Now().Add(off)
					w.put(state.KindManifest.Key(id), string(state.Encode(m)))
					reword(w, state.KindReport.Key(id), func(r *state.Report) { r.UpdatedAt = time.Now().Add(off) })
					reword(w, state.KindNode.Key(id), func(n *state.Node) { n.LastSeen = time.Now().Add(off) })
				}
				w.startMaster()
				w.watchRuns(all, "web", 2*time.Minute)
				for _, a := range all {
					if n := w.c.Node(a.id).Value; n.State != state.NodeUp {
						t.Errorf("%s is %s", a.id, n.State)
					}
				}
				all[0].stop()
				w.wait(2 * time.Minute)
				if n := w.c.Node("n1").Value; n.State != state.NodeDown {
					t.Errorf("a silent node is %s", n.State)
				}
				if got := w.placed("web"); got["n2"]+got["n3"] != 6 {
					t.Errorf("placed %v", got)
				}
			})
		})
	}
}

// Law 7: two thousand nodes fall silent at once. Nothing is moved, no record says that they are down, and their return
// is noticed.
func TestTwoThousandNodesFallSilent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const n = 2000 // and few rounds: each is a look at them all
		beat := func(round int) {
			for i := range n {
				w.put(state.KindHeartbeat.Key(fmt.Sprintf("n%d", i)), fmt.Sprint(round))
			}
		}
		for i := range n {
			id := fmt.Sprintf("n%d", i)
			w.put(state.KindReport.Key(id), string(state.Encode(&state.Report{Node: id, Facts: state.Facts{Hostname: id, AgentAddress: "http://" + id}})))
		}
		beat(0)
		w.wait(10 * time.Second)
		w.deploy("web", n)
		for round := range 3 {
			beat(round + 1)
			w.wait(10 * time.Second)
		}
		w.wantPlaced("web", n)
		before := w.placed("web")
		w.wait(2 * time.Minute)
		if got := w.placed("web"); !maps.Equal(got, before) {
			t.Error("instances were moved")
		}
		if w.c.Frozen() == "" {
			t.Error("the master does not say that it suspects itself")
		}
		for i := range n {
			key := state.KindNode.Key(fmt.Sprintf("n%d", i))
			record, err := state.Decode[state.Node](key, []byte(w.get(key)))
			if err != nil || record.State != state.NodeUp {
				t.Fatalf("%s: %+v, %v", key, record, err)
			}
		}
		for round := range 6 {
			beat(100 + round)
			w.wait(10 * time.Second)
		}
		if why := w.c.Frozen(); why != "" {
			t.Errorf("all are back, and still: %s", why)
		}
		if got := w.placed("web"); !maps.Equal(got, before) {
			t.Error("their return moved instances")
		}
	})
}
