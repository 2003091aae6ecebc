package state

import (
	"slices"
	"testing"
)

func TestEntryOf(t *testing.T) {
	entry := &ManifestEntry{
		App: App{Name: "a", ToProcess: "v3", Start: true}, Count: 5, RestartToken: "t3", Owner: OwnerMaster,
		Previous: []Previous{
			{App: App{Name: "a", ToProcess: "v2"}, Count: 1, RestartToken: "t2"},
			{App: App{Name: "a", ToProcess: "v1"}, Count: 2},
		},
	}
	var got []string
	for n := range entry.Count {
		e := entry.Of(n)
		if e.Previous != nil || !e.App.Start || e.Owner != OwnerMaster {
			t.Errorf("instance %d: %+v", n, e)
		}
		got = append(got, e.App.ToProcess+e.RestartToken)
	}
	if want := []string{"v3t3", "v3t3", "v2t2", "v1", "v1"}; !slices.Equal(got, want) {
		t.Errorf("instances are %v, want %v", got, want)
	}
}
