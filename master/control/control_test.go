package control

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

func TestLifeOfAnApp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(3)
		w.wait(3 * time.Second)
		ctx := t.Context()
		w.deploy("web", 5)
		w.wait(3 * time.Second)
		w.wantPlaced("web", 5)
		if s := w.c.Status("web"); s.State != state.AppRunning || s.Running != 5 || s.Placed != 5 || len(s.Reasons) != 0 {
			t.Fatalf("status is %+v", s)
		}
		if got := w.c.Choreo("web").Value.Dist; len(got) != 3 {
			t.Fatalf("dist is %v", got)
		}
		for _, scale := range []int{2, 7} {
			if _, err := w.c.Scale(ctx, "web", scale); err != nil {
				t.Fatal(err)
			}
			w.wait(3 * time.Second)
			w.wantPlaced("web", scale)
		}
		if _, err := w.c.StopApp(ctx, "web"); err != nil {
			t.Fatal(err)
		}
		w.wait(3 * time.Second)
		w.wantPlaced("web", 0)
		if s := w.c.Status("web"); s.State != state.AppStopped {
			t.Fatalf("status is %+v", s)
		}
		if _, err := w.c.StartApp(ctx, "web"); err != nil {
			t.Fatal(err)
		}
		w.wait(3 * time.Second)
		w.wantPlaced("web", 7)
		if err := w.c.DeleteApp(ctx, "web", state.Condition{}, false); err != nil {
			t.Fatal(err)
		}
		w.wait(3 * time.Second)
		w.wantPlaced("web", 0)
		if w.get("apps/web.json") != "" || w.get("choreos/web.json") != "" || w.c.App("web").ETag != "" {
			t.Fatal("the documents of a deleted app must go")
		}
	})
}

// Whoever edits and asks at once is told of what was just done, not of the plan before.
func TestAwaitPlan(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(2)
		w.deploy("web", 2)
		w.wait(3 * time.Second)
		for scale := 3; scale < 20; scale++ {
			if _, err := w.c.Scale(t.Context(), "web", scale); err != nil {
				t.Fatal(err)
			}
			w.c.AwaitPlan(t.Context())
			if s := w.c.Status("web"); s.Wanted != scale || s.Placed != scale {
				t.Fatalf("right after scaling to %d: %+v", scale, s)
			}
		}
	})
}

func TestRestartReachesTheManifests(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(2)
		w.deploy("web", 2)
		w.wait(3 * time.Second)
		before := w.manifests()["n1"]
		if _, err := w.c.RestartApp(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		w.wait(time.Second)
		after := w.manifests()["n1"]
		if e := after.Entry("web"); e.RestartToken == "" || e.App.RestartToken != "" || e.Pinned() ||
			state.SpecSum(before, before.Entry("web")) == state.SpecSum(after, e) {
			t.Fatalf("entry after the restart: %+v", e)
		}
	})
}

func TestNodeRecords(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.agent("n1", "ssd")
		w.wait(3 * time.Second)
		ctx := t.Context()
		n := w.c.Node("n1").Value
		if n == nil || n.State != state.NodeUp || n.Hostname != "host-n1" || !slices.Equal(n.Tags, []string{"ssd"}) || !n.Schedulable {
			t.Fatalf("record of a new node: %+v", n)
		}
		if _, err := w.c.SetTags(ctx, "n1", []string{"hdd", "x"}, state.Condition{}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.c.SetEnvs(ctx, "n1", map[string]string{"A": "1"}, state.Condition{IfMatch: w.c.Node("n1").ETag}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.c.SetEnvs(ctx, "n1", nil, state.Condition{IfMatch: "old"}); state.CodeOf(err) != state.Stale {
			t.Fatalf("an edit of an old revision: %v", err)
		}
		w.put("nodes/n1.json", strings.Replace(w.get("nodes/n1.json"), "{", `{"rack": 7,`, 1))
		w.deploy("web", 2)
		w.wait(3 * time.Second)
		if m := w.manifests()["n1"]; m.Envs["A"] != "1" {
			t.Fatalf("the node's envs are not in its manifest: %+v", m)
		}
		if _, err := w.c.SetDrain(ctx, "n1", true); err != nil {
			t.Fatal(err)
		}
		w.wait(3 * time.Second)
		w.wantPlaced("web", 0)
		doc := w.get("nodes/n1.json")
		for _, part := range []string{`"rack": 7`, `"hdd"`, `"state": "draining"`} {
			if !strings.Contains(doc, part) {
				t.Fatalf("the record lacks %s:\n%s", part, doc)
			}
		}
		writes := w.store.Counts()["put"]
		w.wait(time.Minute)
		if n := w.store.Counts()["put"] - writes; n > 7 { // heartbeats
			t.Fatalf("%d writes in an uneventful minute", n)
		}
		if seen := w.c.Node("n1").Value.LastSeen; time.Since(seen) > 13*time.Second {
			t.Fatalf("lastSeen is %s ago", time.Since(seen))
		}
		if err := w.c.ForgetNode(ctx, "n1"); state.CodeOf(err) != state.Nonsense {
			t.Fatalf("forgetting a living node: %v", err)
		}
		a.stop()
		w.wait(time.Minute)
		if err := w.c.ForgetNode(ctx, "n1"); err != nil {
			t.Fatal(err)
		}
		w.wait(10 * time.Second)
		for _, key := range []string{"nodes/n1.json", "reports/n1.json", "manifests/n1.json", "heartbeats/n1"} {
			if w.get(key) != "" {
				t.Errorf("%s is still there", key)
			}
		}
		if w.c.Node("n1").ETag != "" {
			t.Error("the picture still has the node")
		}
	})
}

func TestDeadNodeIsReplaced(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(4)
		w.deploy("web", 4)
		w.wait(5 * time.Second)
		all[0].stop()
		w.wait(30 * time.Second)
		if got := w.placed("web"); got["n1"] != 1 {
			t.Fatalf("after 30 s of silence: %v", got)
		}
		w.wait(15 * time.Second)
		if got := w.placed("web"); got["n1"] != 0 || total(got) != 4 {
			t.Fatalf("after 45 s of silence: %v", got)
		}
		if !strings.Contains(w.get("nodes/n1.json"), `"state": "down"`) {
			t.Fatal("the record does not say that the node is down")
		}
	})
}

func TestManySilentNodesFreeze(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(6)
		w.deploy("web", 12)
		w.wait(5 * time.Second)
		before := w.placed("web")
		for _, a := range all[:4] {
			a.stop()
		}
		w.wait(5 * time.Minute)
		if got := w.placed("web"); !maps.Equal(got, before) {
			t.Fatalf("instances were moved: %v, before %v", got, before)
		}
		if w.c.Frozen() == "" || w.c.Node("n1").Value.State != state.NodeDown {
			t.Fatal("the freeze must be told")
		}
		w.halt()
		w.startMaster()
		w.wait(5 * time.Minute)
		if got := w.placed("web"); !maps.Equal(got, before) {
			t.Fatalf("a new master moved instances: %v, before %v", got, before)
		}
		for i := range 4 {
			w.agent(all[i].id, "tag")
		}
		w.wait(time.Minute)
		if got := w.placed("web"); !maps.Equal(got, before) || w.c.Frozen() != "" {
			t.Fatalf("after the return: %v, before %v, frozen %q", got, before, w.c.Frozen())
		}
	})
}

func TestMasterWithoutMemoryChangesNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(3)
		w.deploy("web", 5)
		w.deploy("db", 2, 5432)
		w.wait(5 * time.Second)
		before := w.manifests()
		for range 5 {
			w.halt()
			w.startMaster()
			w.wait(time.Minute)
		}
		for id, m := range w.manifests() {
			if m.Generation != before[id].Generation {
				t.Errorf("the manifest of %s was written by a new master: generation %d, before %d", id, m.Generation, before[id].Generation)
			}
		}
	})
}

func TestHandEditsAreNotOverwritten(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		w.deploy("web", 1)
		w.wait(5 * time.Second)
		// A person saves the manifest in the very moment between the master's decision and its write.
		var edited atomic.Bool
		w.store.Fail(func(op, key string) error {
			if op == "put" && key == "manifests/n1.json" && edited.CompareAndSwap(false, true) {
				text := strings.Replace(w.get(key), `"apps": [`, `"apps": [{"app": {"name": "mine", "toProcess": "sleep 1"}},`, 1)
				w.put(key, text)
			}
			return nil
		})
		if _, err := w.c.Scale(t.Context(), "web", 3); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		m := w.manifests()["n1"]
		if !edited.Load() || m.Entry("mine") == nil || m.Entry("web").Count != 3 {
			t.Fatalf("edited %v, manifest %s", edited.Load(), w.get("manifests/n1.json"))
		}
	})
}

func TestEditLosesToAnotherWriterAndRetries(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.deploy("web", 1)
		races, racing := 3, false
		w.store.Fail(func(op, key string) error {
			if op == "put" && key == "choreos/web.json" && races > 0 && !racing {
				races, racing = races-1, true
				w.put(key, strings.Replace(w.get(key), `"query": "`, `"query": "x`, 1))
				racing = false
			}
			return nil
		})
		if _, err := w.c.Scale(t.Context(), "web", 9); err != nil {
			t.Fatal(err)
		}
		ch := w.c.Choreo("web").Value
		if ch.Scale != 9 || ch.Query != "xxx*" {
			t.Fatalf("an edit was lost: %+v", ch)
		}
	})
}

func TestHandWrittenEntryIsPinnedUntilReleased(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		w.deploy("web", 1)
		w.wait(5 * time.Second)
		w.put("manifests/n1.json", strings.Replace(w.get("manifests/n1.json"), `"count": 1`, `"count": 4`, 1))
		w.wait(5 * time.Second)
		if e := w.manifests()["n1"].Entry("web"); e.Owner != state.OwnerHand || e.Count != 4 {
			t.Fatalf("entry %+v", e)
		}
		if _, err := w.c.ReleaseEntry(t.Context(), "n1", "nothing"); state.CodeOf(err) != state.NotFound {
			t.Fatalf("release of no entry: %v", err)
		}
		if _, err := w.c.ReleaseEntry(t.Context(), "n1", "web"); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		if e := w.manifests()["n1"].Entry("web"); e.Owner != state.OwnerMaster || e.Count != 1 {
			t.Fatalf("entry after the release %+v", e)
		}
	})
}

func TestCreateOverDeleted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		w.deploy("web", 1)
		app := &state.App{Name: "web", ToProcess: "other", KillSignal: 15}
		if _, err := w.c.CreateApp(t.Context(), app); state.CodeOf(err) != state.Exists {
			t.Fatalf("creating an app twice: %v", err)
		}
		w.wait(5 * time.Second)
		w.put("manifests/n1.json", strings.Replace(w.get("manifests/n1.json"), "{", `{"paused": true,`, 1))
		w.wait(5 * time.Second)
		if err := w.c.DeleteApp(t.Context(), "web", state.Condition{}, false); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		if s := w.c.Status("web"); s.State != state.AppDeleting {
			t.Fatalf("a paused manifest keeps the app: %+v", s)
		}
		if names := w.c.AppNames(); len(names) != 0 || w.c.App("web").ETag != "" {
			t.Fatalf("an app on its way out still shows: %q", names)
		}
		if _, err := w.c.StartApp(t.Context(), "web"); state.CodeOf(err) != state.NotFound {
			t.Fatalf("starting what is being deleted: %v", err)
		}
		if _, err := w.c.CreateApp(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		if doc := w.c.App("web"); doc.Value.Deleted || doc.Value.ToProcess != "other" {
			t.Fatalf("app %+v", doc.Value)
		}
	})
}

func TestExplain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(2)
		w.deploy("web", 3, 8080)
		w.wait(5 * time.Second)
		s := w.c.Status("web")
		if s.State != state.AppDegraded || s.Placed != 2 || len(s.Reasons) == 0 || s.Reasons[0].Code != scheduler.CodeOnePerNode {
			t.Fatalf("status %+v", s)
		}
		verdicts, err := w.c.Explain(t.Context(), "web")
		if err != nil || len(verdicts) != 2 || !verdicts[0].Chosen {
			t.Fatalf("verdicts %+v, %v", verdicts, err)
		}
		if _, err := w.c.Explain(t.Context(), "none"); state.CodeOf(err) != state.NotFound {
			t.Fatalf("explain of no app: %v", err)
		}
	})
}

func TestGate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		tries := 0
		c := New(Options{Store: w.store, Index: &fakeIndex{nodes: map[string]*state.Node{}}, Gate: func(context.Context) error {
			if tries++; tries < 3 {
				return state.Errorf(state.Unavailable, "", "not yet")
			}
			return state.Errorf(state.Unsupported, "", "ignores conditions")
		}})
		if _, err := c.CreateApp(t.Context(), &state.App{Name: "a", ToProcess: "x", KillSignal: 15}); state.CodeOf(err) != state.Unavailable {
			t.Fatalf("an edit before the gate: %v", err)
		}
		err := c.Run(t.Context())
		if state.CodeOf(err) != state.Unsupported || tries != 3 {
			t.Fatalf("Run = %v after %d tries", err, tries)
		}
		if len(c.Missing()) == 0 {
			t.Fatal("a refused store is not ready")
		}
	})
}
