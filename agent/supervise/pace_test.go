package supervise

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
	"stathub/state/memstore"
)

func TestPace(t *testing.T) {
	at := func(d time.Duration) time.Time { return time.Unix(1e9, 0).Add(d) }
	const minute = time.Minute
	for _, tt := range []struct {
		name          string
		pace          pace
		changed, hint time.Duration // ago; hint 0: never
		want          time.Duration
	}{
		{"a directory", pace{poll: 2 * time.Second}, 24 * time.Hour, 0, 2 * time.Second},
		{"a bucket, just changed", pace{poll: 5 * time.Second, costly: true}, time.Second, 0, 5 * time.Second},
		{"a bucket, changed ten minutes ago", pace{poll: 5 * time.Second, costly: true}, 10 * minute, 0, 5 * time.Second},
		{"a bucket, half way", pace{poll: 5 * time.Second, costly: true}, 30 * minute, 0, 15 * time.Second},
		{"a bucket, quiet", pace{poll: 5 * time.Second, costly: true}, 24 * time.Hour, 0, 30 * time.Second},
		{"a bucket, quiet, a hint", pace{poll: 5 * time.Second, costly: true}, 24 * time.Hour, minute, 5 * time.Second},
		{"with hints", pace{poll: 5 * time.Second, costly: true, hinted: true}, time.Second, 0, minute},
		{"a hint that is not seen to be true yet", pace{poll: 5 * time.Second, costly: true, hinted: true}, time.Hour, minute, 5 * time.Second},
		{"one that never was", pace{poll: 5 * time.Second, costly: true, hinted: true}, time.Hour, 3 * minute, minute},
		{"a hint that was true", pace{poll: 5 * time.Second, hinted: true}, time.Second, 2 * time.Second, minute},
		{"rare by order", pace{poll: 5 * minute, hinted: true}, time.Second, 0, 5 * minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var hint time.Time
			if tt.hint > 0 {
				hint = at(-tt.hint)
			}
			if got := tt.pace.next(at(0), at(-tt.changed), hint); got != tt.want {
				t.Errorf("waits %v, want %v", got, tt.want)
			}
		})
	}
}

// Looks become rarer the longer nothing happens, within bounds; whatever happens makes them frequent again.
func TestPaceLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := func(name string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, name))
		}
		p := pace{
			poll: time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(time.Hour)).Draw(t, "poll")), costly: rapid.Bool().Draw(t, "costly"),
			hinted: rapid.Bool().Draw(t, "hinted"),
		}
		changed := time.Unix(1e9, 0)
		var hint time.Time
		if rapid.Bool().Draw(t, "hint") {
			hint = changed.Add(span("hint after") - 50*time.Hour)
		}
		now := changed.Add(span("now"))
		wait := p.next(now, changed, hint)
		if wait < p.poll || wait > max(slowest*p.poll, safetyNet) {
			t.Fatalf("waits %v", wait)
		}
		if !p.hinted {
			if later := p.next(now.Add(span("more")), changed, hint); later < wait {
				t.Fatalf("waits %v, and %v later", wait, later)
			}
			if got := p.next(now, now, hint); got != p.poll {
				t.Fatalf("waits %v after a change", got)
			}
			if got := p.next(now, changed, now); got != p.poll {
				t.Fatalf("waits %v after a hint", got)
			}
		}
	})
}

// holding is a memstore that holds answers back, as a gateway does.
type holding struct {
	*memstore.Store
	full bool // it holds nothing back for now
}

func (h *holding) CanWait() bool { return true }

func (h *holding) Get(ctx context.Context, key string, etag state.ETag) (*state.Object, error) {
	o, err := h.Store.Get(ctx, key, etag)
	if state.CodeOf(err) != state.NotModified || state.WaitOf(ctx) == 0 || h.full {
		return o, err
	}
	timed, cancel := context.WithTimeout(ctx, state.WaitOf(ctx))
	defer cancel()
	select {
	case <-h.Watch(timed, key):
	case <-timed.Done():
	}
	return h.Store.Get(ctx, key, etag)
}

// sometimes is a memstore of which a test says how it is reached. It gives no hints of its own.
type sometimes struct {
	*memstore.Store
	costly  bool
	hinting bool
	hints   chan struct{}
}

func (s *sometimes) Costly() bool  { return s.costly }
func (s *sometimes) Hinting() bool { return s.hinting }

func (s *sometimes) Watch(context.Context, string) <-chan struct{} { return s.hints }

// A store that holds answers back costs two requests a minute, and a change arrives at once.
func TestHeldAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.opts.Store, n.opts.Heartbeat = &holding{Store: n.store}, time.Hour
		n.start()
		defer func() { n.stop() }()
		n.manifest(two) // the first one: nothing holds an answer back for it
		n.wantRunning("n/a.0", "n/a.1")
		time.Sleep(time.Minute)
		before := n.store.Counts()["get"]
		time.Sleep(10 * time.Minute)
		// Two each: the memstore's answer at the end of the wait is a request of its own here; and the report's look.
		if gets := n.store.Counts()["get"] - before; gets > 2*20+10+2 {
			t.Errorf("10 idle minutes cost %d gets", gets)
		}
		time.Sleep(7 * time.Second)
		put(t, n, onlyA)
		synctest.Wait()
		time.Sleep(heldFloor)
		synctest.Wait()
		n.wantRunning("n/a.0")
	})
}

func put(t *testing.T, n *node, manifest string) {
	t.Helper()
	if _, err := state.Write(t.Context(), n.store, "manifests/n.json", []byte(manifest), state.Condition{}); err != nil {
		t.Fatal(err)
	}
}

// A store that holds nothing back after all is polled as any other.
func TestAnswersThatAreNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.opts.Store, n.opts.Heartbeat = &holding{Store: n.store, full: true}, time.Hour
		n.start()
		defer func() { n.stop() }()
		n.manifest(two)
		time.Sleep(time.Minute)
		before := n.store.Counts()["get"]
		time.Sleep(10 * time.Minute)
		if gets := n.store.Counts()["get"] - before; gets > 310+10 {
			t.Errorf("10 idle minutes cost %d gets", gets)
		}
		put(t, n, onlyA)
		time.Sleep(3 * time.Second)
		n.wantRunning("n/a.0")
	})
}

// What polls cost follows what happens.
func TestPollsOfABucketThatIsPaidFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		s := &sometimes{Store: n.store, costly: true, hints: make(chan struct{}, 1)}
		n.opts.Store, n.opts.Heartbeat, n.opts.Poll = s, time.Hour, 5*time.Second
		n.start()
		defer func() { n.stop() }()
		put(t, n, two)
		gets := func(d time.Duration) int {
			before := n.store.Counts()["get"]
			time.Sleep(d)
			synctest.Wait()
			return n.store.Counts()["get"] - before
		}
		within := func(what string, got, least, most int) {
			t.Helper()
			if got < least || got > most {
				t.Errorf("%s: %d gets, want %d to %d", what, got, least, most)
			}
			t.Log(what, got)
		}
		within("10 minutes after a change", gets(9*time.Minute), 100, 112)
		gets(time.Hour)
		within("10 quiet minutes", gets(10*time.Minute), 19, 24)
		s.hinting = true
		s.hints <- struct{}{}
		gets(hintPatience + time.Minute)
		within("10 minutes with hints", gets(10*time.Minute), 9, 14)
		put(t, n, onlyA)
		s.hints <- struct{}{}
		n.settle()
		n.wantRunning("n/a.0")
	})
}
