package journal

import (
	"fmt"
	"testing"
	"time"

	"stathub/state"
)

// events gives n new events as a writer in this process tells them, before they are in the bucket.
func (w *world) events(n int) (all []state.Event) {
	for range n {
		w.n++
		all = append(all, state.Event{ID: ulid(time.Now(), w.n), At: time.Now(), Writer: "m", Kind: "app.scaled", Message: fmt.Sprintf("event-%d.", w.n)})
	}
	return all
}

func (w *world) write(all []state.Event) (key string) {
	var lines []byte
	for i := range all {
		lines = append(lines, state.EncodeLine(&all[i])...)
	}
	key = state.EventKey(all[0].At, "m", all[0].ID)
	w.put(key, string(lines))
	return key
}

// What this process tells is found at once, once, and goes with its document.
func TestEarlyEvents(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		changed := 0
		defer w.run(Options{Changed: func() { changed++ }})()
		w.pass(time.Second)
		told := w.events(2)
		w.j.Tell(told)
		w.pass(0)
		w.want("*", "2 1")
		if changed != 1 {
			t.Errorf("pages heard of it %d times", changed)
		}
		w.pass(3 * time.Second)
		key := w.write(told)
		w.pass(2 * time.Second)
		w.want("*", "2 1")
		if err := w.store.Delete(t.Context(), key, ""); err != nil {
			t.Fatal(err)
		}
		w.pass(sweepEvery + time.Second)
		w.want("*", "")
	})
}

// What never reaches the bucket is not found for ever, and what the bucket had first is not found twice.
func TestEarlyEventsThatAreNotWritten(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		defer w.run(Options{})()
		w.pass(sweepEvery - time.Second)
		w.j.Tell(w.events(1))
		w.pass(2 * time.Second)
		w.want("*", "1") // it may be written yet, so a sweep leaves it
		late := w.events(1)
		w.write(late)
		w.pass(2 * time.Second)
		w.j.Tell(late)
		w.pass(time.Second)
		w.want("*", "2 1")
		w.pass(2 * sweepEvery)
		w.want("*", "2")
		w.j.Tell(w.events(maxEarly + 5))
		w.pass(0)
		if n := len(w.j.events); n != maxEarly+1 {
			t.Errorf("%d events are kept, want %d", n, maxEarly+1)
		}
	})
}
