package eventlog

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"stathub/state"
	"stathub/state/memstore"
)

// Who wants to know is given events at once, as they will be in the bucket, and each once.
func TestTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []state.Event
		store := memstore.New()
		l := New(Options{Writer: "m1", Store: store, Log: slog.New(slog.DiscardHandler), Told: func(all []state.Event) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, all...)
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		l.Add(state.Event{Kind: "a", Message: "before it runs"})
		go func() { defer close(done); l.Run(ctx) }()
		synctest.Wait()
		l.Add(state.Event{Kind: "b", Message: "while it runs"})
		synctest.Wait()
		mu.Lock()
		if len(told) != 2 || told[0].Kind != "a" || told[1].Kind != "b" || told[1].ID <= told[0].ID || told[0].Writer != "m1" {
			t.Errorf("told %+v", told)
		}
		mu.Unlock()
		for range store.List(ctx, "events/") {
			t.Error("it was in the bucket already")
		}
		cancel()
		<-done
		l.End(t.Context())
		var sent []string
		for e, err := range store.List(t.Context(), "events/") {
			if err != nil {
				t.Fatal(err)
			}
			sent = append(sent, e.Key)
		}
		if len(sent) != 1 || sent[0] != state.EventKey(told[0].At, "m1", told[0].ID) || len(told) != 2 {
			t.Errorf("sent %q, told %d", sent, len(told))
		}
	})
}
