package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// by counts an app's instances by the values of some levels of a spread, for every value that a node has.
func (w *world) by(app string, levels ...string) map[string]int {
	counts := map[string]int{}
	for id, n := range w.Nodes {
		key := ""
		for _, level := range levels {
			h := host{id: id, record: n}
			key += "/" + h.value(level)
		}
		counts[key] += 0
		if e := w.Manifests[id].Manifest.Entry(app); e != nil {
			counts[key] += e.Count
		}
	}
	return counts
}

func TestSpread(t *testing.T) {
	w := newWorld()
	for i := range 12 {
		zone := []string{"zone:a", "zone:b", "zone:b", "none"}[i%4] // 3 in a, 6 in b, 3 without
		w.node(fmt.Sprintf("n%02d", i), "rack:"+fmt.Sprint(i%5), zone)
	}
	_, c := w.app("web", 9)
	c.Spread = []string{"zone:", "rack:"}
	p := w.settle(t)
	if got := w.by("web", "zone:"); got["/zone:a"] != 3 || got["/zone:b"] != 3 || got["/"] != 3 || len(p.Apps["web"].Reasons) > 0 {
		t.Errorf("zones %v", got)
	}
	// What is there stays, even or not; what comes evens it out, and so does what goes.
	for id, n := range w.Nodes {
		if slices.Contains(n.Tags, "none") && w.Manifests[id].Manifest != nil {
			n.Tags[1] = "zone:a"
		}
	}
	if p := w.settle(t); len(p.Manifests) > 0 {
		t.Error("instances move for balance alone")
	}
	c.Scale = 12
	w.settle(t)
	if got := w.by("web", "zone:"); got["/zone:a"] != 6 || got["/zone:b"] != 6 {
		t.Errorf("zones %v", got)
	}
	c.Scale = 7
	w.settle(t)
	if got := w.by("web", "zone:"); max(got["/zone:a"], got["/zone:b"]) != 4 {
		t.Errorf("zones %v", got)
	}
}

// TestSpreadIsEven places an app on random nodes with nothing in its way: at every level, what shares the levels above
// differs by one at most.
func TestSpreadIsEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for i := range rapid.IntRange(1, 30).Draw(t, "nodes") {
			n := w.node(fmt.Sprint("n", i))
			n.Hostname = fmt.Sprint("h", rapid.IntRange(0, 9).Draw(t, "host"))
			for _, prefix := range []string{"zone:", "rack:"} {
				if v := rapid.IntRange(0, 3).Draw(t, prefix); v > 0 {
					n.Tags = append(n.Tags, prefix+fmt.Sprint(v))
				}
			}
		}
		levels := rapid.Permutation([]string{"zone:", "rack:", "hostname"}).Draw(t, "levels")
		_, c := w.app("web", 0)
		c.Spread = levels[:rapid.IntRange(1, 3).Draw(t, "depth")]
		for range 3 { // larger each time: what is even can be kept so
			c.Scale += rapid.IntRange(0, 60).Draw(t, "more")
			w.settle(t)
			checkEven(t, w, c.Spread)
		}
		c.Scale = rapid.IntRange(0, c.Scale).Draw(t, "less")
		w.settle(t)
		checkEven(t, w, c.Spread[:1])
	})
}

func checkEven(t *rapid.T, w *world, levels []string) {
	for depth := range levels {
		within := map[string][]int{}
		for _, id := range slices.Sorted(maps.Keys(w.Nodes)) {
			above := ""
			h := host{record: w.Nodes[id]}
			for _, level := range levels[:depth] {
				above += "/" + h.value(level)
			}
			within[above] = append(within[above], w.by("web", levels[:depth+1]...)[above+"/"+h.value(levels[depth])])
		}
		for above, counts := range within {
			if slices.Max(counts)-slices.Min(counts) > 1 {
				t.Fatalf("%v, level %d in %q: %v", levels, depth, above, counts)
			}
		}
	}
}
