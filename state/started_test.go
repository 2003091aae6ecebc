package state

import (
	"strings"
	"testing"
)

// An entry runs unless it says otherwise, and it still says the same after it was written back.
func TestEntryIsStartedUnlessItSaysOtherwise(t *testing.T) {
	for text, want := range map[string]int{
		`{"apps":[{"app":{"name":"a","toProcess":"x"},"count":3}]}`:               3,
		`{"apps":[{"app":{"name":"a","toProcess":"x","start":true},"count":3}]}`:  3,
		`{"apps":[{"app":{"name":"a","toProcess":"x","start":false},"count":3}]}`: 0,
	} {
		for range 2 {
			m, err := Decode[Manifest]("manifests/n.json", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Apps[0].Instances(); got != want || m.Apps[0].Count != 3 {
				t.Errorf("%s: %d of %d instances, want %d", text, got, m.Apps[0].Count, want)
			}
			text = string(Encode(m))
		}
	}
	app, err := Decode[App]("apps/a.json", []byte(`{"name":"a","toProcess":"x"}`))
	if err != nil || app.Start || !strings.Contains(string(Encode(app)), `"start": false`) {
		t.Errorf("an app is not started before somebody says so: %+v, %v", app, err)
	}
}
