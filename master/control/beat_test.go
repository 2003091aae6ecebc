package control

import (
	"fmt"
	"testing"
	"time"

	"stathub/state"
)

// beat sends a heartbeat as an agent behind the gateway does: what is not taken in is written.
func (w *world) beat(node string) (taken bool) {
	if taken = w.c.Beat(node); !taken {
		w.put(state.KindHeartbeat.Key(node), fmt.Sprint(time.Now()))
	}
	return taken
}

// A node is alive as long as its heartbeats come, wherever they come in, and down when they stop.
func TestHeartbeatsInMemory(t *testing.T) {
	for _, tt := range []struct {
		name string
		beat func(w *world, n int)
		want state.NodeState
	}{
		{"in memory", func(w *world, _ int) { w.beat("n1") }, state.NodeUp},
		{"now here, now there", func(w *world, n int) {
			if n%2 == 0 {
				w.beat("n1")
			} else {
				w.put("heartbeats/n1", fmt.Sprint(n))
			}
		}, state.NodeUp},
		{"in the bucket", func(w *world, n int) { w.put("heartbeats/n1", fmt.Sprint(n)) }, state.NodeUp},
		{"nowhere", func(*world, int) {}, state.NodeDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				if w.beat("n1") {
					t.Error("the first heartbeat of a node that nobody knows was kept in memory")
				}
				w.put("reports/n1.json", `{"node": "n1"}`)
				w.wait(3 * time.Second)
				listed := w.get("heartbeats/n1")
				for n := range 12 {
					tt.beat(w, n)
					w.wait(10 * time.Second)
				}
				if n := w.c.Node("n1").Value; n == nil || n.State != tt.want {
					t.Errorf("after two minutes the node is %+v, want %s", n, tt.want)
				}
				if tt.name == "in memory" && w.get("heartbeats/n1") != listed {
					t.Error("a heartbeat was written")
				}
			})
		})
	}
}

// A node that fell silent and one that never was in the bucket but for its record come back by a heartbeat in memory.
func TestHeartbeatInMemoryBringsBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put("nodes/n2.json", `{"id": "n2", "state": "down"}`)
		w.beat("n1")
		w.put("reports/n1.json", `{"node": "n1"}`)
		w.wait(time.Minute)
		for _, id := range []string{"n1", "n2"} {
			if n := w.c.Node(id).Value; n.State != state.NodeDown {
				t.Fatalf("%s is %s", id, n.State)
			}
			if !w.beat(id) {
				t.Fatalf("a heartbeat of %s was written", id)
			}
		}
		w.wait(5 * time.Second)
		for _, id := range []string{"n1", "n2"} {
			if n := w.c.Node(id).Value; n.State != state.NodeUp || time.Since(n.LastSeen) > 5*time.Second {
				t.Errorf("%s is %s, last seen %v", id, n.State, n.LastSeen)
			}
		}
	})
}

// What is in memory is forgotten with the record of its node.
func TestHeartbeatsOfForgottenNodes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put("nodes/n1.json", `{"id": "n1", "state": "up"}`)
		w.wait(3 * time.Second)
		if !w.beat("n1") {
			t.Fatal("the heartbeat was not taken in")
		}
		w.wait(time.Minute)
		if err := w.c.ForgetNode(t.Context(), "n1"); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		if w.c.Beat("n1") || len(w.c.pulses.count) != 0 {
			t.Errorf("it is remembered: %v", w.c.pulses.count)
		}
	})
}

// A master that follows takes no heartbeat into its memory: it is written, where the leader finds it. Nodes whose
// heartbeats were in the memory of a leader that died are up, for the one that follows and for the one that takes over.
func TestHeartbeatsOverTakeover(t *testing.T) {
	inElection(t, func(t *testing.T, w *world) {
		a := w.join("a")
		w.put("reports/n1.json", `{"node": "n1"}`)
		w.put("heartbeats/n1", "joins")
		w.wait(5 * time.Second)
		b := w.join("b")
		w.wait(5 * time.Second)
		listed := w.get("heartbeats/n1")
		up := func(when string, masters ...*elected) {
			t.Helper()
			for _, m := range masters {
				if n := m.Node("n1").Value; n == nil || n.State != state.NodeUp {
					t.Errorf("%s: for master %s the node is %+v", when, m.opts.Name, n)
				}
			}
		}
		for range 12 {
			if !a.Beat("n1") || b.Beat("n1") {
				t.Fatal("the leader alone takes heartbeats in")
			}
			w.wait(10 * time.Second)
		}
		if w.get("heartbeats/n1") != listed {
			t.Fatal("a heartbeat was written")
		}
		up("through the leader", a, b)
		a.kill()
		for range 12 { // the agent goes on with the other one
			if !b.Beat("n1") {
				w.put("heartbeats/n1", time.Now().String())
			}
			w.wait(10 * time.Second)
			up("while b takes over", b)
		}
		if !b.leads() || !b.Beat("n1") {
			t.Error("b does not lead, or takes nothing in")
		}
		w.wait(time.Minute)
		if n := b.Node("n1").Value; n.State != state.NodeDown {
			t.Errorf("after a minute of silence the node is %s", n.State)
		}
	})
}
