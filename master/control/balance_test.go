package control

import (
	"testing"
	"time"

	"stathub/scheduler"
)

func TestBalanceBudget(t *testing.T) {
	for name, c := range map[string]struct {
		perMinute, appetite int // moves that each plan would make
		want                int // moves in ten minutes
	}{
		"off":            {0, 9, 0},
		"one a minute":   {1, 9, 9},
		"six a minute":   {6, 9, 59},
		"many a minute":  {60, 9, 532},
		"nothing to do":  {6, 0, 0},
		"one at a time":  {60, 1, 60},
		"less than that": {1, 1, 9},
	} {
		t.Run(name, func(t *testing.T) {
			b, start := balance{perMinute: c.perMinute}, time.Unix(1_000_000, 0)
			moved, wake := 0, start
			for now := start; now.Before(start.Add(10 * time.Minute)); now = now.Add(100 * time.Millisecond) {
				if wake.IsZero() || now.Before(wake) {
					continue
				}
				offered := b.offer(now)
				made := min(offered, c.appetite)
				moved += made
				wake = b.made(offered, made, now)
			}
			if moved != c.want {
				t.Errorf("%d moves in ten minutes, want %d", moved, c.want)
			}
		})
	}
}

func TestSooner(t *testing.T) {
	var never time.Time
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	for _, c := range [][3]time.Time{{never, never, never}, {never, late, late}, {late, never, late}, {early, late, early}, {late, early, early}} {
		if got := sooner(c[0], c[1]); !got.Equal(c[2]) {
			t.Errorf("sooner of %v and %v is %v", c[0], c[1], got)
		}
	}
}

// A master that may balance moves instances onto a node that joins, so many a minute; others never do.
func TestBalancesWhenANodeJoins(t *testing.T) {
	for name, c := range map[string]struct {
		moves int
		want  [4]int // on the node that joined, after each minute
	}{"off": {0, [4]int{}}, "one a minute": {1, [4]int{1, 2, 2, 2}}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.halt()
				w.moves = c.moves
				w.startMaster()
				w.agent("n1")
				w.agent("n2")
				w.wait(3 * time.Second)
				w.deploy("web", 6)
				w.wait(2 * time.Minute)
				w.agent("n3")
				w.wait(5 * time.Second)
				for minute, want := range c.want {
					if got := w.placed("web")["n3"]; got != want {
						t.Errorf("%d instances %d minutes after the node joined, want %d", got, minute, want)
					}
					w.wait(time.Minute)
				}
				w.wantPlaced("web", 6)
			})
		})
	}
}

// An app that must not run twice is started elsewhere only when the agent that fell silent has surely stopped it, and
// then soon.
func TestSingletonOfASilentNode(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.agent("n1"), w.agent("n2")
		w.wait(3 * time.Second)
		w.put("apps/one.json", `{"name": "one", "toProcess": "run", "start": true}`)
		w.put("choreos/one.json", `{"app": "one", "scale": 1, "onDisconnect": "stop", "disconnectSeconds": 30}`)
		w.wait(5 * time.Second)
		if w.placed("one")["n2"] == 1 {
			a, b = b, a
		}
		a.stop()
		w.wait(38 * time.Second) // it is down, and must be silent for 50 s: 30 to notice, 10 to stop, 10 to be sure
		if got := w.placed("one"); got[a.id] != 1 || got[b.id] != 0 {
			t.Fatalf("one is placed %v, and was on %s", got, a.id)
		}
		if r := w.c.Status("one").Reasons; len(r) == 0 || r[0].Code != scheduler.CodeLeaving {
			t.Errorf("reasons %+v", r)
		}
		w.wait(20 * time.Second)
		if got := w.placed("one"); got[b.id] != 1 || got[a.id] != 0 {
			t.Errorf("one is placed %v, and was on %s", got, a.id)
		}
		w.resume(a)
		w.wait(20 * time.Second)
		if got := w.placed("one"); len(got) != 1 || got[b.id] != 1 {
			t.Errorf("one is placed %v", got)
		}
	})
}
