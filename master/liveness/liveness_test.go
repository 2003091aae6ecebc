package liveness

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

const (
	testTimeout = 35 * time.Second
	testStep    = 4 * time.Second
)

// sim drives a Detector as a poll every two seconds would.
type sim struct {
	v       *Detector
	now     time.Time
	beats   map[string]state.ETag
	records map[string]state.NodeState
	n       int
}

func newSim() *sim {
	return &sim{
		v: New(testTimeout, testStep, Freeze{}), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		beats: map[string]state.ETag{}, records: map[string]state.NodeState{},
	}
}

func (s *sim) beat(ids ...string) {
	for _, id := range ids {
		s.n++
		s.beats[id] = state.ETag(fmt.Sprint(s.n))
	}
}

// pass lets time go by; ids beat every 10 s.
func (s *sim) pass(d time.Duration, ids ...string) {
	for t := time.Duration(0); t < d; t += 2 * time.Second {
		if t%(10*time.Second) == 0 {
			s.beat(ids...)
		}
		s.now = s.now.Add(2 * time.Second)
		s.v.Observe(s.now, s.beats, s.records)
	}
}

func (s *sim) up(id string) bool {
	return s.v.Alive(id)
}

func names(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("n%d", i))
	}
	return all
}

func TestSilentNodeGoesDownAfterTheTimeout(t *testing.T) {
	s := newSim()
	s.pass(60*time.Second, "a", "b")
	s.beat("a")
	s.pass(2*time.Second, "b")
	for quiet := 2 * time.Second; quiet <= 60*time.Second; quiet += 2 * time.Second {
		if got, want := s.up("a"), quiet <= testTimeout+2*time.Second; got != want {
			t.Fatalf("after about %s of silence up = %v", quiet, got)
		}
		s.pass(2*time.Second, "b")
	}
	s.beat("a")
	s.pass(2 * time.Second)
	if !s.up("a") {
		t.Fatal("a node that is heard of again is up")
	}
}

func TestRecordedStateStandsAfterTheMastersStart(t *testing.T) {
	s := newSim()
	s.records = map[string]state.NodeState{"up": state.NodeUp, "draining": state.NodeDraining, "down": state.NodeDown, "unsaid": ""}
	s.beat("up", "draining", "down", "unsaid")
	for t2 := time.Duration(0); t2 < 34*time.Second; t2 += 2 * time.Second {
		s.pass(2 * time.Second)
		if !s.up("up") || !s.up("draining") || s.up("down") || s.up("unsaid") {
			t.Fatalf("the recorded states did not stand after %s", t2)
		}
	}
	s.beat("down")
	s.pass(2*time.Second, "draining")
	if !s.up("down") {
		t.Fatal("a heartbeat that changed makes a node up at once")
	}
	s.pass(6 * time.Second)
	if s.up("up") {
		t.Fatal("a node that stays silent goes down after the timeout")
	}
}

func TestOutageIsNotSilence(t *testing.T) {
	s := newSim()
	s.pass(60*time.Second, names(5)...)
	s.now = s.now.Add(time.Hour) // the master slept, or the bucket could not be listed
	s.pass(2 * time.Second)
	for _, id := range names(5) {
		if !s.up(id) {
			t.Fatalf("%s went down though nobody could hear it", id)
		}
	}
}

func TestFreeze(t *testing.T) {
	for _, c := range []struct {
		name              string
		nodes, silent     int
		frozen            bool
		back              int // of the silent ones
		afterwardsHolding bool
	}{
		{"one of three", 3, 1, false, 0, false},
		{"two of three are too few to suspect", 3, 2, false, 0, false},
		{"all three", 3, 3, true, 0, true},
		{"half is not more than half", 10, 5, false, 0, false},
		{"more than half", 10, 6, true, 0, true},
		{"all come back", 10, 10, true, 10, false},
		{"enough come back", 10, 7, true, 4, false},
		{"too few come back", 10, 9, true, 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, ids := newSim(), names(c.nodes)
			s.pass(60*time.Second, ids...)
			s.pass(40*time.Second, ids[c.silent:]...)
			if got := s.v.Frozen() != ""; got != c.frozen {
				t.Fatalf("frozen = %q", s.v.Frozen())
			}
			if s.up(ids[0]) {
				t.Fatal("a silent node is not shown as up")
			}
			if s.v.Held(ids[0]) != c.frozen {
				t.Fatalf("held = %v", s.v.Held(ids[0]))
			}
			back := append(ids[c.silent:len(ids):len(ids)], ids[:c.back]...)
			if c.frozen && c.back > 0 {
				s.pass(10*time.Second, back...)
				if c.back < c.silent && s.v.Frozen() == "" {
					t.Fatal("the first return must not give the others up at once")
				}
			}
			s.pass(60*time.Second, back...)
			if got := s.v.Frozen() != ""; got != c.afterwardsHolding {
				t.Fatalf("in the end frozen = %q", s.v.Frozen())
			}
			s.pass(10*time.Minute, ids...)
			if s.v.Frozen() != "" || !s.up(ids[0]) {
				t.Fatal("with all heartbeats back everything is as before")
			}
		})
	}
}

func TestFreezeThreshold(t *testing.T) {
	for _, c := range []struct {
		freeze        Freeze
		nodes, silent int
		frozen        bool
	}{
		{Freeze{}, 10, 6, true},
		{Freeze{Percent: 20}, 10, 3, true},
		{Freeze{Percent: 20}, 10, 2, false},
		{Freeze{Percent: 20}, 15, 3, false},
		{Freeze{Percent: 20, Nodes: 1}, 2, 1, true},
		{Freeze{Nodes: 7}, 10, 6, false},
		{Freeze{Nodes: 1}, 1, 1, true},
		{Freeze{Percent: 100}, 10, 10, false},
	} {
		t.Run(fmt.Sprintf("%+v with %d of %d", c.freeze, c.silent, c.nodes), func(t *testing.T) {
			s, ids := newSim(), names(c.nodes)
			s.v = New(testTimeout, testStep, c.freeze)
			s.pass(60*time.Second, ids...)
			s.pass(40*time.Second, ids[c.silent:]...)
			if got := s.v.Frozen() != ""; got != c.frozen || s.v.Held(ids[0]) != c.frozen {
				t.Fatalf("frozen = %q", s.v.Frozen())
			}
		})
	}
}

func TestForgettingEndsAFreeze(t *testing.T) {
	s, ids := newSim(), names(5)
	s.pass(60*time.Second, ids...)
	s.pass(60*time.Second, ids[3:]...)
	if s.v.Frozen() == "" {
		t.Fatal("three of five fell silent")
	}
	for _, id := range ids[:2] {
		s.v.Forget(id)
		delete(s.beats, id)
	}
	s.pass(4*time.Second, ids[3:]...)
	if why := s.v.Frozen(); why != "" {
		t.Fatalf("two were forgotten, but: %s", why)
	}
	if s.up(ids[2]) || s.v.Held(ids[2]) {
		t.Fatal("the one that is left is down")
	}
}

// However nodes come and go: a node that was heard of within the timeout is up; and whenever more than half of the
// nodes (at least three) fall silent within a few seconds, none of them is given up.
func TestLivenessLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, ids := newSim(), names(rapid.IntRange(1, 12).Draw(t, "nodes"))
		heard := map[string]time.Time{}
		for range rapid.IntRange(1, 120).Draw(t, "rounds") {
			for _, id := range rapid.SliceOfDistinct(rapid.SampledFrom(ids), rapid.ID[string]).Draw(t, "beats") {
				s.beat(id)
				heard[id] = s.now.Add(2 * time.Second)
			}
			s.now = s.now.Add(2 * time.Second)
			s.v.Observe(s.now, s.beats, s.records)
			for id, at := range heard {
				if s.now.Sub(at) <= testTimeout && !s.up(id) {
					t.Fatalf("%s was heard of %s ago and is not up", id, s.now.Sub(at))
				}
				if s.now.Sub(at) > testTimeout && s.up(id) {
					t.Fatalf("%s was not heard of for %s and is up", id, s.now.Sub(at))
				}
			}
		}
		if len(ids) < FreezeNodes {
			return
		}
		s.pass(10*time.Second, ids...)
		silent := rapid.IntRange(max(FreezeNodes, len(ids)/2+1), len(ids)).Draw(t, "silent")
		s.pass(rapid.SampledFrom([]time.Duration{50, 500, 5000}).Draw(t, "long")*time.Second, ids[silent:]...)
		for _, id := range ids[:silent] {
			if !s.v.Held(id) || s.up(id) {
				t.Fatalf("%s of %d silent ones among %d was given up", id, silent, len(ids))
			}
		}
	})
}

// A node that joins is up at once, even if its record was written before its first heartbeat was seen. A record that comes
// alone says what it says.
func TestFirstHeartbeatWithRecord(t *testing.T) {
	s := newSim()
	s.pass(10*time.Second, "other")
	s.records["joins"], s.records["alone"] = state.NodeDown, state.NodeDown
	s.beat("joins")
	s.pass(2 * time.Second)
	if !s.up("joins") || !s.v.Heard("joins") || s.up("alone") {
		t.Errorf("joins: %v, alone: %v", s.up("joins"), s.up("alone"))
	}
}
