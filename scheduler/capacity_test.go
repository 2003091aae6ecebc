package scheduler

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stathub/state"
)

// amount is resources as the documents have them; what is not known is very much.
type amount struct{ cpus, mem, disk float64 }

func (a amount) holds(r *state.Resources) bool {
	return r == nil || a.cpus-r.CPUs > -1e-9 && a.mem >= float64(r.Mem) && a.disk >= float64(r.Disk)
}

func of(r *state.Resources) amount {
	if r == nil {
		return amount{}
	}
	return amount{r.CPUs, float64(r.Mem), float64(r.Disk)}
}

// free is what a node has left beside the entries of its manifest; below 0 where they want more than it has.
func (w *world) free(id string) amount {
	n := w.Nodes[id]
	left := amount{float64(n.OS.CPUs), float64(n.Memory.Total), 0}
	for _, d := range n.Disks {
		left.disk = max(left.disk, float64(d.Total))
	}
	for _, part := range []*float64{&left.cpus, &left.mem, &left.disk} {
		if *part == 0 {
			*part = 1e18
		}
	}
	if m := w.Manifests[id].Manifest; m != nil {
		for i := range m.Apps {
			each, count := of(m.Apps[i].App.ResAlloc), float64(m.Apps[i].Count)
			left.cpus, left.mem, left.disk = left.cpus-count*each.cpus, left.mem-count*each.mem, left.disk-count*each.disk
		}
	}
	return left
}

// checkCapacity: no node is over its capacity in what the entries of the master need, as long as all entries are its.
func checkCapacity(t *rapid.T, w *world) {
	for id, n := range w.Nodes {
		m := w.Manifests[id].Manifest
		if m == nil || w.heldNode(id) || n.State == state.NodeDown ||
			slices.ContainsFunc(m.Apps, func(e state.ManifestEntry) bool { return e.Pinned() || !w.placing(e.App.Name) }) {
			continue
		}
		if w.overloaded[id] {
			continue
		}
		if left := w.free(id); left.cpus < -1e-9 || left.mem < 0 || left.disk < 0 {
			t.Fatalf("%s lacks %+v for %s", id, left, state.Encode(m))
		}
	}
}

// checkRoom: whatever came to a node has room there. It also keeps in mind which nodes are overloaded by no plan's doing.
func checkRoom(t *rapid.T, w *world, before map[string]Current) {
	for id, n := range w.Nodes {
		m := w.Manifests[id].Manifest
		if m == nil || w.heldNode(id) {
			continue
		}
		left := w.free(id)
		for i := range m.Apps {
			e, had := &m.Apps[i], 0
			if old := before[id].Manifest.Entry(e.App.Name); old != nil {
				had = old.Count
			}
			if each := of(e.App.ResAlloc); !e.Pinned() && e.Count > had &&
				(each.cpus > 0 && left.cpus < -1e-9 || each.mem > 0 && left.mem < 0 || each.disk > 0 && left.disk < 0) {
				t.Fatalf("%s got %d of %s, and lacks %+v", id, e.Count-had, e.App.Name, left)
			}
		}
		over := left.cpus < -1e-9 || left.mem < 0 || left.disk < 0
		pinned := slices.ContainsFunc(m.Apps, func(e state.ManifestEntry) bool { return e.Pinned() || !w.placing(e.App.Name) })
		w.overloaded[id] = over && (w.overloaded[id] || pinned || n.State == state.NodeDown)
	}
}

func TestCapacity(t *testing.T) {
	w := newWorld("n1", "n2")
	w.Nodes["n1"].Memory.Total, w.Nodes["n2"].Memory.Total = 1<<30, 4<<30
	w.Nodes["n1"].OS.CPUs = 8
	a, c := w.app("web", 9)
	a.ResAlloc = &state.Resources{Mem: 512 << 20, CPUs: 0.5}
	own := w.person("n2", "own")
	own.App.ResAlloc, own.Count = &state.Resources{Mem: 1 << 30}, 2
	p := w.settle(t)
	wantCounts(t, w, "web", "n1:2 n2:4")
	wantReason(t, p, "web", CodeMemory, "2 nodes lack memory (each instance needs 512 MiB)")
	for _, v := range Explain(w.Input, "web") {
		if !strings.Contains(v.Reason, "lacks memory: each instance needs 512 MiB, and 0 bytes of "+map[string]string{"n1": "1 GiB", "n2": "4 GiB"}[v.Node]) {
			t.Errorf("verdict %+v", v)
		}
	}
	// People may overload a node: nothing leaves because of that, and nothing new comes.
	own = w.Manifests["n2"].Manifest.Entry("own")
	own.Count = 9
	w.settle(t)
	wantCounts(t, w, "web", "n1:2 n2:4")
	c.Scale = 5
	w.settle(t)
	c.Scale = 6
	w.settle(t)
	if w.total("web") != 6 && w.total("web") != 5 {
		t.Errorf("web is on %s", w.counts("web"))
	}
	// What comes to need more than its node has leaves, and goes where it fits.
	w.Manifests["n2"].Manifest.Entry("own").Count, c.Scale = 0, 4
	w.settle(t)
	a.ResAlloc = &state.Resources{Mem: 1 << 30, CPUs: 0.5}
	w.settle(t)
	wantCounts(t, w, "web", "n1:1 n2:3")
	// Capacity that shrinks moves nothing.
	w.Nodes["n2"].Memory.Total = 1 << 30
	w.settle(t)
	wantCounts(t, w, "web", "n1:1 n2:3")
	// Reasons and verdicts are of what is scarce.
	big, _ := w.app("big", 3)
	big.ResAlloc = &state.Resources{CPUs: 2.5}
	w.Nodes["n1"].OS.CPUs, w.Nodes["n2"].OS.CPUs = 2, 4
	p = w.settle(t)
	wantCounts(t, w, "big", "n2:1")
	wantReason(t, p, "big", CodeCPU, "2 nodes lack cores (each instance needs 2.5 cores)")
	for _, v := range Explain(w.Input, "big") {
		if v.Node == "n1" && !strings.Contains(v.Reason, "each instance needs 2.5 cores, and it has 2 cores in all") {
			t.Errorf("verdict %+v", v)
		}
	}
	// A job has no rollout: what its next runs need too much of leaves at once.
	job, c := w.app("job", 2)
	c.Schedule = &state.Schedule{Cron: "@daily"}
	w.settle(t)
	wantCounts(t, w, "job", "n1:1 n2:1")
	job.ResAlloc = &state.Resources{CPUs: 1.8}
	p = w.settle(t)
	wantCounts(t, w, "job", "")
	wantReason(t, p, "job", CodeCPU, "2 nodes lack cores (each instance needs 1.8 cores)")
}

// When not all fit: by priority, then the large ones first, then by name.
func TestPrecedence(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   string // the apps that are placed
	}{
		"large ones first":           {func(w *world) {}, "big"},
		"priority":                   {func(w *world) { w.Choreos["a"].Priority = 1 }, "a b"},
		"one per node has no choice": {func(w *world) { w.Choreos["b"].Mode = state.ModeEach }, "a b"},
		"by name":                    {func(w *world) { w.Apps["big"].ResAlloc = &state.Resources{Mem: 2} }, "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld("n1")
			w.Nodes["n1"].Memory.Total = 4
			for app, mem := range map[string]state.Bytes{"a": 2, "b": 2, "big": 4} {
				a, _ := w.app(app, 1)
				a.ResAlloc = &state.Resources{Mem: mem}
			}
			c.change(w)
			w.settle(t)
			var placed []string
			for _, e := range w.Manifests["n1"].Manifest.Apps {
				placed = append(placed, e.App.Name)
			}
			if got := strings.Join(placed, " "); got != c.want {
				t.Errorf("placed %s, want %s", got, c.want)
			}
		})
	}
}
