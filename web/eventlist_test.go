package web

import (
	"math"
	"testing"
	"time"

	"stathub/state"
)

// Clocks may be wrong by any time that a document can hold, and pages be asked for any.
func TestHistogramOfTimesFarApart(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for name, test := range map[string]struct{ oldest, newest, since time.Time }{
		"from the first year":   {oldest: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), newest: now},
		"to the last year":      {oldest: now, newest: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		"all years":             {oldest: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), newest: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		"asked for since ever":  {oldest: now.Add(-time.Hour), newest: now, since: now.Add(math.MinInt64 + 1)},
		"asked for since soon":  {oldest: now.Add(-time.Hour), newest: now, since: now.Add(time.Hour)},
		"two hundred years old": {oldest: now.AddDate(-200, 0, 0), newest: now},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHistogram([]*state.Event{{At: test.newest, Count: math.MaxInt}, {At: test.oldest}}, test.since, now)
			if len(h.Bars) > maxBars+1 {
				t.Errorf("%d bars of %s", len(h.Bars), h.Step)
			}
			for _, b := range h.Bars {
				if b.Count < 0 || b.Height < 0 || b.Height > HistogramHeight || b.Y < 0 {
					t.Errorf("a bar of %+v", b)
				}
			}
		})
	}
}
