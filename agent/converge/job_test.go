package converge

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
	"stathub/state/schedule"
)

func times(t testing.TB, cron string) *schedule.Schedule {
	t.Helper()
	s, err := schedule.New(&state.Schedule{Cron: cron})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// jobs makes a Desired of one instance of a job, with places for two runs beside it.
func jobs(s *schedule.Schedule, concurrency, restart string) Desired {
	app := &App{IDs: []string{"n/j.0"}, Job: true}
	want := Want{Spec: "a", App: app, Policy: Policy{Restart: restart, Longest: time.Minute}}
	base, beside := want, want
	base.Job = &Job{Times: s, Concurrency: concurrency}
	beside.Job = &Job{Times: s, Concurrency: concurrency, Base: "n/j.0"}
	return Desired{
		Known: true, IDs: app.IDs, Apps: map[string]*App{"j": app},
		Wants:  map[string]*Want{"n/j.0": &base, "n/j.1": &beside, "n/j.2": &beside},
		Beside: map[string][]string{"n/j.0": {"n/j.1", "n/j.2"}},
	}
}

func TestJob(t *testing.T) { // at 12:00 each day; t0 is that time
	const never, onFailure = state.RestartNever, state.RestartOnFailure
	day := 24 * time.Hour
	daily := times(t, "0 12 * * *")
	ran := Progress{Schedule: daily.String(), Fired: t0.Add(-day), Run: t0.Add(-day)}
	done := Progress{Schedule: daily.String(), Fired: t0, Run: t0}
	clean := &End{At: t0, Started: true, What: "exit code 0"}
	crash := &End{At: t0, Started: true, Failed: true, What: "exit code 1"}
	tests := []struct {
		name        string
		concurrency string
		restart     string
		have        *Have
		beside      map[string]*Have
		depends     bool
		unsure      bool
		now         time.Duration // after t0
		kind        Kind
		id          string
		state       state.InstanceState
		reason      string
		due         bool // the run of t0
		fired       time.Duration
	}{
		{name: "never seen: it waits for the next time", kind: Settle, state: state.Waiting,
			reason: "next run at 2026-02-01T12:00:00Z (UTC)", now: time.Minute, fired: time.Minute},
		{name: "never seen, at the very time", kind: Settle, state: state.Waiting, fired: 0, reason: "next run at 2026-02-01"},
		{name: "it is time", have: &Have{State: state.Waiting, Progress: ran, Ended: clean}, kind: Start, due: true},
		{name: "it was time hours ago", have: &Have{State: state.Waiting, Progress: ran, Ended: clean}, now: 5 * time.Hour, kind: Start, due: true},
		{name: "not yet time", have: &Have{State: state.Waiting, Reason: "x", Progress: ran, Ended: clean}, now: -time.Second,
			kind: Settle, state: state.Waiting, reason: "next run at 2026-01-31T12:00:00Z (UTC)", fired: -1},
		{name: "another schedule", have: &Have{State: state.Waiting, Progress: Progress{Schedule: "0 9 * * * UTC", Fired: t0.Add(-day)}},
			now: time.Hour, kind: Settle, state: state.Waiting, reason: "next run at 2026-02-01T12", fired: time.Hour},
		{name: "another schedule while it runs", have: &Have{State: state.Running, Reason: "r", Spec: "a",
			Progress: Progress{Schedule: "0 9 * * * UTC", Fired: t0.Add(-day), Run: t0.Add(-day)}},
			now: time.Hour, kind: Settle, state: state.Running, reason: "r", fired: time.Hour},
		{name: "the clock was set back a little", have: &Have{State: state.Waiting, Reason: "x", Progress: done, Ended: clean}, now: -time.Hour,
			kind: Settle, state: state.Waiting, reason: "next run at 2026-02-01T12", fired: -1},
		{name: "the clock was set back by days", have: &Have{State: state.Waiting, Reason: "x", Progress: done, Ended: clean}, now: -2*day - time.Minute,
			kind: Settle, state: state.Waiting, reason: "next run at 2026-01-29T12", fired: -2*day - time.Minute},
		{name: "a changed app leaves the run alone", have: &Have{State: state.Running, Spec: "old", Progress: done}, now: time.Hour},
		{name: "a service that became a job", have: &Have{State: state.Running, Spec: "a"}, kind: Stop, reason: "scheduled job now"},
		{name: "a process of unknown kind is left alone", have: &Have{State: state.Running, Progress: Progress{Fired: t0}}, now: time.Hour},
		{name: "forbid leaves it out", have: &Have{State: state.Running, Spec: "a", Progress: ran}, kind: Skip, due: true,
			reason: "the run before it, of 2026-01-30T12:00:00Z (UTC), still goes on"},
		{name: "forbid looks beside, too", have: &Have{State: state.Waiting, Progress: ran, Ended: clean},
			beside: map[string]*Have{"n/j.1": {State: state.Running, Progress: ran}}, kind: Skip, due: true, reason: "still goes on"},
		{name: "replace stops it", concurrency: "replace", have: &Have{State: state.Running, Spec: "a", Progress: ran}, kind: Stop,
			reason: "the run of 2026-01-31T12:00:00Z (UTC) takes its place"},
		{name: "replace by an old manifest stops nothing", concurrency: "replace", unsure: true, have: &Have{State: state.Running, Spec: "a", Progress: ran}},
		{name: "replace waits for the end", concurrency: "replace", have: &Have{State: state.Stopping, Spec: "a", Progress: ran}},
		{name: "allow runs beside it", concurrency: "allow", have: &Have{State: state.Running, Spec: "a", Progress: ran}, kind: Start, id: "n/j.1", due: true},
		{name: "allow takes a free place", concurrency: "allow", have: &Have{State: state.Running, Spec: "a", Progress: ran},
			beside: map[string]*Have{"n/j.1": {State: state.Stopped, Progress: ran, Ended: clean}}, kind: Start, id: "n/j.2", due: true},
		{name: "allow has no place left", concurrency: "allow", have: &Have{State: state.Running, Spec: "a", Progress: ran},
			beside: map[string]*Have{"n/j.1": {State: state.Running, Progress: ran}, "n/j.2": {State: state.Running, Progress: ran}},
			kind:   Skip, due: true, reason: "3 runs before it still go on"},
		{name: "an old manifest still keeps time", unsure: true, have: &Have{State: state.Waiting, Progress: ran, Ended: clean}, kind: Start, due: true},
		{name: "it waits for what it depends on", depends: true, have: &Have{State: state.Waiting, Progress: ran, Ended: clean}, kind: Settle,
			state: state.Waiting, reason: "the run of 2026-01-31T12:00:00Z (UTC) waits for db: 0 of 1 instances running", fired: -1},
		{name: "it has run", have: &Have{State: state.Stopped, Progress: done, Ended: clean}, kind: Settle, state: state.Waiting,
			reason: "next run at 2026-02-01T12:00:00Z (UTC)", fired: -1},
		{name: "it has failed", restart: never, have: &Have{State: state.Stopped, Progress: done, Ended: crash}, kind: Settle, state: state.Failed,
			reason: "exit code 1; next run at 2026-02-01T12:00:00Z (UTC)", fired: -1},
		{name: "it is tried again at once", restart: onFailure, have: &Have{State: state.Stopped, Failures: 1, Progress: done, Ended: crash}, kind: Start, fired: -1},
		{name: "it is tried again later", restart: onFailure, have: &Have{State: state.Stopped, Failures: 2, Progress: done, Ended: crash},
			kind: Settle, state: state.Backoff, reason: "exit code 1; next try after 1s", fired: -1},
		{name: "the next run comes before the try", restart: onFailure, have: &Have{State: state.Backoff, Failures: 2, Progress: ran, Ended: crash}, kind: Start, due: true},
		{name: "its start was cut off", have: &Have{State: state.Stopped, Progress: done}, now: time.Minute, kind: Start, reason: "cut off", fired: -1},
		{name: "failing is replaced", have: &Have{State: state.Unhealthy, Spec: "a", Progress: done, Failing: "check"}, kind: Replace},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.restart == "" {
				tt.restart = never
			}
			d := jobs(daily, tt.concurrency, tt.restart)
			d.Unsure = tt.unsure
			if tt.depends {
				d.Apps["db"] = &App{IDs: []string{"n/db.0"}}
				d.Apps["j"].After = []string{"db"}
			}
			have := Observed{"n/j.0": tt.have}
			for id, h := range tt.beside {
				have[id] = h
			}
			now := t0.Add(tt.now)
			a, wake := One(d, have, "n/j.0", now)
			if tt.id == "" {
				tt.id = "n/j.0"
			}
			if a.Kind != tt.kind || a.Kind != "" && a.ID != tt.id || a.State != tt.state || !strings.Contains(a.Reason, tt.reason) {
				t.Fatalf("got %+v", a)
			}
			fired := t0.Add(tt.fired)
			if tt.fired == -1 || a.Kind == "" || a.Kind == Stop || a.Kind == Replace {
				fired = time.Time{}
			}
			if tt.due != a.Due.Equal(t0) || !a.Fired.Equal(fired) {
				t.Errorf("due %v, fired %v; want %v", a.Due, a.Fired, fired)
			}
			if stopping := tt.have != nil && tt.have.State == state.Stopping; !stopping && (wake.IsZero() || wake.After(now.Add(Recheck))) {
				t.Errorf("looks again at %v", wake)
			}
		})
	}
}

func TestRunBesideAnother(t *testing.T) {
	d := jobs(times(t, "0 12 * * *"), "allow", state.RestartOnFailure)
	progress := Progress{Run: t0}
	tests := []struct {
		name string
		have *Have
		kind Kind
	}{
		{"it runs", &Have{State: state.Running, Progress: progress}, ""},
		{"it fails its check", &Have{State: state.Unhealthy, Progress: progress, Failing: "x"}, Replace},
		{"it is over", &Have{State: state.Stopped, Progress: progress, Ended: &End{At: t0, Started: true}}, Forget},
		{"it failed", &Have{State: state.Stopped, Progress: progress, Failures: 1, Ended: &End{At: t0, Started: true, Failed: true, What: "x"}}, Start},
		{"it was stopped", &Have{State: state.Stopped}, Forget},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := Diff(d, Observed{"n/j.0": {State: state.Running, Progress: Progress{Fired: t0, Run: t0}}, "n/j.2": tt.have}, t0.Add(time.Minute))
			if tt.kind == "" && len(plan.Actions) == 0 {
				return
			}
			if len(plan.Actions) != 1 || plan.Actions[0].Kind != tt.kind || plan.Actions[0].ID != "n/j.2" {
				t.Errorf("plan %+v", plan.Actions)
			}
		})
	}
}

func TestPlaceThatIsNotTaken(t *testing.T) {
	d := jobs(times(t, "0 12 * * *"), "allow", state.RestartNever)
	if a, wake := One(d, Observed{}, "n/j.1", t0); a.Kind != "" || !wake.IsZero() {
		t.Errorf("got %+v, wake %v", a, wake)
	}
}

// lane is one instance of a job with what runs beside it, on a machine that does as it likes.
type lane struct {
	t    *rapid.T
	d    Desired
	have Observed
	now  time.Time
	runs map[time.Time]int // starts of each run, tries left out
	gone map[time.Time]bool
}

func (l *lane) active() (n int) {
	for _, h := range l.have {
		if active(h.State) {
			n++
		}
	}
	return n
}

func (l *lane) carryOut(plan Plan) {
	for _, a := range plan.Actions {
		h := l.have[a.ID]
		if h == nil {
			h = &Have{}
			l.have[a.ID] = h
		}
		if !a.Fired.IsZero() {
			base := h
			if a.Base != "" {
				base = l.have[a.Base]
			}
			if a.Fired.Before(base.Fired) && !l.d.Wants["n/j.0"].Job.Times.SetBack(base.Fired, l.now) {
				l.t.Fatalf("dealt with up to %v, then up to %v", base.Fired, a.Fired)
			}
			base.Fired, base.Schedule = a.Fired, l.d.Wants["n/j.0"].Job.Times.String()
		}
		switch a.Kind {
		case Start:
			if active(h.State) {
				l.t.Fatalf("a second process for %s", a.ID)
			}
			if !a.Due.IsZero() {
				h.Run, h.Failures = a.Due, 0
				l.runs[a.Due]++
			}
			h.State, h.Spec, h.Ended = state.Running, "a", nil
		case Stop:
			if l.d.Wants["n/j.0"].Job.Concurrency != state.ConcurrencyReplace {
				l.t.Fatalf("%s was stopped: %s", a.ID, a.Reason)
			}
			h.State = state.Stopping
		case Skip:
			l.gone[a.Due] = true
		case Settle:
			h.State, h.Reason = a.State, a.Reason
		case Forget:
			delete(l.have, a.ID)
		}
	}
}

func (l *lane) turn() {
	for _, id := range []string{"n/j.0", "n/j.1", "n/j.2"} {
		h := l.have[id]
		if h == nil || !rapid.Bool().Draw(l.t, "something happens to "+id) {
			continue
		}
		switch h.State {
		case state.Stopping:
			h.State, h.Run, h.Ended = state.Stopped, time.Time{}, nil
		case state.Running:
			h.Failures++
			h.State, h.Ended = state.Stopped, &End{At: l.now, Started: true, Failed: rapid.Bool().Draw(l.t, "fails"), What: "an end"}
		}
	}
}

// Whatever happens, and however long nobody looked, a run is begun at most once, no more run at a time than may, what may
// not overlap does not, and the latest time that came is never passed over in silence.
func TestJobLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		concurrency := rapid.SampledFrom([]string{"", "forbid", "replace", "allow"}).Draw(t, "concurrency")
		s, err := schedule.New(&state.Schedule{Cron: rapid.SampledFrom([]string{"* * * * *", "*/7 * * * *", "0 3 * * *", "@every 45s"}).Draw(t, "cron")})
		if err != nil {
			t.Fatal(err)
		}
		l := &lane{t: t, now: t0, have: Observed{}, runs: map[time.Time]int{}, gone: map[time.Time]bool{}}
		l.d = jobs(s, concurrency, rapid.SampledFrom([]string{state.RestartNever, state.RestartOnFailure}).Draw(t, "restart"))
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			l.turn()
			l.now = l.now.Add(rapid.SampledFrom([]time.Duration{0, time.Second, 20 * time.Second, time.Minute, time.Hour, 50 * time.Hour}).Draw(t, "later"))
			for range 4 {
				l.carryOut(Diff(l.d, l.have, l.now))
			}
			if again := Diff(l.d, l.have, l.now); len(again.Actions) > 0 {
				t.Fatalf("the same moment asks for more: %+v", again.Actions)
			} else if l.have["n/j.0"].State != state.Stopping && !again.Wake.After(l.now) ||
				again.Wake.After(l.now.Add(Recheck)) {
				t.Fatalf("now %v, wake %v", l.now, again.Wake)
			}
			most := 1
			if concurrency == "allow" {
				most = 3
			}
			if l.active() > most {
				t.Fatalf("%d run at a time", l.active())
			}
			base := l.have["n/j.0"]
			if due, _ := s.Due(base.Fired, l.now); !due.IsZero() && base.State != state.Stopping {
				t.Fatalf("the run of %v was forgotten", due)
			}
		}
		for due, n := range l.runs {
			if n > 1 || l.gone[due] {
				t.Fatalf("the run of %v began %d times, left out: %v", due, n, l.gone[due])
			}
		}
	})
}
