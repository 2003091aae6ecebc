package sim

import (
	"fmt"
	"slices"

	"stathub/state"
)

// badProcess is a program that never becomes healthy.
const badProcess = "bad"

// happen lets one thing happen.
func (w *world) happen() {
	n, app := pick(w, w.nodes), pick(w, w.names)
	what := ""
	switch roll := w.rand.IntN(100); {
	case roll < 12:
		what = "a machine crashes"
		n.off()
	case roll < 26:
		what = "a machine comes back"
		w.back(n)
	case roll < 32:
		what = "a machine parts from the bucket"
		n.linked = false
	case roll < 40:
		what = "an agent dies, and its processes run on"
		n.agent = false
	case roll < 50:
		what = "all agents are back"
		for _, n := range w.nodes {
			if n.on {
				w.back(n)
			}
		}
	case roll < 56:
		what = "a machine joins"
		w.join()
	case roll < 64:
		what = "a drain begins or ends"
		w.edit(n, func(r *state.Node) { r.Drain = !r.Drain && w.chance(50) })
	case roll < 68:
		what = "tags change"
		w.edit(n, func(r *state.Node) { r.Tags = []string{r.Tags[0], pick(w, []string{"ssd", "hdd"})} })
	case roll < 72:
		what = "a process crashes"
		for at, p := range n.procs {
			if !p.bad {
				n.procs[at] = &process{spec: p.spec, pid: p.pid, started: w.now, rolled: p.rolled}
				n.stale()
			}
		}
	case roll < 82:
		what = "an app changes"
		w.roll(app, fmt.Sprintf("v%d", w.rand.IntN(1000)))
	case roll < 86:
		what = "an app changes for the worse"
		w.roll(app, badProcess)
	case roll < 92:
		what = "a scale changes"
		w.choreo(app, func(ch *state.Choreo) { ch.Scale = w.scale(ch) })
	case roll < 96:
		what = "the master restarts"
		w.master.restart()
	case roll < 97:
		what = "most machines fall silent"
		for _, n := range w.nodes {
			n.linked = n.linked && w.chance(30)
		}
	default:
		what = "a query changes"
		w.choreo(app, func(ch *state.Choreo) { ch.Query = pick(w, []string{"*", "ssd", "hdd"}) })
	}
	w.result.Happened[what]++
}

func (w *world) back(n *node) {
	if !n.living() {
		n.boot()
	}
}

// soothe ends all trouble.
func (w *world) soothe() {
	for _, n := range w.nodes {
		w.back(n)
		w.edit(n, func(r *state.Node) { r.Drain = false })
	}
	for _, app := range w.names {
		if w.apps[app].ToProcess == badProcess {
			w.roll(app, "mended")
		}
	}
}

// edit, roll and choreo change documents. Those that are there never change: they are replaced.
func (w *world) edit(n *node, do func(*state.Node)) {
	next := *n.record
	next.Tags = slices.Clone(next.Tags)
	do(&next)
	n.record = &next
}

func (w *world) roll(app, process string) {
	next := *w.apps[app]
	next.ToProcess = process
	w.apps[app] = &next
}

func (w *world) choreo(app string, do func(*state.Choreo)) {
	next := *w.choreos[app]
	do(&next)
	w.choreos[app] = &next
}

// scale draws how many instances an app is to have. What must not run twice has one.
func (w *world) scale(ch *state.Choreo) int {
	switch {
	case ch.OnDisconnect == "stop":
		return 1
	case ch.Mode == state.ModeEach:
		return 1 + w.rand.IntN(2)
	default:
		return w.rand.IntN(2*w.opts.Scale + 1)
	}
}

// newApp adds an app of a random nature.
func (w *world) newApp(name string) {
	a := &state.App{Name: name, ToProcess: "v0", KillSignal: 15, Start: true, Envs: map[string]string{}}
	ch := &state.Choreo{App: name, Query: pick(w, []string{"*", "*", "ssd", "hdd"})}
	parallel, healthy := 1+w.opts.Scale/8+w.rand.IntN(2+w.opts.Scale/8), float64(w.rand.IntN(15))
	deadline := 120.0
	ch.Update = &state.UpdatePolicy{MaxParallel: &parallel, MinHealthySeconds: &healthy, DeadlineSeconds: &deadline, Canary: w.rand.IntN(2)}
	switch w.rand.IntN(6) {
	case 0:
		ch.OnDisconnect, ch.DisconnectSeconds = "stop", 20
	case 1:
		ch.Mode, parallel = state.ModeEach, 1+w.opts.Nodes/8+w.rand.IntN(1+w.opts.Nodes/8)
	case 2:
		a.Ports = []int{8000 + w.rand.IntN(3)}
	case 3:
		ch.Spread = []string{"zone:"}
	case 4:
		a.ResAlloc = &state.Resources{CPUs: 0.5 + float64(w.rand.IntN(4))/2, Mem: state.Bytes(1+w.rand.IntN(4)) << 30}
	}
	if w.chance(20) {
		ch.MaxPerNode = 1 + w.rand.IntN(3)
	}
	ch.Scale = w.scale(ch)
	w.apps[name], w.choreos[name], w.names = a, ch, append(w.names, name)
}
