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
