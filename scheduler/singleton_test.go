package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

// says makes the report of a node whose agent goes by the manifest as it is now: count instances of an app in a state.
func (w *world) says(node, app string, count int, s state.InstanceState) {
	r := &state.Report{Node: node}
	if m := w.Manifests[node].Manifest; m != nil {
		r.Manifest.Generation = m.Generation
	}
	for n := range count {
		r.Instances = append(r.Instances, state.Instance{ID: state.InstanceID(node, app, n), App: app, N: n, PID: 100 + n, State: s})
	}
	w.Reports[node] = r
}

// singleWorld has two nodes, an app that must not run twice on the first of them, and an agent there that runs it.
func singleWorld(t *testing.T) *world {
	w := newWorld("n1", "n2")
	_, c := w.app("one", 1)
	c.OnDisconnect = state.DisconnectStop
	w.Nodes["n2"].Schedulable = false
	w.settle(t)
	w.Nodes["n2"].Schedulable = true
	w.says("n1", "one", 1, state.Running)
	wantCounts(t, w, "one", "n1:1")
	if e := w.Manifests["n1"].Manifest.Entry("one"); e.DisconnectSeconds != 60 {
		t.Fatalf("the agent is told to stop it after %v s", e.DisconnectSeconds)
	}
	return w
}

func TestSingletonMovesOnlyWhenItIsGone(t *testing.T) {
	for name, move := range map[string]func(w *world){
		"drain": func(w *world) { w.Nodes["n1"].Drain = true },
		"query": func(w *world) { w.Nodes["n2"].Tags, w.Choreos["one"].Query = []string{"ssd"}, "ssd" },
		"stop, start": func(w *world) {
			w.Apps["one"].Start = false
			w.apply(w.t, Schedule(w.Input))
			w.Apps["one"].Start = true
			w.Nodes["n1"].Schedulable = false
		},
		"more memory": func(w *world) {
			w.Nodes["n1"].Memory.Total = 1 << 20
			w.Apps["one"].ResAlloc = &state.Resources{Mem: 1 << 30}
		},
		"a port is hit": func(w *world) { w.Apps["one"].Ports = []int{80}; w.person("n1", "own", 80) },
	} {
		t.Run(name, func(t *testing.T) {
			w := singleWorld(t)
			w.t = t
			move(w)
			p := w.settle(t)
			wantCounts(t, w, "one", "n1:0")
			wantReason(t, p, "one", CodeLeaving, "waits for node n1 to stop it")
			w.says("n1", "one", 1, state.Stopping)
			p = w.settle(t)
			wantCounts(t, w, "one", "n1:0")
			wantReason(t, p, "one", CodeLeaving, "n1")
			w.says("n1", "one", 0, "")
			w.settle(t)
			wantCounts(t, w, "one", "n2:1")
		})
	}
}

func TestSingletonOfASilentNode(t *testing.T) {
	w := singleWorld(t)
	w.Nodes["n1"].State = state.NodeDown
	for _, silent := range []time.Duration{0, 40 * time.Second, 80 * time.Second} {
		w.Silent = map[string]time.Duration{"n1": silent}
		p := w.settle(t)
		wantCounts(t, w, "one", "n1:1")
		wantReason(t, p, "one", CodeLeaving, "until node n1 has been silent for 1m20s")
		if want := w.Now.Add(max(80*time.Second-silent, time.Second)); !p.Wake.Equal(want) {
			t.Errorf("silent for %v: it wakes at %v, want %v", silent, p.Wake, want)
		}
	}
	for _, v := range Explain(w.Input, "one") {
		if v.Node == "n2" && (v.Code != CodeLeaving || !strings.Contains(v.Reason, "n1")) {
			t.Errorf("n2: %+v", v)
		}
	}
	// What the node was told counts, not what it would be told.
	w.Choreos["one"].DisconnectSeconds = 10
	w.settle(t)
	wantCounts(t, w, "one", "n1:1")
	w.Silent["n1"] = 81 * time.Second
	p := Schedule(w.Input)
	w.apply(t, p)
	wantCounts(t, w, "one", "n1:0") // and if the master dies now, the node has nothing to start when it is back
	if !p.Wake.After(w.Now) || p.Wake.After(w.Now.Add(time.Second)) {
		t.Errorf("it wakes at %v", p.Wake)
	}
	w.settle(t)
	wantCounts(t, w, "one", "n1:0 n2:1")
	w.Nodes["n1"].State = state.NodeUp
	w.settle(t)
	wantCounts(t, w, "one", "n1:0 n2:1")
	w.says("n1", "one", 0, "")
	w.settle(t)
	wantCounts(t, w, "one", "n2:1")
}

func TestSingletonOfANodeThatWasNeverTold(t *testing.T) {
	w := newWorld("n1", "n2")
	_, c := w.app("one", 1)
	w.Nodes["n2"].Schedulable = false
	w.settle(t)
	w.says("n1", "one", 1, state.Running)
	w.Nodes["n2"].Schedulable, w.Nodes["n1"].State = true, state.NodeDown
	w.Silent = map[string]time.Duration{"n1": time.Hour}
	c.OnDisconnect = state.DisconnectStop
	p := w.settle(t)
	wantCounts(t, w, "one", "n1:1")
	wantReason(t, p, "one", CodeLeaving, "never told to stop it")
	delete(w.Nodes, "n1")
	delete(w.Manifests, "n1")
	delete(w.Reports, "n1")
	w.settle(t)
	wantCounts(t, w, "one", "n2:1")
}

// agent is a model of one: it reads its manifest, acts and reports, each when it gets to it.
type agent struct {
	generation int64
	want       int
	disconnect float64
	running    int // processes
	stopping   int // of the running ones
	cut        bool
	cutFor     time.Duration
	stopped    bool // it has stopped them for being out of touch
}

func (a *agent) read(m *state.Manifest) {
	if m == nil {
		return
	}
	a.generation, a.want, a.disconnect, a.stopped = m.Generation, 0, 0, false
	if e := m.Entry("one"); e != nil {
		a.want, a.disconnect = e.Instances(), e.DisconnectSeconds
	}
}

// act starts or stops one process, or lets one that is stopping go on or end.
func (a *agent) act(end bool) {
	want := a.want
	if a.stopped {
		want = 0
	}
	switch {
	case a.stopping > 0 && end:
		a.stopping--
		a.running--
	case a.running-a.stopping > want:
		a.stopping++
	case a.running < want && a.stopping == 0:
		a.running++
	}
}

func (a *agent) report(node string) *state.Report {
	r := &state.Report{Node: node, Manifest: state.ManifestStatus{Generation: a.generation}}
	for n := range max(a.running, a.want) {
		s := state.Waiting
		if n < a.running-a.stopping {
			s = state.Running
		} else if n < a.running {
			s = state.Stopping
		}
		r.Instances = append(r.Instances, state.Instance{ID: state.InstanceID(node, "one", n), App: "one", N: n, State: s})
	}
	return r
}

// pass lets time go by for an agent that is out of touch.
func (a *agent) pass(d time.Duration) {
	if a.cutFor += d; a.disconnect > 0 && a.cutFor >= state.Seconds(a.disconnect) {
		a.stopped = true
	}
	if a.stopped && a.cutFor >= state.Seconds(a.disconnect)+state.DefaultKillTimeout {
		a.running, a.stopping = 0, 0
	}
}

// TestSingletonsNeverRunTwice lets agents read, act, report and lose touch in any order, while people move the app about.
func TestSingletonsNeverRunTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld("n0", "n1", "n2", "n3")
		_, c := w.app("one", rapid.IntRange(1, 3).Draw(t, "scale"))
		c.OnDisconnect, c.MaxPerNode = state.DisconnectStop, rapid.IntRange(0, 2).Draw(t, "maxPerNode")
		agents := map[string]*agent{}
		silent := map[string]time.Duration{}
		for id := range w.Nodes {
			agents[id] = &agent{}
		}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			id := fmt.Sprint("n", rapid.IntRange(0, 3).Draw(t, "node"))
			a, n := agents[id], w.Nodes[id]
			switch op := rapid.IntRange(0, 11).Draw(t, "op"); {
			case op <= 2 && !a.cut:
				a.read(w.Manifests[id].Manifest)
			case op <= 4:
				a.act(rapid.Bool().Draw(t, "end"))
			case op <= 6 && !a.cut:
				w.Reports[id] = a.report(id)
			case op == 7:
				n.Drain = !n.Drain
			case op == 8:
				w.Apps["one"].Start = !w.Apps["one"].Start
			case op == 9:
				if a.cut = !a.cut; !a.cut {
					a.cutFor, n.State = 0, state.NodeUp
					delete(silent, id)
				}
			case op == 10:
				clear(silent) // another master looks
			case op == 11:
				c.MaxPerNode = rapid.IntRange(0, 2).Draw(t, "maxPerNode")
			}
			for id, a := range agents {
				if a.cut {
					d := time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second
					a.pass(d)
					if silent[id] += d; silent[id] > 35*time.Second {
						w.Nodes[id].State = state.NodeDown
					}
				}
			}
			w.Silent = silent
			w.apply(t, Schedule(w.Input))
			checkSingles(t, agents, c.Scale)
		}
		calmDown(t, w, agents)
	})
}

func checkSingles(t *rapid.T, agents map[string]*agent, scale int) {
	n := 0
	for _, a := range agents {
		n += a.running
	}
	if n > scale {
		t.Fatalf("%d instances run, and the scale is %d", n, scale)
	}
}

// calmDown gives everybody time: then as many run as are asked for.
func calmDown(t *rapid.T, w *world, agents map[string]*agent) {
	c := w.Choreos["one"]
	w.Silent, w.Apps["one"].Start = nil, true
	for _, n := range w.Nodes {
		n.State, n.Drain = state.NodeUp, false
	}
	for range 12 {
		for id, a := range agents {
			a.cut = false
			a.read(w.Manifests[id].Manifest)
			for range 8 {
				a.act(true)
			}
			w.Reports[id] = a.report(id)
		}
		w.apply(t, Schedule(w.Input))
		checkSingles(t, agents, c.Scale)
	}
	n := 0
	for _, a := range agents {
		n += a.running
	}
	if n != c.Scale {
		t.Fatalf("%d of %d run in the end: %s, %+v", n, c.Scale, w.counts("one"), Schedule(w.Input).Apps["one"])
	}
	if slices.ContainsFunc(Schedule(w.Input).Apps["one"].Reasons, func(r Reason) bool { return r.Code == CodeLeaving }) {
		t.Fatal("it still waits")
	}
}

// An agent that has not told what it runs by the present manifest is not asked for fewer: nobody would know from when.
func TestSingletonsLeaveInFullSight(t *testing.T) {
	w := newWorld("n1")
	_, c := w.app("one", 2)
	c.OnDisconnect = state.DisconnectStop
	w.settle(t)
	c.Scale = 1
	w.settle(t)
	wantCounts(t, w, "one", "n1:2")
	w.says("n1", "one", 2, state.Running)
	w.settle(t)
	wantCounts(t, w, "one", "n1:1")
}
