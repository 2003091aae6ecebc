package storetest

import (
	"context"
	"testing"
	"time"

	"stathub/state"
)

// drained waits until the channel is closed, whatever still comes out of it.
func drained(t *testing.T, hints <-chan struct{}) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case _, open := <-hints:
			if !open {
				return
			}
		case <-deadline:
			t.Fatal("the channel of Watch is still open 10 s after its context ended")
		}
	}
}

func (s suite) watchCloses(t *testing.T) {
	st := s.open(t)
	for _, prefix := range []string{"", "apps/", "apps/a", "none/none/"} {
		ctx, cancel := context.WithCancel(t.Context())
		hints := st.Watch(ctx, prefix)
		if hints == nil {
			t.Fatal("Watch gave no channel")
		}
		for range 50 { // nobody listens: writers must not wait for it
			put(t, st, "apps/a.json", "text")
		}
		cancel()
		drained(t, hints)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	drained(t, st.Watch(ctx, "apps/"))
}

func (s suite) watchHints(t *testing.T) {
	if !s.Hints {
		t.Skip("this store promises no hints")
	}
	all := s.openShared(t, 2)
	writer, reader := all[0], all[1]
	for _, prefix := range []string{"", "apps/", "apps/web", "new/deep/"} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			hints := reader.Watch(ctx, prefix)
			defer drained(t, hints)
			defer cancel()
			key := prefix + "web.json"
			for what, change := range map[string]func(){
				"a new document": func() { put(t, writer, key, "one") },
				"a new revision": func() { put(t, writer, key, "two") },
				"a sub-folder":   func() { put(t, writer, prefix+"sub/folder/x", "one") },
				"a deletion": func() {
					put(t, writer, prefix+"gone", "x")
					waitHint(t, hints, s.HintWithin, "the document to delete")
					settle(hints)
					if err := writer.Delete(t.Context(), prefix+"gone", ""); err != nil {
						t.Error(err)
					}
				},
			} {
				settle(hints)
				change()
				waitHint(t, hints, s.HintWithin, what)
			}
			put(t, writer, prefix+"sub/folder/x", "two")
			waitHint(t, hints, s.HintWithin, "a document in a sub-folder that came later")
		})
	}
	unheard(t, reader, writer)
}

// unheard: two watchers, one of which never listens, do not disturb each other.
func unheard(t *testing.T, reader, writer state.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	deaf, hears := reader.Watch(ctx, "x/"), reader.Watch(ctx, "x/")
	defer drained(t, deaf)
	defer drained(t, hears)
	defer cancel()
	for range 3 {
		put(t, writer, "x/y", "text")
		waitHint(t, hears, 10*time.Second, "a change beside a watcher that does not listen")
	}
}

func waitHint(t *testing.T, hints <-chan struct{}, within time.Duration, what string) {
	t.Helper()
	select {
	case _, open := <-hints:
		if !open {
			t.Fatalf("Watch closed its channel while waiting for %s", what)
		}
	case <-time.After(within):
		t.Fatalf("no hint within %v after %s", within, what)
	}
}

// settle takes the hint that may still be there from an earlier change. A later one may yet arrive: hints are only
// promised to come, so the tests never count them.
func settle(hints <-chan struct{}) {
	select {
	case <-hints:
	default:
	}
}
