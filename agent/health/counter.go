package health

import (
	"time"

	"stathub/state"
)

// Counter counts the failures in a row of one check. The zero value has seen no result.
//
// A check that passed keeps the verdict healthy until its maxConsecutiveFailures-th failure in a row, and one that is
// unhealthy keeps that until it passes.
type Counter struct {
	Failures int          // in a row
	Verdict  state.Health // "" counts as unknown
}

// Next gives the counter after one more result, and whether this very result was the limit-th failure in a row. A limit below
// 1 counts as 1.
func (c Counter) Next(ok bool, limit int) (next Counter, reached bool) {
	if ok {
		return Counter{Verdict: state.HealthHealthy}, false
	}
	limit = max(limit, 1)
	c.Failures++
	if c.Failures >= limit {
		c.Verdict = state.HealthUnhealthy
	}
	return c, c.Failures == limit
}

// Sum is the health of an instance with these checks: unhealthy as soon as one is, healthy when all are, otherwise unknown.
// Without checks it is unknown.
func Sum(counters []Counter) state.Health {
	healthy := 0
	for _, c := range counters {
		switch c.Verdict {
		case state.HealthUnhealthy:
			return state.HealthUnhealthy
		case state.HealthHealthy:
			healthy++
		}
	}
	if healthy == 0 || healthy < len(counters) {
		return state.HealthUnknown
	}
	return state.HealthHealthy
}

// minInterval keeps a check from keeping the machine busy by itself.
const minInterval = 10 * time.Millisecond

// Schedule says when a check is due: Delay after Start, then every Interval, on a grid that does not drift.
type Schedule struct {
	Start    time.Time     // of the process
	Delay    time.Duration // initialDelaySeconds
	Interval time.Duration // less than 10 ms counts as 10 ms
}

// NewSchedule makes the schedule of a check.
func NewSchedule(start time.Time, h state.HealthCheck) Schedule {
	return Schedule{Start: start, Delay: seconds(h.InitialDelaySeconds), Interval: seconds(h.IntervalSeconds)}
}

// Next gives the time of the run after the one that began at last; zero last: of the first one. It may have passed: then the
// run is due at once, and stands for all that were missed. Two runs are never closer than half an interval, so that one
// that came late is not followed by the next at once.
func (s Schedule) Next(last time.Time) time.Time {
	first := s.Start.Add(max(s.Delay, 0))
	if last.IsZero() {
		return first
	}
	every := max(s.Interval, minInterval)
	behind := last.Add(every / 2).Sub(first)
	if behind <= 0 {
		return first
	}
	steps := behind / every
	if behind%every != 0 {
		steps++
	}
	if next := first.Add(steps * every); next.After(last) {
		return next
	}
	return last.Add(every) // a start so long ago that durations cannot hold it
}

// seconds reads the seconds of a document; more than a year is a year, as state's check has it.
func seconds(s float64) time.Duration {
	const year = 366 * 24 * time.Hour
	if !(s > 0) {
		return 0
	}
	return time.Duration(min(s, year.Seconds()) * float64(time.Second))
}
