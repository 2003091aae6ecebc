package control

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
)

// roll deploys an app of 4 on two nodes, of which a version has proved itself.
func (w *world) roll(update string) {
	w.t.Helper()
	w.agents(2)
	w.wait(5 * time.Second)
	w.put("choreos/web.json", `{"app": "web", "scale": 4, "update": {"minHealthySeconds": 3, "deadlineSeconds": 20`+update+`}}`)
	w.edit("v1")
	w.until("v1 is good", func() bool { return w.revision(1).GoodAt != time.Time{} })
}

// edit is somebody who writes the app's document.
func (w *world) edit(program string) {
	w.t.Helper()
	w.put("apps/web.json", `{"name": "web", "start": true, "toProcess": "`+program+`"}`)
}

func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	for range 300 {
		if holds() {
			return
		}
		w.wait(time.Second)
	}
	w.t.Fatalf("never: %s; %s; rollout %+v; history %v", what, w.versions(), w.c.Status("web").Rollout, w.revisions())
}

// versions counts the instances of the programs in the manifests.
func (w *world) versions() string {
	counts := map[string]int{}
	for _, m := range w.manifests() {
		if e := m.Entry("web"); e != nil {
			for n := range e.Count {
				counts[e.Of(n).App.ToProcess]++
			}
		}
	}
	var all []string
	for _, program := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%s:%d", program, counts[program]))
	}
	return strings.Join(all, " ")
}

func (w *world) revision(n int64) *state.Revision {
	key := state.HistoryKey("web", n)
	r, err := state.Decode[state.Revision](key, []byte(w.get(key)))
	if err != nil {
		return &state.Revision{}
	}
	return r
}

// revisions gives "1 v1 good, 2 bad failed".
func (w *world) revisions() string {
	var all []string
	for n := int64(1); w.get(state.HistoryKey("web", n)) != ""; n++ {
		r := w.revision(n)
		text := fmt.Sprint(n, " ", r.App.ToProcess)
		if !r.GoodAt.IsZero() {
			text += " good"
		}
		if r.Failed != nil {
			text += " failed"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func (w *world) program() string {
	app, err := state.Decode[state.App]("apps/web.json", []byte(w.get("apps/web.json")))
	if err != nil {
		return err.Error()
	}
	return app.ToProcess
}

func TestRolloutIsSeenAndRecorded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll("")
		if r := w.c.Status("web").Rollout; r == nil || r.State != state.RolloutDone || r.Revision != 1 || r.New != 4 || r.Healthy != 4 {
			t.Errorf("at first: %+v", r)
		}
		w.edit("v2")
		w.wait(4 * time.Second)
		r := w.c.Status("web").Rollout
		if r == nil || r.State != state.RolloutGoing || r.Revision != 2 || r.Old+r.New != 4 || r.Old < 2 || r.Since.IsZero() {
			t.Fatalf("under way: %+v", r)
		}
		if !strings.Contains(r.Reason, "more for n1/web.0 to have been healthy for 3 s") && !strings.Contains(r.Reason, "waits for n") || r.Instance == "" {
			t.Errorf("it says %+v", r)
		}
		w.until("v2 is good", func() bool { return w.revisions() == "1 v1 good, 2 v2 good" })
		if got := w.versions(); got != "v2:4" {
			t.Errorf("placed %s", got)
		}
	})
}

func TestABadVersionIsReverted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll("")
		w.edit("bad")
		w.wait(10 * time.Second)
		if r := w.c.Status("web").Rollout; r == nil || r.Instance != "n1/web.0" || r.Reason != "waits for n1/web.0: backoff: exit code 1" {
			t.Errorf("it waits: %+v", r)
		}
		w.until("it is back", func() bool { return w.revisions() == "1 v1 good, 2 bad failed, 3 v1 good" })
		if w.program() != "v1" || w.versions() != "v1:4" {
			t.Errorf("the app is %s, and placed %s", w.program(), w.versions())
		}
		r := w.c.Status("web").Rollout
		if r == nil || r.State != state.RolloutReverted || r.Instance != "n1/web.0" || !strings.Contains(r.Reason, "exit code 1") || r.Revision != 3 {
			t.Errorf("it says %+v", r)
		}
		if f := w.revision(2).Failed; f == nil || f.Instance != "n1/web.0" || f.At.IsZero() {
			t.Errorf("revision 2 failed: %+v", f)
		}
		w.edit("v3")
		w.until("v3 is good", func() bool { return strings.HasSuffix(w.revisions(), "4 v3 good") })
		if r := w.c.Status("web").Rollout; r.State != state.RolloutDone || r.Reason != "" {
			t.Errorf("after a good one: %+v", r)
		}
	})
}

// Whatever write is the last one that a master does: the next master goes on from there.
func TestTheMasterMayDieBetweenAnyTwoWrites(t *testing.T) {
	for last := range int64(14) {
		t.Run(fmt.Sprint(last), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.roll("")
				w.edit("bad")
				var writes atomic.Int64
				w.store.Fail(func(op, key string) error {
					ours := strings.HasPrefix(key, "manifests/") || strings.HasPrefix(key, "history/") || strings.HasPrefix(key, "apps/")
					if op == "put" && ours && writes.Add(1) > last {
						return errors.New("the master is dead")
					}
					return nil
				})
				w.wait(60 * time.Second)
				w.halt()
				w.store.Fail(nil)
				w.startMaster()
				w.until("it is back", func() bool { return w.revisions() == "1 v1 good, 2 bad failed, 3 v1 good" && w.versions() == "v1:4" })
				if w.program() != "v1" {
					t.Errorf("the app is %s", w.program())
				}
			})
		})
	}
}

func TestAnEditWinsOverTheRevert(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll("")
		w.edit("bad")
		var once atomic.Bool
		w.store.Fail(func(op, key string) error {
			if op == "put-applied" && key == "history/web/2.json" && strings.Contains(w.get(key), `"failed"`) && once.CompareAndSwap(false, true) {
				w.edit("v3")
			}
			return nil
		})
		w.until("v3 is good", func() bool { return w.revisions() == "1 v1 good, 2 bad failed, 3 v3 good" })
		if w.program() != "v3" || w.versions() != "v3:4" {
			t.Errorf("the app is %s, and placed %s", w.program(), w.versions())
		}
	})
}

func TestStalledUntilMended(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll(`, "autoRevert": false`)
		w.edit("bad")
		w.until("it stalls", func() bool { r := w.c.Status("web").Rollout; return r != nil && r.State == state.RolloutStalled })
		r := w.c.Status("web").Rollout
		if r.Instance != "n1/web.0" || !strings.Contains(r.Reason, "exit code 1") || w.versions() != "bad:1 v1:3" || w.revision(2).Failed != nil {
			t.Errorf("%+v, %s, %s", r, w.versions(), w.revisions())
		}
		w.edit("v3")
		w.until("the fix is good", func() bool { return w.revisions() == "1 v1 good, 2 bad, 3 v3 good" })
	})
}

// A version that was good is not undone for another one: what ails it is not the change.
func TestAGoodVersionIsNotReverted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll("")
		w.edit("v2")
		w.until("v2 is good", func() bool { return w.revisions() == "1 v1 good, 2 v2 good" })
		w.store.Fail(func(op, key string) error { return nil })
		ctx := t.Context()
		if _, err := w.c.RestartApp(ctx, "web"); err != nil {
			t.Fatal(err)
		}
		w.wait(60 * time.Second)
		if got := w.revisions(); got != "1 v1 good, 2 v2 good" {
			t.Errorf("a restart makes revisions: %s", got)
		}
		if r := w.c.Status("web").Rollout; r.State != state.RolloutDone || w.versions() != "v2:4" {
			t.Errorf("%+v, %s", r, w.versions())
		}
	})
}

func TestOutageDoesNotFailARollout(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll("")
		w.edit("v2")
		w.wait(3 * time.Second)
		w.store.Fail(func(string, string) error { return errors.New("no network") })
		w.wait(10 * time.Minute)
		w.store.Fail(nil)
		w.until("v2 is good", func() bool { return w.revisions() == "1 v1 good, 2 v2 good" })
	})
}

func TestAnAppThatBecomesUnreadableStaysAsItIs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll("")
		w.edit("v2")
		w.until("it is half-way", func() bool { return w.versions() == "v1:2 v2:2" })
		w.put("apps/web.json", `{"name": "web", `)
		w.wait(2 * time.Minute)
		if got := w.versions(); got != "v1:2 v2:2" {
			t.Errorf("placed %s", got)
		}
		w.edit("v2")
		w.until("v2 is good", func() bool { return w.revisions() == "1 v1 good, 2 v2 good" })
	})
}

func TestANodeDiesInARollout(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		agents := w.agents(3)
		w.wait(5 * time.Second)
		// The deadline is past the time after which a silent node counts as down.
		w.put("choreos/web.json", `{"app": "web", "scale": 6, "update": {"minHealthySeconds": 3, "deadlineSeconds": 60}}`)
		w.edit("v1")
		w.until("v1 is good", func() bool { return w.revisions() == "1 v1 good" })
		w.edit("v2")
		w.until("it is under way", func() bool { return w.versions() == "v1:5 v2:1" })
		agents[0].stop() // it has the one that is new
		w.until("v2 is good", func() bool { return w.revisions() == "1 v1 good, 2 v2 good" })
		w.wantPlaced("web", 6)
	})
}
