package control

import (
	"fmt"
	"testing"
	"time"

	"stathub/state"
)

// A report is one node's own: whatever it says it followed, masters go on to lead and to decide for all others.
func TestReportOfATermThatNoMasterCanReach(t *testing.T) {
	for _, term := range []int64{state.MaxSequence, state.MaxSequence + 1, 1<<63 - 1} {
		t.Run(fmt.Sprint(term), func(t *testing.T) {
			inElection(t, func(t *testing.T, w *world) {
				a := w.join("a")
				w.agents(3)
				w.wait(5 * time.Second)
				w.deploy("web", 3)
				w.wait(10 * time.Second)
				w.put("reports/bad.json", fmt.Sprintf(`{"node": "bad", "updatedAt": "2026-01-01T00:00:00Z",
					"manifest": {"generation": %d, "term": %[1]d}, "instances": []}`, term))
				w.wait(30 * time.Second)
				if !a.leads() {
					t.Fatal("nobody leads")
				}
				if _, err := a.Scale(t.Context(), "web", 5); err != nil {
					t.Fatal(err)
				}
				w.wait(20 * time.Second)
				w.wantPlaced("web", 5)
			})
		})
	}
}

// A heartbeat is all that there is of a name that somebody made up: thousands of them that fall silent are no outage.
func TestHeartbeatsOfNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		agents := w.agents(3)
		w.deploy("web", 3)
		w.wait(10 * time.Second)
		for i := range 200 {
			w.put(fmt.Sprintf("heartbeats/nobody-%d", i), "x")
		}
		w.wait(2 * time.Minute)
		if why := w.c.Frozen(); why != "" {
			t.Errorf("the schedule is frozen: %s", why)
		}
		agents[0].stop()
		w.wait(2 * time.Minute)
		w.wantPlaced("web", 3)
		if n := w.placed("web")[agents[0].id]; n != 0 {
			t.Errorf("%d instances stay on a node that is down", n)
		}
	})
}
