package schedule

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
	"pgregory.net/rapid"

	"stathub/state"
)

func parse(t testing.TB, cron, zone string) *Schedule {
	t.Helper()
	s, err := New(&state.Schedule{Cron: cron, Timezone: zone})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNext(t *testing.T) {
	const york, shanghai, lord = "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe"
	tests := []struct{ name, cron, zone, after, want string }{
		{"UTC when nothing is said", "0 3 * * *", "", "2026-11-22T12:00:00Z", "2026-11-23T03:00:00Z"},
		{"in its time zone", "0 3 * * *", shanghai, "2026-11-22T12:00:00Z", "2026-11-23T03:00:00+08:00"},
		{"not the time itself", "0 3 * * *", "", "2026-11-22T03:00:00Z", "2026-11-23T03:00:00Z"},
		{"a fraction of a second before", "0 3 * * *", "", "2026-11-22T02:59:59.5Z", "2026-11-22T03:00:00Z"},
		{"a leap day", "0 0 29 2 *", "", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"a span", "@every 90s", york, "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"},
		{"a time that is skipped", "30 2 * * *", york, "2026-03-08T00:00:00-05:00", "2026-03-08T03:00:00-04:00"},
		{"the day after that", "30 2 * * *", york, "2026-03-08T03:00:00-04:00", "2026-03-09T02:30:00-04:00"},
		{"two times that are skipped come once", "15,45 2 * * *", york, "2026-03-08T03:00:00-04:00", "2026-03-09T02:15:00-04:00"},
		{"a time that comes twice", "30 1 * * *", york, "2026-11-01T00:00:00-04:00", "2026-11-01T01:30:00-04:00"},
		{"but runs once", "30 1 * * *", york, "2026-11-01T01:30:00-04:00", "2026-11-02T01:30:00-05:00"},
		{"also when nobody looked the first time", "30 1 * * *", york, "2026-11-01T01:10:00-05:00", "2026-11-02T01:30:00-05:00"},
		{"every hour goes on, forward", "30 * * * *", york, "2026-03-08T01:30:00-05:00", "2026-03-08T03:30:00-04:00"},
		{"every hour goes on, back", "30 * * * *", york, "2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00"},
		{"half an hour is skipped", "15 2 * * *", lord, "2026-10-04T00:00:00+10:30", "2026-10-04T02:30:00+11:00"},
		{"midnight is skipped", "0 0 * * *", "America/Asuncion", "2023-09-30T12:00:00-04:00", "2023-10-01T01:00:00-03:00"},
		{"a whole day is skipped", "0 12 * * *", "Pacific/Apia", "2011-12-29T13:00:00-10:00", "2011-12-31T00:00:00+14:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := parse(t, tt.cron, tt.zone)
			if got, want := s.Next(at(t, tt.after)), at(t, tt.want); !got.Equal(want) {
				t.Errorf("got %s, want %s", s.Format(got), s.Format(want))
			}
		})
	}
	if got := parse(t, "0 3 * * *", shanghai).Format(at(t, "2026-11-22T19:00:00Z")); got != "2026-11-23T03:00:00+08:00 (Asia/Shanghai)" {
		t.Error(got)
	}
}

// never comes again: 2096 to 2104 has no leap day within five years.
func TestNeverAgain(t *testing.T) {
	s := parse(t, "0 0 29 2 *", "")
	if got := s.Next(at(t, "2096-03-01T00:00:00Z")); !got.IsZero() {
		t.Errorf("got %v", got)
	}
	if due, next := s.Due(at(t, "2096-01-01T00:00:00Z"), at(t, "2096-03-01T00:00:00Z")); due.IsZero() || !next.IsZero() {
		t.Errorf("got %v, %v", due, next)
	}
}

func TestDue(t *testing.T) {
	tests := []struct{ name, cron, last, now, due, next string }{
		{"not yet", "0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-02T02:59:59Z", "", "2026-01-02T03:00:00Z"},
		{"just now", "0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z", "2026-01-02T03:00:00Z", "2026-01-03T03:00:00Z"},
		{"missed by hours", "0 3 * * *", "2026-01-01T03:00:00Z", "2026-01-02T09:00:00Z", "2026-01-02T03:00:00Z", "2026-01-03T03:00:00Z"},
		{"a year of minutes missed", "* * * * *", "2025-01-01T03:00:00Z", "2026-01-02T09:00:30Z", "2026-01-02T09:00:00Z", "2026-01-02T09:01:00Z"},
		{"many days missed", "0 3 * * *", "2020-01-01T03:00:00Z", "2026-01-02T02:00:00Z", "2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"},
		{"every second, late", "@every 1s", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01.2Z", "2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"},
		{"every second, very late", "@every 1s", "2026-01-01T00:00:00Z", "2026-01-01T10:00:01.2Z", "2026-01-01T10:00:01Z", "2026-01-01T10:00:02Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			due, next := parse(t, tt.cron, "").Due(at(t, tt.last), at(t, tt.now))
			if tt.due == "" && !due.IsZero() || tt.due != "" && !due.Equal(at(t, tt.due)) || !next.Equal(at(t, tt.next)) {
				t.Errorf("due %v, next %v", due, next)
			}
		})
	}
}

func TestSetBack(t *testing.T) {
	tests := []struct {
		name, cron, now string
		want            bool
	}{
		{"it went on", "0 3 * * *", "2026-01-02T03:00:00Z", false},
		{"an hour back, daily", "0 3 * * *", "2026-01-01T02:00:00Z", false},
		{"a day back, daily", "0 3 * * *", "2025-12-31T03:00:00Z", true},
		{"half an hour back, hourly", "0 * * * *", "2026-01-01T02:30:00Z", false},
		{"an hour back, every minute", "* * * * *", "2026-01-01T02:00:00Z", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parse(t, tt.cron, "").SetBack(at(t, "2026-01-01T03:00:00Z"), at(t, tt.now)); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func field(t *rapid.T, name string, least, most int) string {
	number := func() int { return rapid.IntRange(least, most).Draw(t, name) }
	switch rapid.IntRange(0, 3).Draw(t, name+" form") {
	case 0:
		return "*"
	case 1:
		return fmt.Sprint(number())
	case 2:
		return fmt.Sprintf("%d,%d", number(), number())
	default:
		return fmt.Sprintf("*/%d", rapid.IntRange(1, most).Draw(t, name+" step"))
	}
}

func draw(t *rapid.T) (*Schedule, time.Time) {
	text := strings.Join([]string{field(t, "minute", 0, 59), field(t, "hour", 0, 23), "*", "*", field(t, "weekday", 0, 6)}, " ")
	zone := rapid.SampledFrom([]string{"", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Shanghai", "America/Asuncion", "Africa/Casablanca"}).Draw(t, "zone")
	s, err := New(&state.Schedule{Cron: text, Timezone: zone})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 2*366*24*60).Draw(t, "start")) * time.Minute)
	if _, change := start.In(s.place).ZoneBounds(); !change.IsZero() && rapid.Bool().Draw(t, "near a change") {
		start = change.Add(-time.Duration(rapid.IntRange(0, 2*24*60).Draw(t, "before it")) * time.Minute).UTC()
	}
	return s, start
}

// expected finds the times of four days by looking at the clock each minute, as a person would.
func expected(s *Schedule, start time.Time) (all []time.Time) {
	spec := s.times.(*cron.SpecSchedule)
	matches := func(wall time.Time) bool {
		return wall.Second() == 0 && spec.Minute&(1<<wall.Minute()) != 0 && spec.Hour&(1<<wall.Hour()) != 0 && spec.Dow&(1<<wall.Weekday()) != 0
	}
	wallOf := func(t time.Time) time.Time { return t.Add(ahead(t.In(s.place))) }
	hourly := bits.OnesCount64(spec.Hour&everyHour) == 24
	latest := wallOf(start)
	for m := range 48 * 60 { // what the clock had shown before
		if w := wallOf(start.Add(-time.Duration(m) * time.Minute)); w.After(latest) {
			latest = w
		}
	}
	for t := start.Add(time.Minute); t.Before(start.Add(4 * 24 * time.Hour)); t = t.Add(time.Minute) {
		wall := wallOf(t)
		hit := matches(wall) && (hourly || wall.After(latest))
		for gap := latest.Add(time.Minute); !hourly && gap.Before(wall); gap = gap.Add(time.Minute) {
			hit = hit || matches(gap)
		}
		if hit {
			all = append(all, t)
		}
		if wall.After(latest) {
			latest = wall
		}
	}
	return all
}

func TestNextIsWhatTheClockShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, start := draw(t)
		last := start
		for _, want := range expected(s, start) {
			got := s.Next(last)
			if !got.Equal(want) {
				t.Fatalf("%s after %s: %s, want %s", s, s.Format(last), s.Format(got), s.Format(want))
			}
			last = got
		}
	})
}

// Whenever an agent looks, and however long it did not, it runs the latest time that has come and no other, each time once,
// and it next looks before anything else is due.
func TestEachTimeIsRunOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := draw(t)
		last := now
		for range 20 {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, time.Hour, 26 * time.Hour, 400 * 24 * time.Hour}).Draw(t, "away"))
			due, next := s.Due(last, now)
			if !next.After(now) {
				t.Fatalf("next %v is not after %v", next, now)
			}
			if due.IsZero() {
				if first := s.Next(last); !first.Equal(next) {
					t.Fatalf("%v was left out", first)
				}
				continue
			}
			if !due.After(last) || due.After(now) || !s.Next(due).Equal(next) {
				t.Fatalf("last %v, now %v: due %v, next %v", last, now, due, next)
			}
			if again, _ := s.Due(due, now); !again.IsZero() {
				t.Fatalf("%v is due after %v was run", again, due)
			}
			last = due
		}
	})
}

func FuzzNext(f *testing.F) {
	f.Add("0 3 * * *", "Europe/Berlin", int64(1_774_746_000))
	f.Add("@every 1h1ms", "", int64(0))
	f.Add("*/7 */5 31 * 1-5", "Asia/Kathmandu", int64(1<<33))
	f.Fuzz(func(t *testing.T, text, zone string, seconds int64) {
		choreo := state.Choreo{App: "a", Query: "*", Schedule: &state.Schedule{Cron: text, Timezone: zone}}
		if _, err := state.Decode[state.Choreo]("choreos/a.json", state.Encode(choreo)); err != nil {
			return
		}
		s, err := New(choreo.Schedule)
		if err != nil {
			t.Fatalf("a schedule that was accepted cannot be used: %v", err)
		}
		now := time.Unix(seconds%(1<<34), 0)
		if next := s.Next(now); !next.IsZero() && !next.After(now) {
			t.Errorf("after %v comes %v", now, next)
		}
	})
}

func BenchmarkDueAfterAYear(b *testing.B) {
	s := parse(b, "*/5 * * * *", "America/New_York")
	last, now := at(b, "2025-01-01T00:00:00Z"), at(b, "2026-01-01T00:01:00Z")
	for b.Loop() {
		s.Due(last, now)
	}
}
