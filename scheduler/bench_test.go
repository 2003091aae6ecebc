package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"stathub/state"
)

// benchWorld is a large cluster: every app has a fixed port and resources, and the nodes are in four zones.
func benchWorld(nodes, apps, scale int, port bool) *world {
	w := newWorld()
	for i := range nodes {
		n := w.node(fmt.Sprintf("n%05d", i), "ssd", fmt.Sprintf("zone:%d", i%4))
		n.Hostname, n.OS.CPUs, n.Memory.Total = n.ID, 64, 256<<30
		n.Disks = []state.Disk{{Total: 1 << 40}, {Total: 4 << 40}}
	}
	found := slices.Sorted(maps.Keys(w.Nodes))
	w.Match = func(string) ([]string, error) { return found, nil }
	w.Memo = &Memo{}
	for i := range apps {
		a, _ := w.app(fmt.Sprintf("app%04d", i), scale)
		if port {
			a.Ports = []int{8000 + i}
		}
		a.Envs = map[string]string{"A": "1", "B": "2"}
		a.Args = []string{"--port", "${PORT}"}
		a.ResAlloc = &state.Resources{CPUs: 0.1, Mem: 256 << 20}
	}
	return w
}

// benchmark measures a plan of a settled cluster after a change, which is made anew each time.
func benchmark(b *testing.B, w *world, wantManifests int, change func()) {
	w.apply(b, Schedule(w.Input))
	if p := Schedule(w.Input); len(p.Manifests) > 0 {
		b.Fatal("it is not settled")
	}
	b.ReportAllocs()
	countCPU(b)
	for b.Loop() {
		change()
		if p := Schedule(w.Input); len(p.Manifests) < wantManifests {
			b.Fatalf("it writes %d manifests", len(p.Manifests))
		}
	}
}

// 10,000 nodes, 1,000 apps, 100,000 instances.
func BenchmarkPlan(b *testing.B) {
	const nodes, apps, scale = 10_000, 1_000, 100
	b.Run("FromNothing", func(b *testing.B) {
		w := benchWorld(nodes, apps, scale, true)
		b.ReportAllocs()
		countCPU(b)
		for b.Loop() {
			w.Memo = nil
			if p := Schedule(w.Input); p.Apps["app0999"].Placed != scale {
				b.Fatal("not all is placed")
			}
		}
	})
	b.Run("FreshMaster", func(b *testing.B) {
		w := benchWorld(nodes, apps, scale, true)
		benchmark(b, w, 0, func() { w.Memo = nil })
	})
	b.Run("NoChange", func(b *testing.B) {
		w := benchWorld(nodes, apps, scale, true)
		benchmark(b, w, 0, func() {})
	})
	b.Run("App1000More", func(b *testing.B) {
		w := benchWorld(nodes, apps, scale, true)
		benchmark(b, w, 1000, func() {
			more := *w.Choreos["app0500"]
			more.Scale = scale + 1000
			w.Choreos["app0500"] = &more
		})
	})
	b.Run("NodeLost", func(b *testing.B) {
		w := benchWorld(nodes, apps, scale, true)
		benchmark(b, w, 2, func() {
			lost := *w.Nodes["n05000"]
			lost.State = state.NodeDown
			w.Nodes["n05000"] = &lost
		})
	})
	b.Run("AppChanged", func(b *testing.B) {
		w := benchWorld(nodes, apps, scale, true)
		benchmark(b, w, 1, func() {
			next := *w.Apps["app0500"]
			next.Args = []string{"changed"}
			w.Apps["app0500"] = &next
		})
	})
}

// 1,200 placements with an even spread, and no sampling: the best of all nodes each time.
func BenchmarkSpread1200On10000Nodes(b *testing.B) {
	for name, spread := range map[string][]string{"hostname": {"hostname"}, "zone": {"zone:"}, "zone,hostname": {"zone:", "hostname"}} {
		b.Run(name, func(b *testing.B) {
			w := benchWorld(10_000, 1, 1200, false)
			w.Choreos["app0000"].Spread = spread
			b.ReportAllocs()
			countCPU(b)
			for b.Loop() {
				w.Memo = nil
				if p := Schedule(w.Input); p.Apps["app0000"].Placed != 1200 {
					b.Fatal("not all is placed")
				}
			}
		})
	}
}

// 1,000,000 instances of 1,000 apps on 10,000 nodes.
func BenchmarkMillionInstances(b *testing.B) {
	w := benchWorld(10_000, 1_000, 1_000, false)
	b.ReportAllocs()
	countCPU(b)
	for b.Loop() {
		w.Memo = nil
		if p := Schedule(w.Input); p.Apps["app0999"].Placed != 1000 {
			b.Fatal("not all is placed")
		}
	}
}
