package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// running runs a Log of node n in a synctest bubble; stop ends it.
func running(t *testing.T, store state.Store) (l *Log, stop func()) {
	l = newLog(t.TempDir(), store)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	return l, func() { cancel(); <-done }
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestBatching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		l, stop := running(t, store)
		defer stop()
		pass(time.Hour)
		if n := store.Counts()["put"]; n != 0 {
			t.Errorf("%d writes while nothing happened", n)
		}
		numbered(l, 0, 1)
		pass(sendQuiet - time.Second/10)
		if _, n := stored(t, store); n != 0 {
			t.Error("it is sent at once, though more may come")
		}
		pass(time.Second / 5)
		if _, n := stored(t, store); n != 1 {
			t.Errorf("%d documents after some quiet, want 1", n)
		}
		pass(time.Minute)
		before := store.Counts()["put"]
		for n := range 60 { // once a second for a minute
			numbered(l, 1+n, 2+n)
			pass(time.Second)
		}
		pass(10 * time.Second)
		if n := store.Counts()["put"] - before; n < 10 || n > 15 {
			t.Errorf("%d writes in a minute in which something happened each second", n)
		}
		if all, _ := stored(t, store); len(all) != 61 {
			t.Errorf("%d events in the bucket, want 61", len(all))
		}
	})
}

func TestBucketAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		store.Fail(func(op, _ string) error { return errors.New("no route to host") })
		l, stop := running(t, store)
		defer stop()
		for n := range 60 {
			numbered(l, 20*n, 20*n+20)
			pass(time.Minute)
		}
		if n := store.Counts()["put"]; n > 120 {
			t.Errorf("%d tries in an hour without a bucket", n)
		}
		store.Fail(nil)
		l.Back()
		pass(15 * time.Second)
		all, documents := stored(t, store)
		if len(all) != 1200 || documents != 5 {
			t.Errorf("%d events in %d documents, want 1200 in 5", len(all), documents)
		}
		for n, e := range all {
			if e.Message != fmt.Sprint(n) {
				t.Fatalf("event %d is %q", n, e.Message)
			}
		}
	})
}

func TestCrashLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		l, stop := running(t, store)
		for range 36_000 { // ten times a second for an hour
			l.Add(state.Event{Kind: exited, App: "a", Instance: "n/a.0", Message: "exit code 1"})
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		l.Add(state.Event{Kind: exited, App: "a", Instance: "n/a.1", Message: "exit code 2"})
		stop()
		l.End(t.Context())
		all, documents := stored(t, store)
		if documents > 20 {
			t.Errorf("%d documents of an hour of crashes", documents)
		}
		total := 0
		for _, e := range all {
			if e.Instance == "n/a.0" {
				total += max(1, e.Count)
			}
		}
		if total != 36_000 || all[0].Message != "exit code 1" || !strings.HasSuffix(all[3].Message, " times in the last 5 minutes") {
			t.Errorf("%d exits told, the first %q, the fourth %q", total, all[0].Message, all[3].Message)
		}
		if last := all[len(all)-1]; last.Instance != "n/a.0" && last.Message != "exit code 2" {
			t.Errorf("the last is %+v", last)
		}
	})
}

// A topic that was quiet for a whole window is told at once again, and nothing is kept of it.
func TestFoldEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		l, stop := running(t, store)
		defer stop()
		event := state.Event{Kind: exited, App: "a", Instance: "n/a.0", Message: "exit code 1"}
		for range 5 {
			l.Add(event)
		}
		pass(11 * time.Minute)
		l.mu.Lock()
		open := len(l.folds.of)
		l.mu.Unlock()
		if all, _ := stored(t, store); len(all) != 4 || all[3].Count != 2 || open != 0 {
			t.Errorf("%v, %d topics open", messages(all), open)
		}
		if !l.Add(event) {
			t.Error("an event after a long quiet is not told at once")
		}
	})
}

// Steps are told one by one, until there are so many that nobody makes them by hand.
func TestStepsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		l, stop := running(t, store)
		defer stop()
		l.folds.step = func(kind string) bool { return kind == "app.changed" }
		for n := range foldStepsAfter + 10 {
			if told := l.Add(state.Event{Kind: "app.changed", App: "a", Message: fmt.Sprint(n)}); told != (n < foldStepsAfter) {
				t.Errorf("step %d told: %v", n, told)
			}
		}
		pass(6 * time.Minute)
		all, _ := stored(t, store)
		if last := all[len(all)-1]; len(all) != foldStepsAfter+1 || last.Count != 10 {
			t.Errorf("%d events, the last %+v", len(all), last)
		}
	})
}

// What a batch that is refused says does not come up again and again.
func TestForeignDocument(t *testing.T) {
	store := memstore.New()
	l := newLog(t.TempDir(), store)
	l.load()
	numbered(l, 0, 2)
	l.waiting()
	first, _ := parseULID(l.queue.entries[0].id)
	key := state.EventKey(first.time(), "n", l.queue.entries[0].id)
	if _, err := state.Write(t.Context(), store, key, []byte("garbage\n"), state.Condition{}); err != nil {
		t.Fatal(err)
	}
	if err := l.sendBatch(t.Context()); err != nil || l.waiting() {
		t.Errorf("%v; it waits: %v", err, l.waiting())
	}
}
