package converge

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
	"stathub/state/schedule"
)

func TestContact(t *testing.T) {
	const s = time.Second
	run := func(d, kill time.Duration) *Have {
		return &Have{State: state.Running, Spec: "a", Disconnect: d, KillTimeout: kill}
	}
	stopping := func(killed bool) *Have {
		return &Have{State: state.Stopping, Spec: "a", Disconnect: 60 * s, KillTimeout: 10 * s, Killed: killed}
	}
	daily, err := schedule.New(&state.Schedule{Cron: "@daily"})
	if err != nil {
		t.Fatal(err)
	}
	single := func() *Want { return &Want{Spec: "a", Disconnect: 60 * s, Policy: Policy{Longest: 60 * s}} }
	for _, tt := range []struct {
		name    string
		contact Contact
		blank   bool // no manifest was ever read
		unsure  bool
		halt    bool
		want    *Want
		have    *Have
		kind    Kind
		state   state.InstanceState
		wake    time.Duration
		says    string
	}{
		{name: "in touch", contact: Contact{Silent: 2 * s, Sure: true}, want: single(), have: run(60*s, 10*s), wake: 58 * s},
		{name: "just in time", contact: Contact{Silent: 60*s - 1, Sure: true}, want: single(), have: run(60*s, 10*s), wake: 1},
		{name: "out of touch", contact: Contact{Silent: 60 * s}, want: single(), have: run(60*s, 10*s), kind: Disconnect, says: "out of touch with the bucket for 60 s:"},
		{name: "nobody knows", contact: Contact{Silent: Never}, want: single(), have: run(60*s, 10*s), kind: Disconnect},
		{name: "nobody knows yet", contact: Contact{Silent: Never, Trying: true}, want: single(), have: run(60*s, 10*s)},
		{name: "others go on", contact: Contact{Silent: Never}, want: &Want{Spec: "a"}, have: run(0, 10*s)},
		{name: "without a manifest", blank: true, contact: Contact{Silent: 60 * s}, have: run(60*s, 10*s), kind: Disconnect},
		{name: "an old copy of the manifest", unsure: true, contact: Contact{Silent: 60 * s}, want: single(), have: run(60*s, 10*s), kind: Disconnect},
		{name: "an old copy does not list it", unsure: true, contact: Contact{Silent: 60 * s}, have: run(60*s, 10*s), kind: Disconnect},
		{name: "held", contact: Contact{Silent: 60 * s}, want: &Want{Spec: "a", Hold: "held", Disconnect: 60 * s}, have: run(60*s, 10*s), kind: Disconnect},
		{name: "a try", contact: Contact{Silent: 60 * s}, want: single(), have: &Have{State: state.Fetching, Disconnect: 60 * s}, kind: Disconnect},
		{name: "it has time to stop", contact: Contact{Silent: 61 * s}, want: single(), have: stopping(false), wake: 9 * s},
		{name: "it had its time", contact: Contact{Silent: 70 * s}, want: single(), have: stopping(false), kind: Kill},
		{name: "it is killed already", contact: Contact{Silent: 71 * s}, want: single(), have: stopping(true)},
		{name: "at the end of the agent too", halt: true, contact: Contact{Silent: 70 * s}, want: single(), have: stopping(false), kind: Kill},
		{name: "new", contact: Contact{Silent: 5 * s, Sure: true}, want: single(), kind: Start},
		{name: "new, out of touch", contact: Contact{Silent: 60 * s, Sure: true}, want: single(), kind: Settle, state: state.Waiting, says: "out of touch"},
		{name: "new, nobody knows yet", contact: Contact{Silent: Never, Trying: true}, want: single(), kind: Settle, state: state.Waiting},
		{name: "new, in touch again", contact: Contact{Silent: s}, want: single(), kind: Settle, state: state.Waiting, says: "manifest is read once more"},
		{name: "new, of an old copy", unsure: true, contact: Contact{Silent: s, Sure: true}, want: single(), kind: Settle, state: state.Waiting},
		{name: "crashed, in touch", contact: Contact{Silent: 5 * s, Sure: true}, want: single(), kind: Start,
			have: &Have{State: state.Stopped, Spec: "a", Failures: 1, Ended: &End{At: t0, Failed: true, Started: true}}},
		{name: "crashed, out of touch", contact: Contact{Silent: 60 * s, Sure: true}, want: single(), kind: Settle, state: state.Waiting,
			have: &Have{State: state.Stopped, Spec: "a", Failures: 1, Ended: &End{At: t0, Failed: true, Started: true}}},
		{name: "a run that is due waits too", contact: Contact{Silent: 60 * s}, kind: Settle, state: state.Waiting, says: " waits for contact, out of touch", wake: Recheck,
			want: &Want{Spec: "a", Disconnect: 60 * s, Job: &Job{Times: daily}}, have: &Have{Progress: Progress{Fired: t0.Add(-24 * time.Hour)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Desired{Known: !tt.blank, Unsure: tt.unsure, Halt: tt.halt, Wants: map[string]*Want{}, Contact: tt.contact}
			if tt.want != nil {
				d.Wants["n/a.0"] = tt.want
			}
			a, wake := One(d, Observed{"n/a.0": tt.have}, "n/a.0", t0)
			if a.Kind != tt.kind || a.State != tt.state || !strings.Contains(a.Reason, tt.says) {
				t.Errorf("got %q %q: %s", a.Kind, a.State, a.Reason)
			}
			if want := t0.Add(tt.wake); tt.wake != 0 && !wake.Equal(want) || tt.wake == 0 && !wake.IsZero() {
				t.Errorf("wake %v, want after %v", wake, tt.wake)
			}
		})
	}
}

// lonely is a node whose contact comes and goes, with one instance that hangs on it.
type lonely struct {
	t          *rapid.T
	now, heard time.Duration
	sure       bool
	deaf       bool // the process ends by being killed alone
	runs       bool
	have       Have
	d          Desired
}

func (l *lonely) look() (wake time.Duration) {
	for {
		l.d.Contact = Contact{Silent: l.now - l.heard, Sure: l.sure}
		a, at := One(l.d, Observed{"n/a.0": &l.have}, "n/a.0", t0.Add(l.now))
		switch a.Kind {
		case "":
			if at.IsZero() {
				return l.now + time.Hour
			}
			return at.Sub(t0)
		case Start:
			if l.d.Contact.Silent >= l.have.Disconnect || !l.sure {
				l.t.Fatalf("started out of touch: %+v", l.d.Contact)
			}
			l.runs, l.have.State, l.have.Spec, l.have.Ended, l.have.Killed = true, state.Running, l.d.Wants["n/a.0"].Spec, nil, false
		case Disconnect, Stop:
			if l.have.State, l.have.Ended = state.Stopping, nil; !l.deaf {
				l.gone()
			}
		case Kill:
			if l.have.State != state.Stopping {
				l.t.Fatalf("killed while %s", l.have.State)
			}
			l.have.Killed = true
			l.gone()
		case Settle:
			l.have.State, l.have.Reason = a.State, a.Reason
		default:
			l.t.Fatalf("got %+v", a)
		}
	}
}

func (l *lonely) gone() { l.runs, l.have.State, l.have.Reason = false, state.Stopped, "" }

// Whatever happens, a process that hangs on the contact has ended by the time that a master may count on: its
// disconnectSeconds and its time to stop after the agent was last heard. A machine that sleeps is late by its sleep alone.
func TestNeverRunsOutOfTouch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := func(name string, from, to int) time.Duration {
			return time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Second
		}
		l := &lonely{t: t, sure: true, deaf: rapid.Bool().Draw(t, "deaf")}
		l.have.Disconnect, l.have.KillTimeout = seconds("disconnect", 1, 90), seconds("time to stop", 0, 30)
		want := &Want{Spec: "a", Disconnect: l.have.Disconnect, Policy: Policy{Longest: time.Second}}
		l.d = Desired{Known: true, Wants: map[string]*Want{"n/a.0": want}}
		awake := l.now
		for range rapid.IntRange(1, 40).Draw(t, "events") {
			until := l.now + seconds("until", 0, 60)
			slept := rapid.IntRange(0, 5).Draw(t, "sleep") == 0
			if slept {
				l.now, awake = until, until
			}
			for { // an agent that is awake looks when it wanted to
				wake := l.look()
				if end := l.heard + l.have.Disconnect + l.have.KillTimeout; l.runs && (l.now >= end || !slept && wake > end) {
					t.Fatalf("it runs at %s and until %s, %s after the agent was heard (awake since %s)", l.now, wake, l.now-l.heard, awake)
				}
				if wake > until {
					break
				}
				l.now = max(wake, l.now)
			}
			l.now = until
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0: // silence goes on
			case 1: // as a supervisor does: what overslept is stopped before
				if l.look(); l.now-l.heard >= l.have.Disconnect {
					l.sure = false
				}
				l.heard = l.now
			case 2:
				l.sure = true
			case 3:
				if l.have.State == state.Running {
					l.gone()
					l.have.Failures, l.have.Ended = 1, &End{At: t0.Add(l.now), Failed: true, Started: true}
				}
			case 4:
				want.Spec = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "spec")
			case 5:
				l.d.Unsure = rapid.Bool().Draw(t, "unsure")
			}
		}
	})
}
