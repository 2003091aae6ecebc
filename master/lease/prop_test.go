package lease

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
	"stathub/state/memstore"
)

// step is something that happens to one of several masters, or to the lease.
type step struct {
	kind  string
	who   int
	pause time.Duration // that it lasts
	then  time.Duration // before the next one
}

var kinds = []string{"pause", "pause", "cut off", "lost answers", "slow", "kill", "stop", "nothing"}

// Whatever happens to masters, no two ever have the same term, terms only grow, and nobody leads beside another one: also
// while processes are paused at any moment of a request, answers are lost, wall clocks are days off and their own clocks
// run at slightly different speeds. With everything mended just one leads soon. Where people delete or replace the lease two
// may lead at one time for a moment, but in two terms.
func TestElectionsHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 4).Draw(rt, "masters")
		var skews []time.Duration
		var rates []float64
		for range n {
			skews = append(skews, time.Duration(rapid.IntRange(-48, 48).Draw(rt, "skew"))*time.Hour)
			rates = append(rates, rapid.Float64Range(0.95, 1.05).Draw(rt, "rate"))
		}
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				kind: rapid.SampledFrom(kinds).Draw(rt, "kind"), who: rapid.IntRange(0, n-1).Draw(rt, "who"),
				pause: time.Duration(rapid.IntRange(0, 30_000).Draw(rt, "pause")) * time.Millisecond,
				then:  time.Duration(rapid.IntRange(0, 15_000).Draw(rt, "then")) * time.Millisecond,
			}
		}), 1, 30).Draw(rt, "steps")
		tamper := rapid.Bool().Draw(rt, "tamper")
		var bad string
		synctest.Test(t, func(t *testing.T) { bad = elections(t, skews, rates, steps, tamper) })
		if bad != "" {
			rt.Fatal(bad)
		}
	})
}

// elections plays the steps, and says what law was broken.
func elections(t *testing.T, skews []time.Duration, rates []float64, steps []step, tamper bool) (bad string) {
	w := &world{t: t, store: memstore.New()}
	defer w.end()
	j := &referee{holders: map[int64]*candidate{}}
	join := func(i int) *candidate {
		return w.join(fmt.Sprintf("m%d", i), func(c *candidate, o *Options) {
			c.skew, c.rate = skews[i], rates[i]
			o.Jitter = func() float64 { return float64(i) / float64(len(skews)) }
			o.Known = func() (int64, bool) { return j.highest.Load(), true } // from the manifests that leaders write
		})
	}
	now := make([]*candidate, len(skews))
	for i := range now {
		now[i] = join(i)
	}
	pass := func(d time.Duration) {
		for ; d >= 0 && bad == ""; d -= 50 * time.Millisecond {
			w.wait(50 * time.Millisecond)
			bad = j.look(w.all)
		}
	}
	for k, s := range steps {
		c := now[s.who]
		switch s.kind {
		case "pause":
			c.link.set(pauseUntil(time.Now().Add(s.pause)))
		case "cut off":
			c.link.set(failUntil(time.Now().Add(s.pause), "get", "put"))
		case "lost answers":
			c.link.set(failUntil(time.Now().Add(s.pause), "wrote"))
		case "slow":
			c.link.set(func(string) error { time.Sleep(s.pause / 10); return nil })
		case "kill":
			c.kill()
			now[s.who] = join(s.who)
		case "stop":
			c.stop()
			now[s.who] = join(s.who)
		}
		if tamper && k%5 == 4 {
			j.tampered = true
			w.tamper(k)
		}
		if pass(s.then); bad != "" {
			return bad
		}
	}
	for _, c := range now {
		c.link.set(nil)
	}
	if pass(40 * time.Second); bad != "" { // the longest pause, and a takeover
		return bad
	}
	leaders := 0
	for _, c := range now {
		if _, leads := c.Lead(); leads {
			leaders++
		}
	}
	if leaders != 1 {
		return fmt.Sprintf("%d lead in the end", leaders)
	}
	return ""
}

// tamper does to the lease what people may do.
func (w *world) tamper(k int) {
	switch k % 3 {
	case 0:
		_ = w.store.Delete(context.Background(), Key, "") // it may be gone already
	case 1:
		_, _ = state.Write(context.Background(), w.store, Key, []byte("{"), state.Condition{})
	default:
		_, _ = state.Write(context.Background(), w.store, Key, []byte(`{"holder": "x", "term": 1}`), state.Condition{})
	}
}

// pauseUntil stops a process at its next step.
func pauseUntil(end time.Time) func(string) error {
	return func(string) error { time.Sleep(time.Until(end)); return nil }
}

func failUntil(end time.Time, ops ...string) func(string) error {
	return func(op string) error {
		for _, bad := range ops {
			if op == bad && time.Now().Before(end) {
				return errors.New("a fault")
			}
		}
		return nil
	}
}

// referee looks at who leads.
type referee struct {
	holders  map[int64]*candidate // who ever held a term
	highest  atomic.Int64         // in which somebody led
	tampered bool
}

func (j *referee) look(all []*candidate) string {
	leaders := 0
	for _, c := range all {
		term, leads := c.Lead()
		if term == 0 {
			continue
		}
		if other := j.holders[term]; other != nil && other != c {
			return fmt.Sprintf("%s and %s both have term %d", other.me.name, c.me.name, term)
		}
		j.holders[term] = c
		if !leads {
			continue
		}
		if leaders++; !j.tampered && term < j.highest.Load() {
			return fmt.Sprintf("%s leads in term %d after one of term %d did", c.me.name, term, j.highest.Load())
		}
		j.highest.Store(max(j.highest.Load(), term))
	}
	if leaders > 1 && !j.tampered {
		return fmt.Sprintf("%d lead at one time", leaders)
	}
	return ""
}
