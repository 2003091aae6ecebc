package scheduler

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"stathub/state"
)

// balance plans with moves until there are none, and gives how many there were.
func (w *world) balance(t fataler, moves int) (total int) {
	t.Helper()
	for range 1000 {
		w.Moves = moves
		p := Schedule(w.Input)
		if p.Moved > moves {
			t.Fatalf("%d moves, and %d are allowed", p.Moved, moves)
		}
		w.apply(t, p)
		if total += p.Moved; p.Moved == 0 {
			w.Moves = 0
			w.converge(t)
			return total
		}
		w.Moves = 0
		w.converge(t)
	}
	t.Fatalf("moves do not come to an end")
	return 0
}

func TestRebalance(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   string
		moves  int
	}{
		"a node joins":                  {func(w *world) { w.node("n3", "ssd") }, "n1:2 n2:2 n3:2", 2},
		"a node joins that is cordoned": {func(w *world) { w.node("n3", "ssd").Schedulable = false }, "n1:3 n2:3", 0},
		"a node joins without a match":  {func(w *world) { w.node("n3") }, "n1:3 n2:3", 0},
		"a zone joins": {func(w *world) {
			w.Choreos["web"].Spread = []string{"zone:"}
			w.node("n3", "ssd", "zone:b")
		}, "n1:2 n2:1 n3:3", 3},
		"frozen": {func(w *world) { w.node("n3", "ssd"); w.Frozen = "so" }, "n1:3 n2:3", 0},
		"not twice": {func(w *world) {
			w.node("n3", "ssd")
			w.Choreos["web"].OnDisconnect = state.DisconnectStop
			w.settle(w.t)
		}, "n1:3 n2:3", 0},
		"a scheduled job": {func(w *world) {
			w.node("n3", "ssd")
			w.Choreos["web"].Schedule = &state.Schedule{Cron: "@daily"}
			w.settle(w.t)
		}, "n1:3 n2:3", 0},
		"a person's": {func(w *world) { w.node("n3", "ssd"); w.person("n3", "web") }, "n1:3 n2:2 n3:1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.t = t
			w.node("n1", "ssd", "zone:a")
			w.node("n2", "ssd", "zone:a")
			_, choreo := w.app("web", 6)
			choreo.Query = "ssd"
			w.settle(t)
			c.change(w)
			w.settle(t)
			if moves := w.balance(t, 1); moves != c.moves {
				t.Errorf("%d moves, want %d", moves, c.moves)
			}
			if got := w.counts("web"); got != c.want && !(name == "a zone joins" && got == "n1:1 n2:2 n3:3") && !(name == "a person's" && got == "n1:2 n2:3 n3:1") {
				t.Errorf("web is on %s, want %s", got, c.want)
			}
		})
	}
}

// While a change is under way, or a node is down that has nowhere to leave its instances, nothing moves.
func TestRebalanceWaits(t *testing.T) {
	w := newWorld("n1", "n2")
	w.app("web", 4)
	w.app("edge", 2, 80)
	w.settle(t)
	w.Nodes["n2"].State = state.NodeDown
	w.settle(t)
	w.node("n3")
	w.Nodes["n3"].Schedulable = false
	w.Moves = 9
	if p := Schedule(w.Input); p.Moved != 0 {
		t.Errorf("%d moves while edge waits for n2", p.Moved)
	}
	w.Nodes["n3"].Schedulable = true
	if p := Schedule(w.Input); p.Moved != 0 || len(p.Manifests) == 0 {
		t.Errorf("%d moves while edge gets its place", p.Moved)
	}
	w.Moves = 0
	w.settle(t)
	w.Moves = 9
	if p := Schedule(w.Input); p.Moved == 0 {
		t.Errorf("nothing moves: web is on %s", w.counts("web"))
	}
}

// Loads even out, too: those of apps that set resources aside by share, the others by number.
func TestRebalanceByLoad(t *testing.T) {
	w := newWorld("n1")
	for i := range 8 {
		a, _ := w.app(fmt.Sprint("a", i), 1)
		if i%2 == 0 {
			a.ResAlloc = &state.Resources{Mem: 1 << 30}
		}
	}
	w.settle(t)
	w.node("n2").Memory.Total = 16 << 30
	w.Nodes["n1"].Memory.Total = 8 << 30
	w.balance(t, 2)
	mem := map[string]int{}
	for id, c := range w.Manifests {
		for i := range c.Manifest.Apps {
			if c.Manifest.Apps[i].App.ResAlloc != nil {
				mem[id]++
			}
		}
	}
	if mem["n1"] != 2 || mem["n2"] != 2 || len(w.Manifests["n1"].Manifest.Apps) != 4 {
		t.Errorf("memory %v, n1 has %d of 8 apps", mem, len(w.Manifests["n1"].Manifest.Apps))
	}
}

// However the cluster came about, moves come to an end, and leave every law as it is.
func TestRebalanceComesToAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			change(t, w)
			w.converge(t)
		}
		w.Frozen = ""
		before := map[string]int{}
		for name := range w.Apps {
			before[name] = w.total(name)
		}
		w.converge(t)
		w.balance(t, rapid.IntRange(1, 5).Draw(t, "moves"))
		checkPorts(t, w)
		checkCapacity(t, w)
	})
}
