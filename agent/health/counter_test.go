package health

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

func TestCounterReachesItsLimitExactlyOncePerSeries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		results := rapid.SliceOf(rapid.Bool()).Draw(t, "results")
		var c Counter
		row, passed := 0, false
		for _, ok := range results {
			next, reached := c.Next(ok, limit)
			if ok {
				row, passed = 0, true
			} else {
				row++
			}
			if next.Failures != row {
				t.Fatalf("failures = %d after %d in a row", next.Failures, row)
			}
			if reached != (row == limit) {
				t.Fatalf("reached = %v at failure %d of %d", reached, row, limit)
			}
			want := state.Health("")
			switch {
			case row >= limit:
				want = state.HealthUnhealthy
			case ok:
				want = state.HealthHealthy
			default:
				want = c.Verdict // not enough failures to change it
			}
			if next.Verdict != want {
				t.Fatalf("verdict %q, want %q", next.Verdict, want)
			}
			if !passed && next.Verdict == state.HealthHealthy {
				t.Fatal("healthy without ever passing")
			}
			c = next
		}
	})
}

func TestSum(t *testing.T) {
	unknown, healthy, unhealthy := Counter{}, Counter{Verdict: state.HealthHealthy}, Counter{Failures: 3, Verdict: state.HealthUnhealthy}
	for name, tt := range map[string]struct {
		counters []Counter
		want     state.Health
	}{
		"no checks":                           {nil, state.HealthUnknown},
		"before the first result":             {[]Counter{unknown}, state.HealthUnknown},
		"one of two has not run":              {[]Counter{healthy, unknown}, state.HealthUnknown},
		"all passed":                          {[]Counter{healthy, healthy}, state.HealthHealthy},
		"fails, but not often enough":         {[]Counter{healthy, {Failures: 2, Verdict: state.HealthHealthy}}, state.HealthHealthy},
		"failed from the start, not enough":   {[]Counter{healthy, {Failures: 1}}, state.HealthUnknown},
		"one is bad":                          {[]Counter{healthy, unhealthy, healthy}, state.HealthUnhealthy},
		"one is bad, another has not run yet": {[]Counter{unknown, unhealthy}, state.HealthUnhealthy},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Sum(tt.counters); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

var epoch = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

func TestScheduleOfTheSeed(t *testing.T) {
	s := NewSchedule(epoch, state.HealthCheck{InitialDelaySeconds: 60, IntervalSeconds: 20})
	at := func(sec float64) time.Time { return epoch.Add(time.Duration(sec * float64(time.Second))) }
	for name, tt := range map[string]struct {
		last time.Time
		want time.Time
	}{
		"first":                                  {time.Time{}, at(60)},
		"second":                                 {at(60), at(80)},
		"a run that began late does not drift":   {at(80.3), at(100)},
		"a timer that fired early does not skip": {at(79.999), at(100)},
		"missed by a suspend, back on the grid":  {at(3605), at(3620)},
		"late by most of an interval":            {at(3619), at(3640)},
		"before the first":                       {at(10), at(60)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := s.Next(tt.last); !got.Equal(tt.want) {
				t.Errorf("due %s after the start, want %s", got.Sub(epoch), tt.want.Sub(epoch))
			}
		})
	}
}

func TestScheduleLaws(t *testing.T) {
	duration := func(max time.Duration) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.Int64Range(0, int64(max)), func(n int64) time.Duration { return time.Duration(n) })
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{Start: epoch, Delay: duration(time.Hour).Draw(t, "delay"), Interval: duration(time.Hour).Draw(t, "interval")}
		every := max(s.Interval, minInterval)
		first := s.Next(time.Time{})
		if !first.Equal(epoch.Add(s.Delay)) {
			t.Fatalf("first run %s after the start, want %s", first.Sub(epoch), s.Delay)
		}
		late := rapid.SliceOfN(duration(10*time.Hour), 1, 20).Draw(t, "late")
		due := first
		for _, l := range late {
			last := due.Add(l)
			due = s.Next(last)
			if (due.Sub(first))%every != 0 {
				t.Fatalf("%s after the first is not on the grid of %s", due.Sub(first), every)
			}
			if gap := due.Sub(last); gap < every/2 || gap >= every/2+every {
				t.Fatalf("due %s after the last run, interval %s", gap, every)
			}
		}
	})
}

func TestScheduleOfAnAncientStartGoesOn(t *testing.T) {
	for _, start := range []time.Time{{}, epoch.AddDate(-300, 0, 0), epoch.AddDate(-293, 0, 0)} {
		s := Schedule{Start: start, Interval: time.Second}
		if next := s.Next(epoch); !next.After(epoch) || next.After(epoch.Add(2*time.Second)) {
			t.Errorf("start %s: next is %s after the last", start, next.Sub(epoch))
		}
	}
}

func TestSecondsOfDocuments(t *testing.T) {
	nan := 0.0
	nan /= nan
	for _, tt := range []struct {
		in   float64
		want time.Duration
	}{{0, 0}, {-1, 0}, {nan, 0}, {0.25, 250 * time.Millisecond}, {60, time.Minute}, {1e300, 366 * 24 * time.Hour}} {
		if got := seconds(tt.in); got != tt.want {
			t.Errorf("seconds(%v) = %s, want %s", tt.in, got, tt.want)
		}
	}
}
