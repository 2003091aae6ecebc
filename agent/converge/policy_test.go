package converge

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

// Whatever an app asks for: a restart never comes sooner after one more failure, the wait at most doubles or goes up to
// the first step, it stays below the longest (but for the floor that keeps from a busy loop), and it never gives up.
func TestBackoffLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wait := func(name string) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, name))
		}
		p := Policy{Restart: state.RestartAlways, First: wait("first"), Longest: wait("longest")}
		if got := p.delay(1, true); got != min(p.First, p.Longest) {
			t.Fatalf("the first restart waits %s", got)
		}
		started := rapid.Bool().Draw(t, "started")
		floor := max(p.Longest, floorDelay)
		if !started {
			floor = max(floor, secondDelay)
		}
		before := p.delay(1, started)
		for failures := 2; failures < 80; failures++ {
			d := p.delay(failures, started)
			switch {
			case d < before:
				t.Fatalf("failure %d waits %s, less than the %s before", failures, d, before)
			case d > max(2*before, secondDelay):
				t.Fatalf("failure %d waits %s, more than twice the %s before", failures, d, before)
			case d > floor:
				t.Fatalf("failure %d waits %s, longer than %s", failures, d, floor)
			case d < floorDelay:
				t.Fatalf("failure %d waits %s: a busy loop", failures, d)
			}
			before = d
		}
		if before < p.Longest {
			t.Fatalf("after many failures it waits %s, not the longest %s", before, p.Longest)
		}
	})
}

// What ran well counts as new: the next failure is the first one again.
func TestFailuresStartAnewAfterGoodRunning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.IntRange(0, 1_000_000).Draw(t, "before")
		ran := time.Duration(rapid.Int64Range(0, int64(3*state.GoodRunning)).Draw(t, "ran"))
		want := before + 1
		if ran >= state.GoodRunning {
			want = 1
		}
		if got := Failures(before, ran); got != want {
			t.Fatalf("%d failures after %s, then %d", before, ran, got)
		}
	})
}
