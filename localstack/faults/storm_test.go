package faults

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The same seed gives the same faults, at the same times, and at the end all is mended.
func TestStormIsDecidedByItsSeed(t *testing.T) {
	play := func(t *testing.T, seed uint64) (did [2][]Fault, said int) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var a, b breaker
			told := make(chan Fault, 1000)
			s := Storm{
				Targets: []Target{{"a", &a}, {"b", &b}}, Fault: time.Second, Calm: time.Second, Seed: seed,
				Say: func(_ string, f Fault) { told <- f },
			}
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
			did, said = [2][]Fault{a.did, b.did}, len(told)
		})
		return did, said
	}
	first, said := play(t, 7)
	again, _ := play(t, 7)
	other, _ := play(t, 8)
	for i := range first {
		if !slices.Equal(first[i], again[i]) || slices.Equal(first[i], other[i]) {
			t.Errorf("target %d: %v, again %v, another seed %v", i, first[i], again[i], other[i])
		}
		if n := len(first[i]); n < 30 || n > 120 || first[i][n-1] != "" {
			t.Errorf("target %d: %v in a minute", i, first[i])
		}
	}
	if slices.Equal(first[0], first[1]) {
		t.Error("both targets have the same faults")
	}
	if want := len(first[0]) + len(first[1]); said < want-2 || said > want {
		t.Errorf("%d of %d were told", said, want)
	}
}
