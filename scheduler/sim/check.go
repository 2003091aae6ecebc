package sim

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

// aWhile is how long it takes at most until the master knows how a living node is doing, and has acted on it.
const aWhile = 40 * time.Second

// checkPlan checks a plan against what it was made from.
func (w *world) checkPlan(in scheduler.Input, plan scheduler.Plan) {
	after := func(id string) *state.Manifest {
		if m := plan.Manifests[id]; m != nil {
			return m
		}
		return in.Manifests[id].Manifest
	}
	before, placed := map[string]int{}, map[string]int{}
	for id, n := range in.Nodes {
		w.checkNode(n, after(id))
		if n.State == state.NodeDown && in.Frozen == "" {
			continue
		}
		for _, e := range entries(in.Manifests[id].Manifest) {
			before[e.App.Name] += e.Count
		}
		for _, e := range entries(after(id)) {
			placed[e.App.Name] += e.Count
		}
	}
	for _, app := range w.names {
		ch, s := in.Choreos[app], plan.Apps[app]
		if ch.Mode != state.ModeEach && placed[app] > max(ch.Scale, 0) {
			w.violated("%s is placed %d times, its scale is %d", app, placed[app], ch.Scale)
		}
		if s.Placed != placed[app] {
			w.violated("%s says that %d are placed, and %d are", app, s.Placed, placed[app])
		}
		if s.Placed < s.Wanted && len(s.Reasons) == 0 {
			w.violated("%s lacks instances and gives no reason", app)
		}
	}
	needless, first := 0, ""
	for _, id := range slices.Sorted(maps.Keys(plan.Manifests)) {
		n, what := needlessMoves(in, id, plan.Manifests[id], before)
		needless, first = needless+n, cmp.Or(first, what)
	}
	if needless > plan.Moved {
		w.violated("%d instances were taken off nodes without need, and %d might be: %s", needless, plan.Moved, first)
	}
}

// checkMemo checks that a plan is the same as one from nothing.
func (w *world) checkMemo(in scheduler.Input, plan scheduler.Plan) {
	in.Memo = nil
	fresh := scheduler.Schedule(in)
	same := len(fresh.Manifests) == len(plan.Manifests)
	for id, m := range fresh.Manifests {
		same = same && plan.Manifests[id] != nil && bytes.Equal(state.Encode(m), state.Encode(plan.Manifests[id]))
	}
	if !same {
		w.violated("a plan from memory writes %d manifests, one from nothing %d, or others", len(plan.Manifests), len(fresh.Manifests))
	}
}

func entries(m *state.Manifest) []state.ManifestEntry {
	if m == nil {
		return nil
	}
	return m.Apps
}

// checkNode checks what one manifest asks of its node.
func (w *world) checkNode(n *state.Node, m *state.Manifest) {
	ports, cpus, mem := map[int]string{}, 0.0, state.Bytes(0)
	for _, e := range entries(m) {
		if ch := w.choreos[e.App.Name]; ch.MaxPerNode > 0 && e.Count > ch.MaxPerNode {
			w.violated("%s has %d of %s, and may have %d", n.ID, e.Count, e.App.Name, ch.MaxPerNode)
		}
		for _, port := range e.App.Ports {
			if port != 0 && ports[port] != "" {
				w.violated("%s and %s share port %d of %s", ports[port], e.App.Name, port, n.ID)
			}
			ports[port] = e.App.Name
		}
		if r := e.App.ResAlloc; r != nil {
			cpus += r.CPUs * float64(e.Count)
			mem += r.Mem * state.Bytes(e.Count)
		}
	}
	if cpus > float64(n.OS.CPUs)+1e-6 || mem > n.Memory.Total {
		w.violated("%s is to give %g cpus and %d bytes, and has %d and %d", n.ID, cpus, mem, n.OS.CPUs, n.Memory.Total)
	}
}

// needlessMoves counts the instances that are taken off a node that could keep them.
func needlessMoves(in scheduler.Input, id string, next *state.Manifest, before map[string]int) (needless int, first string) {
	n := in.Nodes[id]
	if n.State == state.NodeDraining || n.State == state.NodeDown && in.Frozen == "" {
		return 0, ""
	}
	for _, e := range entries(in.Manifests[id].Manifest) {
		ch, now := in.Choreos[e.App.Name], 0
		if left := next.Entry(e.App.Name); left != nil {
			now = left.Count
		}
		matches := ch.Query == "*" || slices.Contains(n.Tags, ch.Query)
		if now < e.Count && matches && (ch.Mode == state.ModeEach && now < ch.Scale || ch.Mode != state.ModeEach && before[e.App.Name] <= ch.Scale) {
			needless += e.Count - now
			first = cmp.Or(first, e.App.Name+" off "+id)
		}
	}
	return needless, first
}

// checkProcesses checks what really runs: what must not run twice does not, and rollouts keep to their budget.
func (w *world) checkProcesses() {
	running, rolling := map[string]int{}, map[string]int{}
	for _, n := range w.nodes {
		for at, p := range n.procs {
			if n.agent && w.choreos[at.app].OnDisconnect == "stop" {
				running[at.app]++
			}
			if e := n.manifest.Entry(at.app); p.rolled && n.living() && e != nil && at.n < e.Count {
				rolling[at.app]++
			}
		}
	}
	for _, app := range w.names {
		ch := w.choreos[app]
		if running[app] > 1 {
			w.violated("%s must not run twice, and %d run", app, running[app])
		}
		if most := max(*ch.Update.MaxParallel, ch.Update.Canary); rolling[app] > most {
			w.violated("a change of %s has %d instances out of service, and may have %d", app, rolling[app], most)
		}
	}
}

// checkSettled checks the end, when nothing has happened for long.
func (w *world) checkSettled() {
	for _, app := range w.names {
		s := w.master.plan.Apps[app]
		w.result.Wanted += s.Wanted
		w.result.Placed += s.Placed
	}
	if len(w.master.plan.Manifests) > 0 {
		w.violated("after the calm the plan still writes %d manifests", len(w.master.plan.Manifests))
	}
	w.result.Nodes = len(w.nodes)
	for _, n := range w.nodes {
		listed := 0
		for _, e := range entries(n.manifest) {
			listed += e.Instances()
			if want := w.apps[e.App.Name].ToProcess; e.App.ToProcess != want || len(e.Previous) > 0 {
				w.violated("%s still has %s as %q, which is %q by now", n.id, e.App.Name, e.App.ToProcess, want)
			}
		}
		for at, p := range n.procs {
			if !p.healthy {
				w.violated("%s/%s.%d is not healthy", n.id, at.app, at.n)
			}
			w.result.Healthy++
		}
		if listed != len(n.procs) {
			w.violated("%s is to run %d and runs %d", n.id, listed, len(n.procs))
		}
	}
}
