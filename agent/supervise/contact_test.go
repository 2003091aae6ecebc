package supervise

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/events"
	"stathub/state"
)

const single = `{"apps":[{"app":{"name":"one","toProcess":"run","killTimeoutSeconds":5},"disconnectSeconds":60},{"app":{"name":"other","toProcess":"run"}}]}`

// cut makes the bucket refuse everything, or answer again.
func (n *node) cut(yes bool) {
	if !yes {
		n.store.Fail(nil)
		return
	}
	n.store.Fail(func(op, key string) error { return state.Errorf(state.Unavailable, key, "no route to host") })
}

// pass lets time pass.
func (n *node) pass(d time.Duration) {
	time.Sleep(d - 300*time.Millisecond)
	n.settle()
}

// now gives what the agent says of an instance.
func (n *node) now(id string) (state.InstanceState, string) {
	for _, i := range n.Report().Instances {
		if i.ID == id {
			return i.State, i.Reason
		}
	}
	return "", ""
}

func (n *node) tells(kind string) (times int) {
	for _, e := range n.Events(1000) {
		if e.Kind == kind {
			times++
		}
	}
	return times
}

func TestStopsOutOfTouch(t *testing.T) {
	for name, moved := range map[string]bool{"comes back": false, "was moved meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.start()
				defer func() { n.stop() }()
				n.manifest(single)
				n.pass(time.Minute)
				before := n.wantRunning("n/one.0", "n/other.0")
				n.cut(true)
				n.pass(49 * time.Second) // the last heartbeat was 10 s before at the most
				n.wantRunning("n/one.0", "n/other.0")
				n.pass(12 * time.Second)
				n.wantRunning("n/other.0")
				if is, why := n.now("n/one.0"); is != state.Waiting || !strings.Contains(why, "out of touch with the bucket for 60 s") {
					t.Errorf("%s: %s", is, why)
				}
				if n.tells(events.InstanceDisconnected) != 1 {
					t.Errorf("told %d times", n.tells(events.InstanceDisconnected))
				}
				n.pass(10 * time.Minute)
				n.cut(false)
				want := []string{"n/one.0", "n/other.0"}
				if moved {
					n.manifest(`{"apps":[{"app":{"name":"other","toProcess":"run"}}]}`)
					want = want[1:]
				}
				n.pass(rejoin) // a heartbeat comes within 10 s
				n.wantRunning("n/other.0")
				n.pass(15 * time.Second)
				if after := n.wantRunning(want...); after["n/other.0"] != before["n/other.0"] {
					t.Error("what does not hang on the contact was restarted")
				}
			})
		})
	}
}

// What does not listen is killed when its time to stop is over.
func TestKilledOutOfTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"deaf","killTimeoutSeconds":5},"disconnectSeconds":20}]}`)
		n.pass(rejoin + 10*time.Second)
		n.wantRunning("n/a.0")
		n.cut(true)
		n.pass(21 * time.Second) // heartbeats were 5 s apart
		n.wantRunning("n/a.0")
		if got := n.runner.sent(); len(got) != 1 {
			t.Errorf("signals %v", got)
		}
		n.pass(4 * time.Second)
		n.wantRunning()
	})
}

// A machine that slept stops what hangs on the contact as soon as it is awake, though the bucket answers at once.
func TestStopsAfterSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(single)
		n.manifest(strings.Replace(single, `{"apps":[`, `{"apps":[{"app":{"name":"deaf","toProcess":"deaf","killTimeoutSeconds":30},"disconnectSeconds":60},`, 1))
		n.pass(30 * time.Second)
		before := n.wantRunning("n/one.0", "n/other.0", "n/deaf.0")
		n.slept.Add(int64(10 * time.Minute))
		n.pass(contactStep + 300*time.Millisecond)
		n.wantRunning("n/other.0") // deaf had no time left
		n.pass(rejoin + 15*time.Second)
		if after := n.wantRunning("n/one.0", "n/other.0", "n/deaf.0"); after["n/one.0"] == before["n/one.0"] || after["n/other.0"] != before["n/other.0"] {
			t.Errorf("before %v, after %v", before, after)
		}
		n.slept.Add(int64(40 * time.Second)) // short enough, with a heartbeat 10 s ago
		n.pass(20 * time.Second)
		n.wantRunning("n/one.0", "n/other.0", "n/deaf.0")
		if got := n.tells(events.InstanceDisconnected); got != 2 {
			t.Errorf("told %d times", got)
		}
	})
}

// Heartbeats come often enough for what hangs on them.
func TestShortDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(strings.Replace(single, "60", "2", 1))
		n.pass(20 * time.Second)
		before := n.wantRunning("n/one.0", "n/other.0")
		lost := 0
		n.store.Fail(func(op, key string) error { // every other one is lost
			if op == "put" && strings.HasPrefix(key, "heartbeats/") {
				if lost++; lost%2 == 0 {
					return errors.New("lost")
				}
			}
			return nil
		})
		n.pass(time.Minute)
		if after := n.wantRunning("n/one.0", "n/other.0"); after["n/one.0"] != before["n/one.0"] {
			t.Error("it was stopped")
		}
	})
}

// A later agent knows when the bucket last heard of the one before.
func TestContactOverRestarts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		away  time.Duration // for which no agent ran
		dead  bool          // the bucket does not answer afterwards
		lose  func(n *node) // from the disk, meanwhile
		after time.Duration // the agent has run
		runs  bool
	}{
		{name: "quick", away: time.Second, after: 10 * time.Second, runs: true},
		{name: "quick, no contact", away: time.Second, dead: true, after: 40 * time.Second, runs: true},
		{name: "quick, no contact in time", away: time.Second, dead: true, after: 61 * time.Second},
		{name: "away for long", away: time.Hour, after: time.Second},
		{name: "away for long, no contact", away: time.Hour, dead: true, after: time.Second},
		{name: "nobody knows, contact", away: time.Second, lose: (*node).loseContact, after: 10 * time.Second, runs: true},
		{name: "nobody knows, no contact", away: time.Second, dead: true, lose: (*node).loseContact, after: time.Second},
		{name: "another boot", away: time.Second, dead: true, lose: (*node).reboot, after: time.Second},
		{name: "the disk was wiped, no contact", away: time.Second, dead: true, lose: (*node).wipe, after: time.Second},
		{name: "the disk was wiped, contact", away: time.Second, lose: (*node).wipe, after: 10 * time.Second, runs: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.start()
				n.manifest(single)
				n.pass(time.Minute)
				n.stop()
				n.pass(tt.away)
				if tt.lose != nil {
					tt.lose(n)
				}
				n.cut(tt.dead)
				before := n.runner.pids()
				n.start()
				n.pass(tt.after)
				want := []string{"n/other.0"}
				if tt.runs {
					want = append(want, "n/one.0")
				}
				after := n.wantRunning(want...)
				if tt.runs && after["n/one.0"] != before["n/one.0"] {
					t.Error("it was restarted")
				}
				n.cut(false)
				n.pass(rejoin + 20*time.Second)
				n.wantRunning("n/one.0", "n/other.0")
				n.stop()
			})
		})
	}
}

func (n *node) loseContact() {
	if err := os.Remove(paths{n.dir}.contact()); err != nil {
		n.t.Error(err)
	}
}

func (n *node) reboot() {
	if err := os.WriteFile(paths{n.dir}.contact(), []byte(`{"boot":"another","heard":3600000}`), 0o600); err != nil {
		n.t.Error(err)
	}
}

func (n *node) wipe() {
	if err := os.RemoveAll(n.dir); err != nil {
		n.t.Error(err)
	}
}

// Without contact nothing is started that hangs on it, were it in the last good manifest.
func TestDoesNotStartOutOfTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(single)
		n.pass(time.Minute)
		n.stop()
		for _, id := range []string{"n/one.0", "n/other.0"} {
			_ = n.runner.Signal(n.runner.identity(id), 9)
		}
		n.cut(true)
		n.start()
		defer func() { n.stop() }()
		n.pass(30 * time.Second)
		n.wantRunning("n/other.0")
		n.cut(false)
		n.pass(30 * time.Second)
		n.wantRunning("n/one.0", "n/other.0")
	})
}

// The contact is noted while something hangs on it, and now and then only.
func TestContactIsNotedWhereNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.pass(time.Minute)
		file := paths{n.dir}.contact()
		there := func() (content string) {
			data, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			return string(data)
		}
		if there() != "" {
			t.Error("noted for nothing")
		}
		n.manifest(single)
		seen := map[string]bool{}
		for range 120 {
			n.pass(time.Second)
			seen[there()] = true
		}
		if len(seen) < 4 || len(seen) > 9 || seen[""] {
			t.Errorf("%d notes in two minutes", len(seen))
		}
		n.manifest(`{"apps":[]}`)
		n.pass(20 * time.Second)
		if there() != "" {
			t.Error("still noted")
		}
	})
}

// An agent whose bucket is its own directory is always in touch, even if the disk is full.
func TestAloneIsInTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.opts.Alone = true
		n.start()
		defer func() { n.stop() }()
		n.manifest(single)
		n.cut(true)
		n.pass(5 * time.Minute)
		n.wantRunning("n/one.0", "n/other.0")
	})
}
