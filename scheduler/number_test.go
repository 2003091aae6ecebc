package scheduler

import (
	"testing"

	"stathub/state"
)

// A master's manifest is ahead of whatever the node followed, so that no node refuses it after the bucket was emptied or
// replaced by an old copy.
func TestManifestsRunAheadOfWhatNodesFollowed(t *testing.T) {
	for _, tt := range []struct {
		name             string
		term, generation int64 // of the manifest in the bucket; term -1: there is none
		followed         state.ManifestStatus
		want             int64 // generation; 0: nothing is written
	}{
		{"as it is", 7, 3, state.ManifestStatus{Term: 7, Generation: 3}, 0},
		{"not followed yet", 7, 3, state.ManifestStatus{Term: 7, Generation: 2}, 0},
		{"of an older term, not followed yet", 6, 3, state.ManifestStatus{Term: 5, Generation: 9}, 0},
		{"an older generation", 7, 3, state.ManifestStatus{Term: 7, Generation: 9}, 10},
		{"an older term", 6, 12, state.ManifestStatus{Term: 7, Generation: 9}, 13},
		{"of a term that this master cannot exceed", 6, 3, state.ManifestStatus{Term: 8, Generation: 9}, 0},
		{"of the highest generation", 6, state.MaxSequence, state.ManifestStatus{Term: 7, Generation: 9}, state.MaxSequence},
		{"by a person", 0, 3, state.ManifestStatus{Term: 7, Generation: 9}, 0},
		{"gone", -1, 0, state.ManifestStatus{Term: 7, Generation: 9}, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld("n1")
			w.app("web", 1)
			w.settle(t)
			m := *w.Manifests["n1"].Manifest
			m.Term, m.Generation = tt.term, tt.generation
			w.Manifests["n1"] = Current{Manifest: &m}
			if tt.term < 0 {
				delete(w.Manifests, "n1")
			}
			w.Reports["n1"] = &state.Report{Node: "n1", Manifest: tt.followed}
			next := Schedule(w.Input).Manifests["n1"]
			switch {
			case tt.want == 0 && next != nil:
				t.Errorf("written: %s", state.Encode(next))
			case tt.want > 0 && (next == nil || next.Generation != tt.want || next.Term != 7 || next.Entry("web") == nil):
				t.Errorf("written: %+v, want generation %d of term 7", next, tt.want)
			}
			if next != nil {
				w.Manifests["n1"] = Current{Manifest: next}
				if again := Schedule(w.Input).Manifests["n1"]; again != nil {
					t.Errorf("written again: %s", state.Encode(again))
				}
			}
		})
	}
}
