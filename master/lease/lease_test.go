package lease

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
)

func TestFirstMasterLeadsAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.join("a")
		w.leads(a, 1)
		if l, _ := w.lease(); l.Holder != "a" || l.Address != "http://a" || l.Term != 1 || l.Expiry.Before(time.Now()) {
			t.Errorf("the lease is %+v", l)
		}
		b := w.join("b")
		w.wait(5 * time.Minute)
		w.leads(a, 1)
		if s := b.Status(); s.Leader.Holder != "a" || s.Leader.Address != "http://a" || s.Note != "" {
			t.Errorf("the follower says %+v", s)
		}
	})
}

func TestTakeoverAfterAKill(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.join("a"), w.join("b")
		w.wait(time.Minute)
		changed := b.Changed()
		a.kill()
		w.wait(6 * time.Second)
		w.nobody()
		if s := b.Status(); !strings.Contains(s.Note, "master a was not heard of for") {
			t.Errorf("it says %q", s.Note)
		}
		w.wait(6500 * time.Millisecond)
		w.leads(b, 2)
		select {
		case <-changed:
		default:
			t.Error("nobody was told")
		}
		c := w.join("a") // of the same name
		w.wait(20 * time.Second)
		w.leads(b, 2)
		b.kill()
		w.wait(12500 * time.Millisecond)
		w.leads(c, 3)
	})
}

func TestTakeoverAfterACleanStop(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.join("a"), w.join("b")
		w.wait(time.Minute)
		a.stop()
		w.wait(1500 * time.Millisecond)
		w.leads(b, 2)
		b.stop()
		if l, _ := w.lease(); l.Holder != "" || l.Term != 2 {
			t.Errorf("the lease is %+v", l)
		}
		w.leads(w.join("c"), 3)
	})
}

// A write that is under way when a leader stops must not bring its lease back.
func TestStopDuringAWrite(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.join("a")
		a.link.set(func(op string) error {
			if op == "wrote" {
				time.Sleep(time.Second)
				return errors.New("the answer is lost")
			}
			return nil
		})
		w.wait(3200 * time.Millisecond)
		a.stop()
		if _, leads := a.Lead(); leads {
			t.Error("it leads after its end")
		}
		b := w.join("b")
		w.wait(ttl + 2*time.Second)
		w.leads(b, 2)
	})
}

// A leader that is stopped from outside (SIGSTOP) does not lead when it wakes, not even before it does anything.
func TestPausedLeader(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.join("a"), w.join("b")
		wake := make(chan struct{})
		a.link.set(func(string) error { <-wake; return nil })
		w.wait(20 * time.Second)
		w.leads(b, 2)
		close(wake)
		w.leads(b, 2)
		w.wait(time.Minute)
		w.leads(b, 2)
		if s := a.Status(); s.Leader.Holder != "b" {
			t.Errorf("the old leader says %+v", s)
		}
	})
}

// The answer to a write comes when the time that it gives is long over.
func TestAnswerThatComesLate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.join("a")
		late := make(chan struct{})
		a.link.set(func(op string) error {
			if op == "wrote" {
				<-late
			}
			return nil
		})
		w.wait(9 * time.Second)
		w.nobody()
		a.link.set(func(op string) error { time.Sleep(time.Second); return nil })
		close(late)
		w.wait(100 * time.Millisecond)
		w.nobody()
		a.link.set(nil)
		w.wait(5 * time.Second)
		w.leads(a, 2)
	})
}

func TestLostAnswers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.join("a"), w.join("b")
		n := 0
		a.link.set(func(op string) error {
			if op == "wrote" {
				if n++; n%3 != 0 {
					return errors.New("the answer is lost")
				}
			}
			return nil
		})
		for range 100 {
			w.wait(time.Second)
			w.leads(a, 1)
		}
		if b.Status().Leader.Holder != "a" {
			t.Errorf("%+v", b.Status())
		}
	})
}

// Where the bucket is away for everybody nobody leads, and afterwards one does, in a new term.
func TestOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.join("a")
		w.join("b")
		w.store.Fail(func(string, string) error { return errors.New("out of reach") })
		w.wait(time.Minute)
		w.nobody()
		if s := a.Status(); !strings.Contains(s.Note, "out of reach") {
			t.Errorf("it says %q", s.Note)
		}
		if term, _ := a.Lead(); term != 1 {
			t.Errorf("it holds term %d", term)
		}
		w.store.Fail(nil)
		w.wait(time.Second)
		term, leads := a.Lead()
		if other, too := w.all[1].Lead(); leads == too || leads && term != 2 || too && other != 2 {
			t.Errorf("a leads: %v in %d; b: %v in %d", leads, term, too, other)
		}
	})
}

// What failed once is no note any more when the next look succeeds, though it finds nothing new.
func TestTroubleIsOver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.join("a"), w.join("b")
		w.wait(time.Minute)
		a.kill() // the lease stays as it is for a while
		b.link.set(func(string) error { return errors.New("out of reach") })
		w.wait(2 * time.Second)
		if note := b.Status().Note; !strings.Contains(note, "out of reach") {
			t.Errorf("it says %q", note)
		}
		b.link.set(nil)
		w.wait(3 * time.Second)
		if note := b.Status().Note; strings.Contains(note, "out of reach") {
			t.Errorf("it still says %q", note)
		}
	})
}

func TestWhatPeopleDoToTheLease(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.join("a"), w.join("b")
		w.wait(10 * time.Second)

		if err := w.store.Delete(t.Context(), Key, ""); err != nil {
			t.Fatal(err)
		}
		w.wait(4 * time.Second)
		w.leads(a, 2) // it had it, and writes it again

		_, old := w.lease()
		w.put(`{"holder": "a", "ter`)
		w.wait(4 * time.Second)
		w.leads(a, 3)

		l, _ := w.lease()
		l.Address = "http://edited"
		w.put(string(state.Encode(l)))
		w.wait(4 * time.Second)
		w.leads(a, 3)

		w.put(old) // of term 2
		w.wait(4 * time.Second)
		w.leads(a, 4)

		w.put(`{"holder": "nobody-here", "term": 9, "note": "kept"}`)
		w.wait(4 * time.Second)
		w.nobody()
		w.wait(10 * time.Second)
		term, leads := a.Lead()
		other, too := b.Lead()
		if leads == too || max(term, other) != 10 {
			t.Fatalf("a leads: %v in %d; b: %v in %d", leads, term, too, other)
		}
		if _, text := w.lease(); !strings.Contains(text, `"note": "kept"`) {
			t.Errorf("what somebody wrote into it is lost: %s", text)
		}

		w.put(`{"holder": "", "term": 10}`) // whoever leads has to let go, and one takes it at once
		w.wait(4 * time.Second)
		if l, _ := w.lease(); l.Term != 11 || l.Holder == "" {
			t.Errorf("the lease is %+v", l)
		}
		w.put(`{"holder": "x", "term": 9223372036854775807}`)
		w.wait(15 * time.Second)
		if l, _ := w.lease(); l.Term != 12 {
			t.Errorf("the lease is %+v", l)
		}
	})
}

// The bucket is replaced by an old copy while nobody leads: the next term is higher than any that was.
func TestOldCopyOfTheLease(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.join("a")
		_, old := w.lease()
		b := w.join("b")
		a.kill()
		w.wait(13 * time.Second)
		w.leads(b, 2)
		c := w.join("c")
		b.link.set(func(string) error { return errors.New("out of reach") })
		w.wait(time.Second)
		w.put(old)
		w.wait(15 * time.Second)
		w.leads(c, 3)
		b.link.set(nil)
		w.wait(10 * time.Second)
		w.leads(c, 3)
	})
}

// A leader takes a higher term when the bucket turns out to know of one: agents would refuse the lower one.
func TestHigherTermIsKnown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var known atomic.Int64
		var read atomic.Bool
		with := func(_ *candidate, o *Options) { o.Known = func() (int64, bool) { return known.Load(), read.Load() } }
		a := w.join("a", with)
		w.wait(time.Minute)
		w.nobody()
		if gets := w.store.Counts()["get"]; gets > 0 {
			t.Errorf("%d requests before the bucket was read", gets)
		}
		read.Store(true)
		w.wait(time.Second)
		w.leads(a, 1)
		known.Store(1) // what it writes itself
		w.wait(time.Minute)
		w.leads(a, 1)
		known.Store(7)
		w.wait(4 * time.Second)
		w.leads(a, 8)
	})
}

// Wall clocks mean nothing, and a lease says when it was written for people only.
func TestClocksThatAreOff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.join("a", func(c *candidate, _ *Options) { c.skew = -24 * time.Hour })
		b := w.join("b", func(c *candidate, _ *Options) { c.skew = 24 * time.Hour })
		w.wait(10 * time.Minute)
		w.leads(a, 1)
		a.kill()
		w.wait(13 * time.Second)
		w.leads(b, 2)
	})
}

// A bucket that costs money is asked no more than need be.
func TestRequestsOfAnIdleMinute(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.join("a")
		before := w.store.Counts()
		w.wait(time.Minute)
		after := w.store.Counts()
		if gets, puts := after["get"]-before["get"], after["put"]-before["put"]; gets != 0 || puts < 20 || puts > 30 {
			t.Errorf("a leader alone made %d gets and %d puts", gets, puts)
		}
		w.join("b")
		before = w.store.Counts()
		w.wait(time.Minute)
		after = w.store.Counts()
		if gets := after["get"] - before["get"]; gets > 110 { // one for each look, and each hint
			t.Errorf("with a follower there were %d gets", gets)
		}
	})
}
