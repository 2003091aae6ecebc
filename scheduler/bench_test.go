package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"stathub/state"
)

func benchWorld(nodes, apps, scale int) *world {
	w := newWorld()
	for i := range nodes {
		w.node(fmt.Sprintf("n%05d", i), "ssd")
	}
	found := slices.Sorted(maps.Keys(w.Nodes))
	w.Match = func(string) ([]string, error) { return found, nil }
	for i := range apps {
		a, _ := w.app(fmt.Sprintf("app%04d", i), scale, 8000+i)
		a.Envs = map[string]string{"A": "1", "B": "2"}
		a.Args = []string{"--port", "${PORT}"}
	}
	return w
}

func benchmarkSchedule(b *testing.B, nodes, apps, scale int) {
	b.Run("empty", func(b *testing.B) {
		w := benchWorld(nodes, apps, scale)
		for b.Loop() {
			Schedule(w.Input)
		}
	})
	b.Run("settled", func(b *testing.B) {
		w := benchWorld(nodes, apps, scale)
		w.apply(b, Schedule(w.Input))
		for b.Loop() {
			if p := Schedule(w.Input); len(p.Manifests) > 0 {
				b.Fatal("it is not settled")
			}
		}
	})
	b.Run("one node lost", func(b *testing.B) {
		w := benchWorld(nodes, apps, scale)
		w.apply(b, Schedule(w.Input))
		w.Nodes["n00000"].State = state.NodeDown
		for b.Loop() {
			Schedule(w.Input)
		}
	})
}

func Benchmark1000Nodes200Apps(b *testing.B)  { benchmarkSchedule(b, 1_000, 200, 50) }
func Benchmark10000Nodes200Apps(b *testing.B) { benchmarkSchedule(b, 10_000, 200, 500) }
