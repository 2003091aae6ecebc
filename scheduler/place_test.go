package scheduler

import (
	"fmt"
	"strings"
	"testing"

	"stathub/state"
)

func TestBalancesAndScales(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	_, c := w.app("web", 5)
	p := w.settle(t)
	if s := p.Apps["web"]; s.Wanted != 5 || s.Placed != 5 || len(s.Dist) != 3 || len(s.Reasons) != 0 {
		t.Errorf("status %+v", s)
	}
	for id, m := range p.Manifests {
		if n := m.Apps[0].Count; n < 1 || n > 2 {
			t.Errorf("%s has %d of 5 instances", id, n)
		}
		if m.Generation != 1 || m.Term != 7 || m.Writer != "m1" || !m.UpdatedAt.Equal(w.Now) || m.Apps[0].Owner != state.OwnerMaster || m.Apps[0].Pinned() {
			t.Errorf("manifest %s", state.Encode(m))
		}
	}
	for _, scale := range []int{2, 7, 3, 0} {
		c.Scale = scale
		w.settle(t)
		if w.total("web") != scale {
			t.Errorf("scale %d gives %s", scale, w.counts("web"))
		}
	}
}

func TestSmallAppsSpreadOverNodes(t *testing.T) {
	w := newWorld("n1", "n2", "n3", "n4")
	for i := range 8 {
		w.app(fmt.Sprint("app", i), 1)
	}
	w.settle(t)
	for id, c := range w.Manifests {
		if len(c.Manifest.Apps) != 2 {
			t.Errorf("%s has %d of 8 apps on 4 nodes", id, len(c.Manifest.Apps))
		}
	}
}

// Nothing that is placed right moves, and what must move does.
func TestWhatMoves(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   string
	}{
		"nothing":                  {func(*world) {}, "n1:2 n2:2"},
		"an empty node joins":      {func(w *world) { w.node("n3", "ssd") }, "n1:2 n2:2"},
		"a node is cordoned":       {func(w *world) { w.Nodes["n1"].Schedulable = false }, "n1:2 n2:2"},
		"a node is drained":        {func(w *world) { w.Nodes["n1"].Drain = true }, "n2:4"},
		"a node is draining":       {func(w *world) { w.Nodes["n1"].State = state.NodeDraining }, "n2:4"},
		"a node is down":           {func(w *world) { w.Nodes["n1"].State = state.NodeDown }, "n2:4"},
		"a node no longer matches": {func(w *world) { w.Nodes["n1"].Tags = nil }, "n2:4"},
		"every node is down": {func(w *world) {
			w.Nodes["n1"].State, w.Nodes["n2"].State = state.NodeDown, state.NodeDown
		}, "n1:2 n2:2"},
		"a node is down, but frozen": {func(w *world) {
			w.Nodes["n1"].State, w.Frozen = state.NodeDown, "2 of 2 nodes fell silent at once"
		}, "n1:2 n2:2"},
		"a silent node no longer matches, but frozen": {func(w *world) {
			w.Nodes["n1"].State, w.Nodes["n1"].Tags, w.Frozen = state.NodeDown, nil, "so"
		}, "n1:2 n2:2"},
		"scaled up":                        {func(w *world) { w.Choreos["web"].Scale = 5 }, ""},
		"scaled down, a node is cordoned":  {func(w *world) { w.Choreos["web"].Scale, w.Nodes["n1"].Schedulable = 2, false }, "n2:2"},
		"scaled up, a node is cordoned":    {func(w *world) { w.Choreos["web"].Scale, w.Nodes["n1"].Schedulable = 6, false }, "n1:2 n2:4"},
		"maxPerNode comes":                 {func(w *world) { w.Choreos["web"].MaxPerNode = 1 }, "n1:1 n2:1"},
		"a fixed port comes":               {func(w *world) { w.Apps["web"].Ports = []int{0, 80} }, "n1:1 n2:1"},
		"the app is not started":           {func(w *world) { w.Apps["web"].Start = false }, ""},
		"the app is deleted":               {func(w *world) { w.Apps["web"].Deleted = true }, ""},
		"deleted, and its choreo is gone":  {func(w *world) { w.Apps["web"].Deleted = true; delete(w.Choreos, "web") }, ""},
		"the app document is gone":         {func(w *world) { delete(w.Apps, "web") }, "n1:2 n2:2"},
		"the choreo is gone":               {func(w *world) { delete(w.Choreos, "web") }, "n1:2 n2:2"},
		"both are gone":                    {func(w *world) { delete(w.Choreos, "web"); delete(w.Apps, "web") }, "n1:2 n2:2"},
		"the app document is broken":       {func(w *world) { delete(w.Apps, "web"); w.Broken["web"] = "line 3" }, "n1:2 n2:2"},
		"the choreo is broken":             {func(w *world) { delete(w.Choreos, "web"); w.Broken["web"] = "line 3" }, "n1:2 n2:2"},
		"the query fails":                  {func(w *world) { w.Choreos["web"].Query = "fails"; w.Choreos["web"].Scale = 9 }, "n1:2 n2:2"},
		"every node record is gone":        {func(w *world) { clear(w.Nodes) }, "n1:2 n2:2"},
		"a manifest is gone":               {func(w *world) { delete(w.Manifests, "n1") }, "n1:2 n2:2"},
		"a manifest is gone, not a report": {func(w *world) { delete(w.Manifests, "n1"); w.reportOf("n1", "web", "web") }, "n1:2 n2:2"},
		"each":                             {func(w *world) { w.Choreos["web"].Mode, w.Choreos["web"].Scale = state.ModeEach, 1; w.node("n3", "ssd") }, "n1:1 n2:1 n3:1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", "ssd")
			w.node("n2", "ssd")
			_, choreo := w.app("web", 4)
			choreo.Query = "ssd"
			w.settle(t)
			wantCounts(t, w, "web", "n1:2 n2:2")
			c.change(w)
			w.settle(t)
			if name == "scaled up" {
				if got := w.counts("web"); got != "n1:2 n2:3" && got != "n1:3 n2:2" {
					t.Errorf("web is on %s", got)
				}
				return
			}
			wantCounts(t, w, "web", c.want)
		})
	}
}

// reportOf makes a report of a node with an instance per app named.
func (w *world) reportOf(node string, apps ...string) {
	r := &state.Report{Node: node, Manifest: state.ManifestStatus{Generation: 41}}
	for i, app := range apps {
		r.Instances = append(r.Instances, state.Instance{ID: state.InstanceID(node, app, i), App: app, N: i, State: state.Running})
	}
	w.Reports[node] = r
}

func TestSilentNodeComesBack(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	w.app("web", 3, 80)
	w.settle(t)
	w.Nodes["n3"].State = state.NodeDown
	if s := w.settle(t).Apps["web"]; s.Placed != 2 || len(s.Dist) != 2 {
		t.Errorf("an instance on a silent node counts: %+v", s)
	}
	wantCounts(t, w, "web", "n1:1 n2:1 n3:1") // it had nowhere else to go
	w.node("n4")
	w.settle(t)
	wantCounts(t, w, "web", "n1:1 n2:1 n4:1")
	w.Nodes["n3"].State = state.NodeUp
	w.settle(t)
	wantCounts(t, w, "web", "n1:1 n2:1 n4:1")
}

func TestFixedPorts(t *testing.T) {
	w := newWorld("n1", "n2")
	w.app("a", 1, 8080)
	w.app("b", 2, 8080, 9090)
	p := w.settle(t)
	if p.Apps["a"].Placed != 1 || p.Apps["b"].Placed != 1 {
		t.Errorf("placed a %+v, b %+v", p.Apps["a"], p.Apps["b"])
	}
	wantReason(t, p, "b", CodePort, "1 node has port 8080 in use by a")
	wantReason(t, p, "b", CodeOnePerNode, "fixed ports 8080, 9090")
	// A new version that wants a port in use moves away, whatever its name; the port's holder stays.
	w = newWorld("n1")
	w.app("z", 1, 80)
	a, _ := w.app("a", 1)
	w.settle(t)
	a.Ports = []int{80}
	w.node("n2")
	w.settle(t)
	wantCounts(t, w, "z", "n1:1")
	wantCounts(t, w, "a", "n2:1")
	// An app that gives up its place frees the port for all in the same plan.
	w.Apps["z"].Start = false
	w.app("b", 2, 80)
	p = w.settle(t)
	wantCounts(t, w, "b", "n1:1")
	wantReason(t, p, "z", CodeStopped, "POST /v1/app/z/_start")
}

func TestReasons(t *testing.T) {
	w := newWorld("n1")
	for id, change := range map[string]func(*state.Node){
		"n2": func(n *state.Node) { n.State = state.NodeDown }, "n3": func(n *state.Node) { n.Drain = true },
		"n4": func(n *state.Node) { n.Schedulable = false }, "n5": func(n *state.Node) { n.Tags = nil }, "n6": func(n *state.Node) { n.Tags = nil },
		"n7": func(*state.Node) {}, "n8": func(*state.Node) {},
	} {
		change(w.node(id, "ssd"))
	}
	w.Manifests["n7"] = Current{Manifest: &state.Manifest{Node: "n7", Paused: true}}
	w.Manifests["n8"] = Current{Unreadable: true}
	_, c := w.app("web", 9)
	c.Query, c.MaxPerNode = "ssd", 2
	w.Nodes["n1"].Tags = []string{"ssd"}
	p := w.settle(t)
	for code, words := range map[string]string{
		CodeDown: "1 node is down", CodeDraining: "1 node is being drained", CodeCordoned: "1 node is not schedulable",
		CodeNoMatch: `2 nodes do not match the query "ssd"`, CodeMaxPerNode: "maxPerNode (2)", CodeHeld: "paused",
	} {
		wantReason(t, p, "web", code, words)
	}
	if first := p.Apps["web"].Reasons[0]; first.Code != CodeNoMatch || first.Nodes != 2 || strings.Join(first.Names, " ") != "n5 n6" {
		t.Errorf("first reason %+v", first)
	}
	w.Frozen = "most nodes fell silent at once"
	wantReason(t, Schedule(w.Input), "web", CodeFrozen, w.Frozen)
	c.Query = "nosuch"
	wantReason(t, Schedule(w.Input), "web", CodeNoMatch, "no node matches")
	c.Query = "fails"
	wantReason(t, Schedule(w.Input), "web", CodeQuery, "not built yet")
	c.Scale, c.Query = 0, "*"
	wantReason(t, Schedule(w.Input), "web", CodeScale, "_scale")
	delete(w.Choreos, "web")
	wantReason(t, Schedule(w.Input), "web", CodeNoChoreo, "PUT /v1/app/web/choreo")
	w.Broken["web"] = "choreos/web.json: line 1"
	wantReason(t, Schedule(w.Input), "web", CodeBroken, "line 1")
	w = newWorld()
	w.app("web", 1)
	wantReason(t, Schedule(w.Input), "web", CodeNoNode, "start an agent")
}

func TestEachPerNode(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	_, c := w.app("log", 2)
	c.Mode = state.ModeEach
	w.Nodes["n3"].State = state.NodeDown
	if s := w.settle(t).Apps["log"]; s.Wanted != 4 || s.Placed != 4 {
		t.Errorf("status %+v", s)
	}
	w.Apps["log"].Ports = []int{514}
	p := w.settle(t)
	wantCounts(t, w, "log", "n1:1 n2:1")
	wantReason(t, p, "log", CodeOnePerNode, "2 nodes run an instance already, and the fixed port 514")
	w.Nodes["n3"].State = state.NodeUp
	w.settle(t)
	wantCounts(t, w, "log", "n1:1 n2:1 n3:1")
	// It has nowhere else to be, so it waits for its node in the manifest.
	w.Nodes["n2"].State = state.NodeDown
	w.settle(t)
	wantCounts(t, w, "log", "n1:1 n2:1 n3:1")
}

func TestExplain(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	_, c := w.app("web", 1)
	c.Query = "ssd"
	w.Nodes["n1"].Tags, w.Nodes["n2"].Tags = []string{"ssd"}, []string{"ssd"}
	w.settle(t)
	got := map[string]NodeVerdict{}
	for _, v := range Explain(w.Input, "web") {
		got[v.Code] = v
	}
	if v := got[CodePlaced]; !v.Chosen || v.Count != 1 || v.Reason == "" {
		t.Errorf("placed: %+v", v)
	}
	if v := got[CodeNotRequired]; v.Chosen || v.Reason == "" {
		t.Errorf("not required: %+v", v)
	}
	if v := got[CodeNoMatch]; v.Node != "n3" || !strings.Contains(v.Reason, "does not match") {
		t.Errorf("no match: %+v", v)
	}
	if Explain(w.Input, "nosuch") != nil {
		t.Error("an unknown app is explained")
	}
	w.Apps["web"].Start = false
	for _, v := range Explain(w.Input, "web") {
		if v.Code != CodeStopped {
			t.Errorf("stopped: %+v", v)
		}
	}
}
