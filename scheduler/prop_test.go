package scheduler

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stathub/state"
)

// TestLaws changes a random cluster step by step and checks after each step what must always hold.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		memo := &Memo{}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			change(t, w)
			before := maps.Clone(w.Manifests)
			p := Schedule(w.Input)
			remembering := w.Input
			remembering.Memo = memo
			for what, in := range map[string]Input{"twice": w.Input, "with a memo": remembering} {
				if again := Schedule(in); show(p.Manifests) != show(again.Manifests) || fmt.Sprint(p.Apps, p.Notes) != fmt.Sprint(again.Apps, again.Notes) {
					t.Fatalf("planning %s gives another plan", what)
				}
			}
			p = w.converge(t)
			checkPorts(t, w)
			checkCapacity(t, w)
			checkRoom(t, w, before)
			checkUntouched(t, w, before)
			for name := range w.Apps {
				if w.placing(name) {
					checkScale(t, w, p, name)
					checkMoves(t, w, before, name)
				} else if a := w.Apps[name]; (a.Deleted || !a.Start) && w.mine(w.Manifests, name, func(string) bool { return true }) > 0 {
					t.Fatalf("%s is stopped and is on %s", name, w.counts(name))
				}
			}
		}
	})
}

// drawWorld makes a cluster with a few apps.
func drawWorld(t *rapid.T) *world {
	w := newWorld()
	w.rememberMatches()
	for i := range rapid.IntRange(1, 6).Draw(t, "nodes") {
		drawNode(t, w, fmt.Sprint("n", i))
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "apps") {
		drawApp(t, w, fmt.Sprint("a", i))
	}
	return w
}

func drawNode(t *rapid.T, w *world, id string) {
	n := w.node(id, rapid.SampledFrom([][]string{{"ssd"}, {"ssd", "zone:a"}, {"zone:b", "ssd"}}).Draw(t, "tags")...)
	n.Hostname = id
	w.overloaded[id] = true // perhaps: a capacity that shrinks moves nothing
	n.OS.CPUs = rapid.SampledFrom([]int{0, 2, 4}).Draw(t, "cpus")
	n.Memory.Total = state.Bytes(rapid.SampledFrom([]int{0, 4, 8}).Draw(t, "memory"))
	if size := rapid.SampledFrom([]int{0, 5}).Draw(t, "disk"); size > 0 {
		n.Disks = []state.Disk{{Total: 1}, {Total: state.Bytes(size)}}
	}
}

func drawApp(t *rapid.T, w *world, name string) {
	var ports []int
	if p := rapid.SampledFrom([]int{0, 80, 81}).Draw(t, "port"); p != 0 || rapid.Bool().Draw(t, "ports") {
		ports = append(ports, p)
	}
	a, c := w.app(name, rapid.IntRange(0, 9).Draw(t, "scale"), ports...)
	drawNeeds(t, a)
	c.Priority = rapid.IntRange(-1, 1).Draw(t, "priority")
	c.Spread = rapid.SampledFrom([][]string{nil, {"hostname"}, {"zone:"}, {"zone:", "hostname"}}).Draw(t, "spread")
	c.MaxPerNode = rapid.IntRange(0, 3).Draw(t, "maxPerNode")
	c.Query = rapid.SampledFrom([]string{"*", "ssd", "fails"}).Draw(t, "query")
	c.Mode = rapid.SampledFrom([]string{"", state.ModeCount, state.ModeEach}).Draw(t, "mode")
}

func drawNeeds(t *rapid.T, a *state.App) {
	a.ResAlloc = nil
	if rapid.Bool().Draw(t, "resAlloc") {
		a.ResAlloc = &state.Resources{
			CPUs: rapid.SampledFrom([]float64{0, 0.1, 0.5, 1}).Draw(t, "cpus"),
			Mem:  state.Bytes(rapid.IntRange(0, 3).Draw(t, "mem")),
			Disk: state.Bytes(rapid.IntRange(0, 2).Draw(t, "disk")),
		}
	}
}

// change does one thing to the world. Documents are replaced, never changed.
func change(t *rapid.T, w *world) {
	app := fmt.Sprint("a", rapid.IntRange(0, 3).Draw(t, "app"))
	id := fmt.Sprint("n", rapid.IntRange(0, 6).Draw(t, "node"))
	a, c, n := replace(w.Apps, app), replace(w.Choreos, app), replace(w.Nodes, id)
	m := w.Manifests[id].Manifest
	switch op := rapid.IntRange(0, 16).Draw(t, "op"); {
	case op == 0:
		drawApp(t, w, app)
	case op == 1:
		drawNode(t, w, id)
	case op == 2:
		delete(w.Apps, app)
	case op == 3:
		delete(w.Choreos, app)
	case op == 4:
		if delete(w.Broken, app); rapid.Bool().Draw(t, "broken") {
			w.Broken[app] = "line 1"
			delete(w.Apps, app)
		}
	case op == 5:
		w.Frozen = rapid.SampledFrom([]string{"", "many fell silent"}).Draw(t, "frozen")
	case op == 6 && m != nil:
		edited := *m
		edited.Apps = slices.Clone(m.Apps)
		for i := range edited.Apps {
			edited.Apps[i].App.Args = []string{"edited"}
		}
		w.Manifests[id] = Current{Manifest: &edited}
	case op == 7 && m != nil:
		paused := *m
		paused.Paused = !m.Paused
		w.Manifests[id] = Current{Manifest: &paused}
	case op == 8:
		delete(w.Nodes, id)
	case op <= 10 && c != nil:
		c.Scale = rapid.IntRange(0, 9).Draw(t, "scale")
	case op == 11 && a != nil:
		a.Start = !a.Start
	case op == 16 && a != nil:
		drawNeeds(t, a)
	case n == nil:
	case op == 12:
		n.Drain = !n.Drain
	case op == 13:
		n.Schedulable = !n.Schedulable
	case op == 14:
		n.State = rapid.SampledFrom([]state.NodeState{state.NodeUp, state.NodeDown}).Draw(t, "state")
	default:
		n.Tags = rapid.SampledFrom([][]string{nil, {"ssd"}}).Draw(t, "tags")
	}
}

// replace puts a copy of a document in its place, to be changed.
func replace[T any](docs map[string]*T, name string) *T {
	if docs[name] == nil {
		return nil
	}
	doc := *docs[name]
	docs[name] = &doc
	return &doc
}

func (w *world) placing(app string) bool {
	a, c := w.Apps[app], w.Choreos[app]
	return a != nil && c != nil && w.Broken[app] == "" && a.Start && !a.Deleted && c.Query != "fails"
}

func (w *world) heldNode(id string) bool {
	m := w.Manifests[id].Manifest
	return w.Nodes[id] == nil || m != nil && m.Paused
}

func (w *world) live(id string) bool {
	return w.Nodes[id] == nil || w.Nodes[id].State != state.NodeDown || w.Frozen != ""
}

func (w *world) matches(app, id string) bool {
	found, _ := w.match(w.Choreos[app].Query)
	return slices.Contains(found, id)
}

// mine counts the instances of the master's entries on nodes that it may write, of the nodes that ok names.
func (w *world) mine(ms map[string]Current, app string, ok func(id string) bool) int {
	n := 0
	for id, c := range ms {
		if e := c.Manifest.Entry(app); e != nil && !e.Pinned() && !w.heldNode(id) && ok(id) {
			n += e.Count
		}
	}
	return n
}

// fixed counts the instances that no plan can change but that count as placed.
func (w *world) fixed(ms map[string]Current, app string) int {
	n := 0
	for id, c := range ms {
		if e := c.Manifest.Entry(app); e != nil && (e.Pinned() || w.heldNode(id)) && w.live(id) {
			n += e.Count
		}
	}
	return n
}

func (w *world) limit(app string) int {
	n := state.MaxCount
	if m := w.Choreos[app].MaxPerNode; m > 0 {
		n = m
	}
	if len(fixedPorts(w.Apps[app])) > 0 {
		n = min(n, 1)
	}
	return n
}

func checkPorts(t *rapid.T, w *world) {
	for id, c := range w.Manifests {
		if w.live(id) && w.Frozen != "" && w.Nodes[id] != nil && w.Nodes[id].State == state.NodeDown {
			continue // left as it was
		}
		used := map[int]string{}
		for i := range c.Manifest.Apps {
			e := &c.Manifest.Apps[i]
			for _, port := range fixedPorts(&e.App) {
				if used[port] != "" && !w.heldNode(id) && !e.Pinned() {
					t.Fatalf("%s: port %d is for %s and %s", id, port, used[port], e.App.Name)
				}
				used[port] = e.App.Name
			}
		}
	}
}

// checkUntouched holds people's entries, manifests that are left alone and entries of apps without a readable document to their bytes.
func checkUntouched(t *rapid.T, w *world, before map[string]Current) {
	for id, was := range before {
		now := w.Manifests[id]
		if w.heldNode(id) {
			if !bytes.Equal(state.Encode(was.Manifest), state.Encode(now.Manifest)) {
				t.Fatalf("%s is to be left alone", id)
			}
			continue
		}
		for i := range was.Manifest.Apps {
			old := was.Manifest.Apps[i]
			if !old.Pinned() && w.Apps[old.App.Name] != nil {
				continue
			}
			if old.Owner == state.OwnerMaster && old.Pinned() {
				old.Owner, old.Sum = state.OwnerHand, ""
			}
			if e := now.Manifest.Entry(old.App.Name); e == nil || !bytes.Equal(state.Encode(e), state.Encode(old)) {
				t.Fatalf("%s: the entry of %s changed", id, old.App.Name)
			}
		}
	}
}

// checkScale: never more than the scale, and less only where no node can take one more.
func checkScale(t *rapid.T, w *world, p Plan, app string) {
	c := w.Choreos[app]
	mine := w.mine(w.Manifests, app, w.live)
	if !(c.Mode == state.ModeEach) && mine > max(0, c.Scale-w.fixed(w.Manifests, app)) {
		t.Fatalf("%s is on %s with scale %d", app, w.counts(app), c.Scale)
	}
	placed := mine + w.fixed(w.Manifests, app)
	if p.Apps[app].Placed != placed {
		t.Fatalf("%s: status %+v, but it is on %s", app, p.Apps[app], w.counts(app))
	}
	if placed < p.Apps[app].Wanted && len(p.Apps[app].Reasons) == 0 {
		t.Fatalf("%s: no reason in %+v", app, p.Apps[app])
	}
	for id, n := range w.Nodes {
		e := w.Manifests[id].Manifest.Entry(app)
		has := 0
		if e != nil {
			has = e.Count
		}
		if has > 0 && !e.Pinned() && !w.heldNode(id) && n.State == state.NodeUp && len(e.Previous) == 0 && slices.Equal(fixedPorts(&e.App), fixedPorts(w.Apps[app])) && has > w.limit(app) {
			t.Fatalf("%s has %d of %s", id, has, app)
		}
		want := w.limit(app)
		if c.Mode == state.ModeEach {
			want = min(want, c.Scale)
		} else if placed >= c.Scale {
			continue
		}
		if w.open(id, app) && has < want && w.free(id).holds(w.Apps[app].ResAlloc) {
			t.Fatalf("%s could take more of %s, which is on %s with scale %d", id, app, w.counts(app), c.Scale)
		}
	}
}

// open reports whether a node may take instances of an app, room apart.
func (w *world) open(id, app string) bool {
	n, m := w.Nodes[id], w.Manifests[id].Manifest
	if w.heldNode(id) || n.State != state.NodeUp || n.Drain || !n.Schedulable || !w.matches(app, id) {
		return false
	}
	if e := m.Entry(app); e != nil && e.Pinned() {
		return false
	}
	return !w.portTaken(m, app)
}

func (w *world) portTaken(m *state.Manifest, app string) bool {
	if m == nil {
		return false
	}
	return slices.ContainsFunc(m.Apps, func(e state.ManifestEntry) bool {
		return e.App.Name != app && slices.ContainsFunc(fixedPorts(&e.App), func(p int) bool { return slices.Contains(w.Apps[app].Ports, p) })
	})
}

// checkMoves: a node that may keep its instances loses some only as far as there are too many.
func checkMoves(t *rapid.T, w *world, before map[string]Current, app string) {
	if w.Choreos[app].Mode == state.ModeEach {
		return
	}
	staying, lost := 0, 0
	for id, c := range before {
		e := c.Manifest.Entry(app)
		if e == nil || e.Pinned() || w.heldNode(id) || !w.live(id) {
			continue
		}
		if n := w.Nodes[id]; n.State == state.NodeUp && (n.Drain || !w.matches(app, id) || w.portTaken(w.Manifests[id].Manifest, app)) {
			continue
		}
		if needs(w.Apps[app].ResAlloc).grewFrom(needs(e.App.ResAlloc)) {
			continue
		}
		keep := min(e.Count, w.limit(app))
		staying += keep
		if now := w.Manifests[id].Manifest.Entry(app); now == nil {
			lost += keep
		} else {
			lost += max(0, keep-now.Count)
		}
	}
	if excess := max(0, staying+w.fixed(w.Manifests, app)-w.Choreos[app].Scale); lost > excess {
		t.Fatalf("%s lost %d of its places, and only %d were too many: now %s", app, lost, excess, w.counts(app))
	}
}
