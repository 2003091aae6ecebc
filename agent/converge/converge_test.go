package converge

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

var t0 = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func TestOne(t *testing.T) {
	always := Policy{Restart: state.RestartAlways, Longest: time.Minute}
	never := Policy{Restart: state.RestartNever, Longest: time.Minute}
	onFailure := Policy{Restart: state.RestartOnFailure, Longest: time.Minute}
	crash := func(ago time.Duration) *End {
		return &End{At: t0.Add(-ago), Failed: true, Started: true, What: "exit code 1"}
	}
	clean := &End{At: t0, Started: true, What: "exit code 0"}
	tests := []struct {
		name  string
		want  *Want
		have  *Have
		halt  bool
		blank bool // no manifest was ever read
		kind  Kind
		state state.InstanceState
		wake  time.Duration
	}{
		{name: "new", want: &Want{Spec: "a"}, kind: Start},
		{name: "runs as wanted", want: &Want{Spec: "a"}, have: &Have{State: state.Running, Spec: "a"}},
		{name: "unhealthy is no reason", want: &Want{Spec: "a"}, have: &Have{State: state.Unhealthy, Spec: "a"}},
		{name: "failing is replaced", want: &Want{Spec: "a"}, have: &Have{State: state.Unhealthy, Spec: "a", Failing: "x"}, kind: Replace},
		{name: "outdated makes way", want: &Want{Spec: "a"}, have: &Have{State: state.Running, Spec: "a", Outdated: "x"}, kind: Stop},
		{name: "outdated under a hold", want: &Want{Spec: "a", Hold: "scheduled"}, have: &Have{State: state.Running, Spec: "a", Outdated: "x"}},
		{name: "outdated while it starts", want: &Want{Spec: "a"}, have: &Have{State: state.Stopping, Spec: "a", Outdated: "x"}},
		{name: "failing, but changed", want: &Want{Spec: "b"}, have: &Have{State: state.Unhealthy, Spec: "a", Failing: "x"}, kind: Stop},
		{name: "failing, but unlisted", have: &Have{State: state.Unhealthy, Spec: "a", Failing: "x"}, kind: Stop},
		{name: "failing and stopping", want: &Want{Spec: "a"}, have: &Have{State: state.Stopping, Spec: "a", Failing: "x"}},
		{name: "failing under a hold", want: &Want{Spec: "a", Hold: "scheduled"}, have: &Have{State: state.Running, Spec: "a", Failing: "x"}},
		{name: "failing without a manifest", blank: true, want: &Want{Spec: "a"}, have: &Have{State: state.Running, Spec: "a", Failing: "x"}},
		{name: "changed spec", want: &Want{Spec: "b"}, have: &Have{State: state.Running, Spec: "a"}, kind: Stop},
		{name: "changed spec while fetching", want: &Want{Spec: "b"}, have: &Have{State: state.Fetching, Spec: "a"}, kind: Stop},
		{name: "unknown spec: hands off", want: &Want{Spec: "b"}, have: &Have{State: state.Running}},
		{name: "stopping is waited for", want: &Want{Spec: "b"}, have: &Have{State: state.Stopping, Spec: "a"}},
		{name: "stopping is waited for when unlisted", have: &Have{State: state.Stopping}},
		{name: "unlisted", have: &Have{State: state.Running, Spec: "a"}, kind: Stop},
		{name: "unlisted and starting", have: &Have{State: state.Starting, Spec: "a"}, kind: Stop},
		{name: "unlisted and stopped", have: &Have{State: state.Stopped, Spec: "a"}, kind: Forget},
		{name: "unlisted and in backoff", have: &Have{State: state.Backoff, Ended: crash(0)}, kind: Forget},
		{name: "no manifest, running", blank: true, have: &Have{State: state.Running, Spec: "a"}},
		{name: "no manifest, crashed", blank: true, have: &Have{State: state.Stopped, Ended: crash(0)}},
		{name: "halt stops", halt: true, want: &Want{Spec: "a"}, have: &Have{State: state.Running, Spec: "a"}, kind: Stop},
		{name: "halt starts nothing", halt: true, want: &Want{Spec: "a"}, have: &Have{State: state.Stopped}},
		{name: "halt without a manifest", halt: true, blank: true, have: &Have{State: state.Running}, kind: Stop},
		{name: "scheduled waits", want: &Want{Spec: "a", Hold: "scheduled"}, kind: Settle, state: state.Waiting},
		{name: "scheduled was told", want: &Want{Spec: "a", Hold: "scheduled"}, have: &Have{State: state.Waiting, Reason: "scheduled"}},
		{name: "scheduled leaves what runs", want: &Want{Spec: "b", Hold: "scheduled"}, have: &Have{State: state.Running, Spec: "a"}},
		{name: "off stops", want: &Want{Spec: "a", Off: "off"}, have: &Have{State: state.Running, Spec: "a"}, kind: Stop},
		{name: "off stops what is adopted", want: &Want{Spec: "a", Off: "off"}, have: &Have{State: state.Running}, kind: Stop},
		{name: "off stops a try", want: &Want{Spec: "a", Off: "off"}, have: &Have{State: state.Fetching, Spec: "a"}, kind: Stop},
		{name: "off waits for the end", want: &Want{Spec: "a", Off: "off"}, have: &Have{State: state.Stopping, Spec: "a"}},
		{name: "off goes before a hold", want: &Want{Spec: "a", Off: "off", Hold: "scheduled"}, kind: Settle, state: state.Stopped},
		{name: "off keeps what it has", want: &Want{Spec: "a", Off: "off"}, have: &Have{State: state.Stopped, Spec: "a"}, kind: Settle, state: state.Stopped},
		{name: "off was told", want: &Want{Spec: "a", Off: "off"}, have: &Have{State: state.Stopped, Spec: "a", Reason: "off"}},
		{name: "off ends a backoff", want: &Want{Spec: "a", Off: "off", Policy: always},
			have: &Have{State: state.Backoff, Spec: "a", Failures: 9, Ended: crash(0)}, kind: Settle, state: state.Stopped},
		{name: "first crash restarts at once", want: &Want{Spec: "a", Policy: always},
			have: &Have{State: state.Stopped, Spec: "a", Failures: 1, Ended: crash(0)}, kind: Start},
		{name: "second crash waits", want: &Want{Spec: "a", Policy: always},
			have: &Have{State: state.Stopped, Spec: "a", Failures: 2, Ended: crash(0)}, kind: Settle, state: state.Backoff, wake: time.Second},
		{name: "second crash, due", want: &Want{Spec: "a", Policy: always},
			have: &Have{State: state.Backoff, Spec: "a", Failures: 2, Ended: crash(time.Second)}, kind: Start},
		{name: "backoff ends when the spec changes", want: &Want{Spec: "b", Policy: always},
			have: &Have{State: state.Backoff, Spec: "a", Failures: 9, Ended: crash(0)}, kind: Start},
		{name: "the clock was set back", want: &Want{Spec: "a", Policy: always},
			have: &Have{State: state.Backoff, Spec: "a", Failures: 9, Ended: crash(-time.Hour)}, kind: Start},
		{name: "never, clean", want: &Want{Spec: "a", Policy: never},
			have: &Have{State: state.Stopped, Spec: "a", Failures: 1, Ended: clean}, kind: Settle, state: state.Completed},
		{name: "never, failed", want: &Want{Spec: "a", Policy: never},
			have: &Have{State: state.Stopped, Spec: "a", Failures: 1, Ended: crash(0)}, kind: Settle, state: state.Failed},
		{name: "never, but it did not start", want: &Want{Spec: "a", Policy: never},
			have: &Have{State: state.Stopped, Spec: "a", Failures: 1, Ended: &End{At: t0, Failed: true}}, kind: Settle, state: state.Backoff, wake: time.Second},
		{name: "on-failure, clean", want: &Want{Spec: "a", Policy: onFailure},
			have: &Have{State: state.Stopped, Spec: "a", Failures: 1, Ended: clean}, kind: Settle, state: state.Completed},
		{name: "on-failure, failed", want: &Want{Spec: "a", Policy: onFailure},
			have: &Have{State: state.Stopped, Spec: "a", Failures: 1, Ended: crash(0)}, kind: Start},
		{name: "always, clean", want: &Want{Spec: "a", Policy: always},
			have: &Have{State: state.Stopped, Spec: "a", Failures: 1, Ended: clean}, kind: Start},
		{name: "completed runs anew under another policy", want: &Want{Spec: "a", Policy: always},
			have: &Have{State: state.Completed, Spec: "a", Failures: 1, Ended: clean}, kind: Start},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Desired{Known: !tt.blank, Halt: tt.halt, Wants: map[string]*Want{}}
			if tt.want != nil {
				d.Wants["n/a.0"] = tt.want
			}
			action, wake := One(d, Observed{"n/a.0": tt.have}, "n/a.0", t0)
			if action.Kind != tt.kind || action.State != tt.state {
				t.Errorf("got %q %q, want %q %q", action.Kind, action.State, tt.kind, tt.state)
			}
			if action.Kind != "" && action.Reason == "" {
				t.Error("an action without a reason")
			}
			if want := t0.Add(tt.wake); tt.wake != 0 && !wake.Equal(want) || tt.wake == 0 && !wake.IsZero() {
				t.Errorf("wake %v, want %v", wake, want)
			}
		})
	}
}

func TestDelay(t *testing.T) {
	s := time.Second
	tests := []struct {
		name    string
		policy  Policy
		started bool
		want    []time.Duration // after 1, 2, … ends in a row
	}{
		{"default", Policy{Longest: 60 * s}, true, []time.Duration{0, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}},
		{"base", Policy{First: 3 * s, Longest: 20 * s}, true, []time.Duration{3 * s, 6 * s, 12 * s, 20 * s, 20 * s}},
		{"small base", Policy{First: s / 10, Longest: 60 * s}, true, []time.Duration{s / 10, s, 2 * s}},
		{"base above the longest", Policy{First: 9 * s, Longest: 5 * s}, true, []time.Duration{5 * s, 5 * s}},
		{"no wait is no busy loop", Policy{}, true, []time.Duration{0, floorDelay, floorDelay}},
		{"failed starts", Policy{Longest: 60 * s}, false, []time.Duration{s, s, 2 * s, 4 * s}},
		{"failed starts without wait", Policy{}, false, []time.Duration{s, s, s}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for k, want := range tt.want {
				if got := tt.policy.delay(k+1, tt.started); got != want {
					t.Errorf("after %d: %v, want %v", k+1, got, want)
				}
			}
			if got := tt.policy.delay(1<<30, tt.started); got > max(tt.policy.Longest, s) {
				t.Errorf("it gives up: waits %v", got)
			}
		})
	}
}

// world is a machine on which plans are carried out. Like a supervisor it may take its time, in any order.
type world struct {
	t       *rapid.T
	now     time.Time
	have    map[string]*Have
	procs   map[string]int // processes of each instance
	started map[string]int // starts so far
}

func (w *world) carryOut(d Desired, plan Plan) {
	seen := map[string]bool{}
	startsBegan := false
	for _, a := range plan.Actions {
		if seen[a.ID] {
			w.t.Fatalf("two actions for %s", a.ID)
		}
		seen[a.ID] = true
		startsBegan = startsBegan || a.Kind == Start
		if startsBegan && a.Kind != Start {
			w.t.Fatalf("%s of %s comes after a start", a.Kind, a.ID)
		}
		if !d.Known && !d.Halt {
			w.t.Fatalf("%s of %s without a manifest", a.Kind, a.ID)
		}
		h := w.have[a.ID]
		if h == nil {
			h = &Have{}
			w.have[a.ID] = h
		}
		switch a.Kind {
		case Start:
			if w.procs[a.ID] != 0 || active(h.State) {
				w.t.Fatalf("a second process for %s", a.ID)
			}
			w.started[a.ID]++
			h.State, h.Spec, h.Ended = state.Starting, d.Wants[a.ID].Spec, nil
			w.procs[a.ID]++
		case Stop:
			if want := d.Wants[a.ID]; !d.Halt && want != nil && (h.Spec == "" || h.Spec == want.Spec) && want.Off == "" {
				w.t.Fatalf("%s is stopped although nothing changed", a.ID)
			}
			h.State, h.Ended, h.Failures, h.Failing = state.Stopping, nil, 0, ""
		case Replace:
			if h.Failing == "" || w.procs[a.ID] == 0 {
				w.t.Fatalf("%s is replaced though nothing is wrong with it", a.ID)
			}
			h.State = state.Stopping
		case Settle:
			if h.State, h.Reason = a.State, a.Reason; a.State == state.Stopped {
				h.Ended, h.Failures = nil, 0
			}
		case Forget:
			if w.procs[a.ID] != 0 {
				w.t.Fatalf("%s is forgotten with a process", a.ID)
			}
			delete(w.have, a.ID)
		}
	}
}

// turn lets something happen to one instance.
func (w *world) turn(id string) {
	h := w.have[id]
	if h == nil {
		return
	}
	switch h.State {
	case state.Starting:
		if rapid.Bool().Draw(w.t, "comes up") {
			h.State = state.Running
		} else {
			w.end(id, false)
		}
	case state.Running:
		if rapid.Bool().Draw(w.t, "fails its check") {
			h.Failing = "check"
			return
		}
		w.end(id, true)
	case state.Stopping:
		w.procs[id] = 0
		h.State, h.Reason = state.Stopped, ""
		if h.Failing != "" {
			h.Ended, h.Failing = &End{At: w.now, Failed: true, Started: true, What: h.Failing}, ""
			h.Failures++
		}
	}
}

func (w *world) end(id string, started bool) {
	h := w.have[id]
	ran := rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(w.t, "ran")
	h.Failures = Failures(h.Failures, ran)
	h.Ended = &End{At: w.now, Started: started, Failed: rapid.Bool().Draw(w.t, "failed") || !started, What: "an end"}
	h.State, h.Failing, w.procs[id] = state.Stopped, "", 0
}

func drawDesired(t *rapid.T) Desired {
	d := Desired{Known: rapid.IntRange(0, 9).Draw(t, "known") > 0, Wants: map[string]*Want{}}
	for _, id := range ids {
		if !rapid.Bool().Draw(t, "wanted") || !d.Known {
			continue
		}
		w := &Want{Spec: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "spec")}
		w.Policy = Policy{
			Restart: rapid.SampledFrom([]string{state.RestartAlways, state.RestartOnFailure, state.RestartNever}).Draw(t, "policy"),
			First:   time.Duration(rapid.IntRange(0, 3).Draw(t, "first")) * time.Second, Longest: time.Minute,
		}
		if rapid.IntRange(0, 9).Draw(t, "hold") == 0 {
			w.Hold = "held"
		}
		if rapid.IntRange(0, 9).Draw(t, "off") == 0 {
			w.Off = "off"
		}
		d.IDs, d.Wants[id] = append(d.IDs, id), w
	}
	return d
}

var ids = []string{"n/a.0", "n/a.1", "n/b.0", "n/c.0"}

// Whatever happens, no instance has two processes, nothing is stopped without a cause, and once nothing happens any
// more the plans come to an end with the node as the manifest says.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, now: t0, have: map[string]*Have{}, procs: map[string]int{}, started: map[string]int{}}
		for _, id := range ids {
			if rapid.Bool().Draw(t, "adopted") {
				w.have[id] = &Have{State: state.Running, Spec: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "adopted spec")}
				w.procs[id] = 1
			}
		}
		var d Desired
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "edit") == 0 {
				if next := drawDesired(t); next.Known || !d.Known {
					d = next
				}
			}
			w.turn(rapid.SampledFrom(ids).Draw(t, "who"))
			w.now = w.now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "seconds")) * time.Second)
			w.carryOut(d, Diff(d, w.have, w.now))
			if again := Diff(d, w.have, w.now); hasEffect(again) {
				t.Fatalf("the same moment asks for more: %v", again)
			}
		}
		w.settle(d)
		w.check(d)
	})
}

func hasEffect(p Plan) bool { return len(p.Actions) > 0 }

// settle lets everything succeed until nothing is left to do.
func (w *world) settle(d Desired) {
	for range 50 {
		for _, id := range ids {
			if h := w.have[id]; h != nil && h.State == state.Starting {
				h.State = state.Running
			} else if h != nil && h.State == state.Stopping {
				w.turn(id)
			}
		}
		plan := Diff(d, w.have, w.now)
		if !hasEffect(plan) && plan.Wake.IsZero() {
			return
		}
		w.carryOut(d, plan)
		if !plan.Wake.IsZero() {
			w.now = plan.Wake
		}
	}
	w.t.Fatal("it never comes to rest")
}

func (w *world) check(d Desired) {
	for _, id := range ids {
		h, want := w.have[id], d.Wants[id]
		switch {
		case !d.Known:
		case want == nil && h != nil:
			w.t.Fatalf("%s is still there: %+v", id, h)
		case want != nil && want.Off != "":
			if h == nil || h.State != state.Stopped || w.procs[id] != 0 {
				w.t.Fatalf("%s is not off: %+v", id, h)
			}
		case want == nil || want.Hold != "":
		case h == nil:
			w.t.Fatalf("%s is missing", id)
		case h.State == state.Running && h.Spec != want.Spec && h.Spec != "":
			w.t.Fatalf("%s runs an old spec", id)
		case h.State != state.Running && h.State != state.Completed && h.State != state.Failed:
			w.t.Fatalf("%s is %s", id, h.State)
		}
	}
}

func TestDiffIsOrderedAndRepeatable(t *testing.T) {
	d := Desired{Known: true, Wants: map[string]*Want{}}
	have := Observed{}
	for k := range 20 {
		id := fmt.Sprintf("n/new.%d", 19-k)
		d.IDs, d.Wants[id] = append(d.IDs, id), &Want{Spec: "a"}
		have[fmt.Sprintf("n/old.%02d", k)] = &Have{State: state.Running}
	}
	plan := Diff(d, have, t0)
	for k, a := range plan.Actions {
		want := Action{Kind: Stop, ID: fmt.Sprintf("n/old.%02d", k)}
		if k >= 20 {
			want = Action{Kind: Start, ID: fmt.Sprintf("n/new.%d", 39-k)}
		}
		if a.Kind != want.Kind || a.ID != want.ID {
			t.Fatalf("action %d is %s of %s, want %s of %s", k, a.Kind, a.ID, want.Kind, want.ID)
		}
	}
	if len(plan.Actions) != 40 || !reflect.DeepEqual(plan, Diff(d, have, t0)) {
		t.Error("the plan differs from one call to the next")
	}
}

func TestFailures(t *testing.T) {
	if got := Failures(5, state.GoodRunning); got != 1 {
		t.Errorf("after good running: %d", got)
	}
	if got := Failures(5, state.GoodRunning-1); got != 6 {
		t.Errorf("after a short run: %d", got)
	}
}

// An old copy of the manifest starts what it asks for, and ends nothing.
func TestUnsureStopsAndForgetsNothing(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	desired := Desired{Known: true, Unsure: true, IDs: []string{"n/a.0", "n/b.0"}, Wants: map[string]*Want{
		"n/a.0": {Spec: "new"}, "n/b.0": {Spec: "new"},
	}}
	observed := Observed{
		"n/a.0": {State: state.Running, Spec: "old"}, "n/c.0": {State: state.Running, Spec: "x"}, "n/d.0": {State: state.Stopped},
	}
	plan := Diff(desired, observed, now)
	if len(plan.Actions) != 1 || plan.Actions[0].Kind != Start || plan.Actions[0].ID != "n/b.0" {
		t.Errorf("plan %+v", plan)
	}
	desired.Unsure = false
	if plan := Diff(desired, observed, now); len(plan.Actions) != 4 {
		t.Errorf("once it is known: %+v", plan)
	}
}

// An old copy of the manifest stops nothing, but it guards what it knows.
func TestUnsureReplacesWhatFails(t *testing.T) {
	d := Desired{Known: true, Unsure: true, Wants: map[string]*Want{"n/a.0": {Spec: "a"}}}
	for spec, want := range map[string]Kind{"a": Replace, "b": ""} {
		got, _ := One(d, Observed{"n/a.0": {State: state.Unhealthy, Spec: spec, Failing: "x"}}, "n/a.0", t0)
		if got.Kind != want {
			t.Errorf("spec %s: %q, want %q", spec, got.Kind, want)
		}
	}
}
