// Package schedule works out when a scheduled job is to run: pure functions of the schedule, of what is dealt with, and of
// now. Times are those of the wall clock; a monotonic reading in them is ignored.
package schedule

import (
	"cmp"
	"fmt"
	"math/bits"
	"time"

	"github.com/robfig/cron/v3"

	"stathub/state"
)

// Schedule is a state.Schedule, made ready. It never changes.
type Schedule struct {
	text  string
	zone  string
	place *time.Location
	times cron.Schedule // in wall clock time, written as UTC
	span  bool          // it asks for a span from one time to the next, whatever the clock shows
	each  bool          // it asks for every hour
}

// New makes a schedule ready. An error is one that state.Decode would have found.
func New(from *state.Schedule) (*Schedule, error) {
	place, err := time.LoadLocation(from.Timezone)
	if err != nil {
		return nil, fmt.Errorf("cannot use the time zone %q: %w", from.Timezone, err)
	}
	times, err := cron.ParseStandard(from.Cron)
	if err != nil {
		return nil, fmt.Errorf("cannot use the schedule %q: %w", from.Cron, err)
	}
	s := &Schedule{text: from.Cron, zone: cmp.Or(from.Timezone, "UTC"), place: place, times: times, span: true}
	if spec, ok := times.(*cron.SpecSchedule); ok {
		spec.Location = time.UTC
		s.span, s.each = false, bits.OnesCount64(spec.Hour&everyHour) == 24
	}
	return s, nil
}

const everyHour = 1<<24 - 1

// String tells two schedules apart: those that it is the same for ask for the same times.
func (s *Schedule) String() string { return s.text + " " + s.zone }

// Format writes a moment as the clock of the schedule's time zone shows it.
func (s *Schedule) Format(t time.Time) string {
	return fmt.Sprintf("%s (%s)", t.In(s.place).Format(time.RFC3339), s.zone)
}

// Next gives the first time after t, in UTC, or zero when there is none within five years.
//
// Where clocks go forward, times that they skip come at the end of the gap, once. Where they go back, times that they show
// twice count the first time only. A schedule that asks for every hour goes on by the hour through both.
func (s *Schedule) Next(t time.Time) time.Time {
	t = t.Round(0).UTC()
	if s.span {
		return s.times.Next(t)
	}
	for from, at := t, t; ; {
		z := zoneAt(at, s.place)
		wall := s.times.Next(from.Add(z.offset))
		if wall.IsZero() {
			return time.Time{}
		}
		next := wall.Add(-z.offset)
		switch {
		case !z.end.IsZero() && !next.Before(z.end):
			if !s.each && wall.Before(z.end.Add(z.after)) {
				return z.end // it is in the gap
			}
			from, at = z.end.Add(-time.Nanosecond), z.end
		case !s.each && !z.start.IsZero() && wall.Before(z.start.Add(z.before)):
			from = z.start.Add(z.before - z.offset - time.Nanosecond) // the clocks showed it before
		default:
			return next
		}
	}
}

// zone is a span of time in which clocks are not changed: from start up to end, zero where there is none.
type zone struct {
	start, end            time.Time
	before, offset, after time.Duration // what the clocks are ahead of UTC before, in and after it
}

func zoneAt(t time.Time, place *time.Location) zone {
	local := t.In(place)
	var z zone
	z.start, z.end = local.ZoneBounds()
	z.offset = ahead(local)
	if !z.start.IsZero() {
		z.start = z.start.UTC()
		z.before = ahead(z.start.Add(-time.Nanosecond).In(place))
	}
	if !z.end.IsZero() {
		z.end = z.end.UTC()
		z.after = ahead(z.end.In(place))
	}
	return z
}

func ahead(local time.Time) time.Duration {
	_, seconds := local.Zone()
	return time.Duration(seconds) * time.Second
}

// Due gives the time that is to be run now, zero if there is none, and the next one after now, zero if there is none within
// five years. last is up to when all is dealt with. Of several times that were missed only the latest is run.
func (s *Schedule) Due(last, now time.Time) (at, next time.Time) {
	last, now = last.Round(0).UTC(), now.Round(0).UTC()
	at = s.Next(last)
	if at.IsZero() || at.After(now) {
		return time.Time{}, at
	}
	next = s.Next(at)
	if next.IsZero() || next.After(now) {
		return at, next
	}
	// The latest one is found by halving: there may be half a million of them in a year.
	for low, high := at, now; high.Sub(low) > time.Second; {
		middle := low.Add(high.Sub(low) / 2)
		if found := s.Next(middle); !found.IsZero() && !found.After(now) {
			at, low = found, middle
		} else {
			high = middle
		}
	}
	return at, s.Next(at)
}

// SetBack reports whether the clock was set back so far since last that waiting for it to come there again would leave
// times out: as far as one time is from the next. After a lesser step what was run is not run again.
func (s *Schedule) SetBack(last, now time.Time) bool {
	last, now = last.Round(0), now.Round(0)
	if !now.Before(last) {
		return false
	}
	next := s.Next(last)
	return next.IsZero() || last.Sub(now) >= next.Sub(last)
}

// Upcoming gives the next n times after now, by the clock of the schedule's time zone; fewer where it does not come so
// often, none without a schedule or with one that cannot be read.
func Upcoming(from *state.Schedule, now time.Time, n int) []time.Time {
	if from == nil {
		return nil
	}
	s, err := New(from)
	if err != nil {
		return nil
	}
	var all []time.Time
	for at := s.Next(now); len(all) < n && !at.IsZero(); at = s.Next(at) {
		all = append(all, at.In(s.place))
	}
	return all
}
