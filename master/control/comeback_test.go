package control

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

// Two masters that began to listen at different moments judge a silent node at different moments. Even where both decide,
// as none of them knows of the other, they must not write against each other.
func TestTwoMastersDoNotFight(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(3)
		w.deploy("web", 3)
		w.wait(10 * time.Second)
		all[2].stop()
		w.wait(20 * time.Second)
		first := w.halt
		w.startMaster()
		second := w.halt
		w.halt = func() { first(); second() }
		before := w.store.Counts()["put"]
		w.wait(time.Minute)
		if n := w.store.Counts()["put"] - before; n > 30 { // 12 heartbeats, 2 reports, 2 manifests, the record, and lost races
			t.Errorf("%d writes in a minute", n)
		}
		if got := w.placed("web"); total(got) != 3 || got["n3"] != 0 {
			t.Errorf("placed %v", got)
		}
		if !strings.Contains(w.get("nodes/n3.json"), `"state": "down"`) {
			t.Error("the silent node is not down")
		}
		w.agent("n3")
		w.wait(15 * time.Second)
		if !strings.Contains(w.get("nodes/n3.json"), `"state": "up"`) {
			t.Error("the node that came back is not up")
		}
	})
}

func TestForgottenNodeComesBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(2)
		w.deploy("web", 2, 8080)
		w.wait(5 * time.Second)
		lost := all[1]
		lost.stop()
		w.wait(time.Minute)
		if err := w.c.ForgetNode(t.Context(), "n2"); err != nil {
			t.Fatal(err)
		}
		w.agent("n0")
		w.wait(5 * time.Second)
		if got := w.placed("web"); !maps.Equal(got, map[string]int{"n0": 1, "n1": 1}) {
			t.Fatalf("placed %v", got)
		}
		w.resume(lost) // it runs what it ran
		w.wait(10 * time.Second)
		w.wantPlaced("web", 2)
		if s := w.c.Status("web"); s.Running != 2 || s.State != state.AppRunning {
			t.Fatalf("the instances of the node that came back are not stopped: %+v", s)
		}
	})
}

func TestFirstRecordTakesEnvsFromTheManifest(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put("manifests/n1.json", `{"node": "n1", "envs": {"A": "1"}, "apps": [{"app": {"name": "mine", "toProcess": "run"}}]}`)
		w.wait(3 * time.Second)
		w.agent("n1")
		w.deploy("web", 1)
		w.wait(5 * time.Second)
		if m := w.manifests()["n1"]; m.Envs["A"] != "1" || len(m.Apps) != 2 {
			t.Errorf("manifest %+v", m)
		}
		if n := w.c.Node("n1").Value; n.Envs["A"] != "1" {
			t.Errorf("record %+v", n)
		}
	})
}

func TestStatusTellsOfAFreeze(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(3)
		w.deploy("web", 3)
		w.wait(5 * time.Second)
		for _, a := range all {
			a.stop()
		}
		w.wait(time.Minute)
		s := w.c.Status("web")
		if s.State != state.AppDegraded || s.Unknown != 3 || len(s.Reasons) != 1 || !strings.Contains(s.Reasons[0].Message, "3 of 3 nodes fell silent") {
			t.Errorf("status %+v", s)
		}
	})
}

func TestNewAppDoesNotInheritTheChoreographyOfADeletedOne(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		w.deploy("web", 3)
		w.wait(5 * time.Second)
		if err := w.c.DeleteApp(t.Context(), "web", state.Condition{}, false); err != nil {
			t.Fatal(err)
		}
		if _, err := w.c.Scale(t.Context(), "web", 5); state.CodeOf(err) != state.NotFound {
			t.Errorf("scaling what is being deleted: %v", err)
		}
		if _, err := w.c.CreateApp(t.Context(), &state.App{Name: "web", ToProcess: "run", KillSignal: 15, Start: true}); err != nil {
			t.Fatal(err)
		}
		if doc := w.c.Choreo("web"); doc.ETag != "" {
			t.Errorf("the new app has the choreography %+v", doc.Value)
		}
	})
}

func TestWhatWasSaidOfJunkIsForgottenWithIt(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		for i := range 20 {
			key := fmt.Sprintf("apps/.web.json.%d.swp", i)
			w.put(key, "junk")
			w.wait(3 * time.Second)
			if err := w.store.Delete(t.Context(), key, ""); err != nil {
				t.Fatal(err)
			}
		}
		w.wait(3 * time.Second)
		if n := len(w.c.said.now); n != 0 {
			t.Errorf("%d subjects are remembered", n)
		}
	})
}
