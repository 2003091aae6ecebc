package dirstore

import (
	"context"
	"testing"
	"time"

	"stathub/state"
)

// Watches beyond what the operating system may be asked for give no hints, end as others do, and leave room when they end.
func TestManyWatches(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var all []<-chan struct{}
	for range 3 * maxNotified {
		all = append(all, s.Watch(ctx, "apps/"))
	}
	if len(s.places) > maxNotified {
		t.Errorf("%d watches ask the operating system", len(s.places))
	}
	cancel()
	for _, hints := range all {
		for open := true; open; {
			select {
			case _, open = <-hints:
			case <-time.After(time.Minute):
				t.Fatal("a watch does not end")
			}
		}
	}
	if len(s.places) != 0 {
		t.Errorf("%d places are still taken", len(s.places))
	}
	if later := s.Watch(t.Context(), "apps/"); len(s.places) == 1 { // else the system gives none at all
		if _, err := state.Write(t.Context(), s, "apps/a.json", []byte("{}"), state.Condition{}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-later:
		case <-time.After(time.Minute):
			t.Error("there is no hint any more")
		}
	}
}
