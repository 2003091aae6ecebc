package control

import (
	"strings"
	"testing"
	"time"

	"stathub/state"
)

// A rollout that is paused stays where it is, says so, and is no revision of its own; an edit that changes more than that
// is one as ever.
func TestPauseAndResume(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll("")
		w.edit("v2")
		w.until("one has it", func() bool { return strings.Contains(w.versions(), "v2:1") })
		for range 2 { // the second time nothing changes
			doc, err := w.c.PauseRollouts(t.Context(), "web")
			if err != nil || doc.Value.Update == nil || !doc.Value.Update.Paused || doc.Value.Update.MinHealthySeconds == nil {
				t.Fatalf("%+v, %v", doc.Value, err)
			}
		}
		w.wait(60 * time.Second)
		if r := w.c.Status("web").Rollout; w.versions() != "v1:3 v2:1" || r == nil || r.State != state.RolloutPaused || r.Reason != "it is paused" || r.Old != 3 {
			t.Fatalf("%s; %+v", w.versions(), r)
		}
		if got := w.revisions(); got != "1 v1 good, 2 v2" {
			t.Errorf("revisions %q", got)
		}
		if _, err := w.c.ResumeRollouts(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		w.until("all have it", func() bool { return w.versions() == "v2:4" })
		w.until("it is good", func() bool { return w.revisions() == "1 v1 good, 2 v2 good" })
		if got := w.get("choreos/web.json"); strings.Contains(got, "paused") || !strings.Contains(got, "minHealthySeconds") {
			t.Errorf("the choreography is %s", got)
		}
		for _, kind := range []string{RolloutPaused, RolloutResumed} {
			if n := w.eventsOf(kind); n != 1 {
				t.Errorf("%d events %s", n, kind)
			}
		}
		if _, err := w.c.PauseRollouts(t.Context(), "none"); state.CodeOf(err) != state.NotFound {
			t.Errorf("of an app that is not there: %v", err)
		}
	})
}

// Going back to a revision ends a pause: what is put back is to run.
func TestRollbackOfAPausedRollout(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll("")
		w.edit("v2")
		w.until("one has it", func() bool { return strings.Contains(w.versions(), "v2:1") })
		if _, err := w.c.PauseRollouts(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		if _, _, err := w.c.Rollback(t.Context(), "web", 1, state.Condition{}); err != nil {
			t.Fatal(err)
		}
		w.until("v1 is back", func() bool { return w.versions() == "v1:4" })
	})
}

// eventsOf counts the events of a kind that the master told.
func (w *world) eventsOf(kind string) (n int) {
	for _, e := range w.c.told.Recent(1000) {
		if e.Kind == kind {
			n++
		}
	}
	return n
}
