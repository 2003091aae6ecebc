package scheduler

import (
	"fmt"
	"testing"

	"stathub/state"
)

// What is foreseen is what a plan then does, and foreseeing changes nothing.
func TestForesee(t *testing.T) {
	const gib = 1 << 30
	for name, c := range map[string]struct {
		change func(w *world, app *state.App, ch *state.Choreo)
		want   string // arriving, leaving, changing, matching
	}{
		"nothing":          {func(*world, *state.App, *state.Choreo) {}, "+0 -0 on 0 of 4"},
		"scaled up":        {func(_ *world, _ *state.App, ch *state.Choreo) { ch.Scale = 6 }, "+2 -0 on 2 of 4"},
		"scaled to 0":      {func(_ *world, _ *state.App, ch *state.Choreo) { ch.Scale = 0 }, "+0 -4 on 4 of 4"},
		"to one tag":       {func(_ *world, _ *state.App, ch *state.Choreo) { ch.Query = "ssd" }, "+2 -2 on 4 of 2"},
		"nowhere":          {func(_ *world, _ *state.App, ch *state.Choreo) { ch.Query = "none" }, "+0 -4 on 4 of 0"},
		"one on each node": {func(_ *world, a *state.App, ch *state.Choreo) { a.Ports, ch.Scale = []int{8080}, 5 }, "+0 -0 on 0 of 4"},
		"no more per node": {func(_ *world, _ *state.App, ch *state.Choreo) { ch.Scale, ch.MaxPerNode = 6, 1 }, "+0 -0 on 0 of 4"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for i := range 4 {
				n := w.node(fmt.Sprint("n", i+1), []string{"hdd", "ssd"}[i%2])
				n.Memory.Total, n.OS.CPUs = 8*gib, 4
			}
			w.app("web", 4)
			w.app("other", 4)
			w.settle(t)
			in := w.Input
			app, ch := *w.Apps["web"], *w.Choreos["web"]
			c.change(w, &app, &ch)
			in.Apps, in.Choreos = map[string]*state.App{"web": &app, "other": w.Apps["other"]}, map[string]*state.Choreo{"web": &ch, "other": w.Choreos["other"]}
			before := w.counts("web")
			o := Foresee(in, "web", 10, 10)
			if got := fmt.Sprintf("+%d -%d on %d of %d", o.Arriving, o.Leaving, o.Changing, o.Matching); got != c.want {
				t.Errorf("foreseen %s, want %s", got, c.want)
			}
			if w.counts("web") != before {
				t.Error("to foresee changed what is there")
			}
			plan := Schedule(in)
			if fmt.Sprint(plan.Apps["web"].Dist) != fmt.Sprint(o.Status.Dist) || plan.Apps["web"].Placed != o.Status.Placed {
				t.Errorf("foreseen %v, planned %v", o.Status, plan.Apps["web"])
			}
			then := map[string]int{}
			for _, p := range plan.Apps["web"].Dist {
				then[p.Node] = p.Count
			}
			for _, n := range o.Nodes {
				if n.Then != then[n.Node] || n.FreeCPUs == nil || n.FreeMem == nil {
					t.Errorf("node %+v, planned %d", n, then[n.Node])
				}
			}
		})
	}
}

func TestForeseeBoundsWhatItLists(t *testing.T) {
	w := newWorld()
	for i := range 30 {
		w.node(fmt.Sprintf("n%02d", i))
	}
	_, ch := w.app("web", 10)
	w.settle(t)
	ch.Scale = 12
	o := Foresee(w.Input, "web", 4, 3)
	changing := 0
	for _, n := range o.Nodes {
		if n.Now != n.Then {
			changing++
		}
	}
	if len(o.Nodes) != 7 || changing != 2 || o.Matching != 30 {
		t.Errorf("%d nodes, %d of them change, %d match", len(o.Nodes), changing, o.Matching)
	}
	if Foresee(w.Input, "none", 4, 3) != nil {
		t.Error("an app that is not there has an outlook")
	}
}
