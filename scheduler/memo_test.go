package scheduler

import (
	"fmt"
	"sync"
	"testing"

	"stathub/state"
)

// A memo may be asked for plans and explanations at the same time, and forgets what is gone.
func TestMemoIsShared(t *testing.T) {
	w := newWorld("n1", "n2", "n3")
	everybody := []string{"n1", "n2", "n3"}
	w.Match = func(string) ([]string, error) { return everybody, nil }
	for i := range 5 {
		w.app(fmt.Sprint("a", i), 3)
	}
	w.Memo = &Memo{}
	w.settle(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				if p := Schedule(w.Input); len(p.Manifests) > 0 {
					t.Error("a plan writes something")
				}
				if len(Explain(w.Input, "a1")) != 3 {
					t.Error("not every node is explained")
				}
			}
		})
	}
	wg.Wait()
	w.Apps, w.Choreos = map[string]*state.App{}, map[string]*state.Choreo{}
	delete(w.Nodes, "n3")
	delete(w.Manifests, "n3")
	Schedule(w.Input)
	if len(w.Memo.apps) != 0 || len(w.Memo.nodes) != 2 || len(w.Memo.answers) != 0 {
		t.Errorf("it remembers %d apps, %d nodes and %d answers", len(w.Memo.apps), len(w.Memo.nodes), len(w.Memo.answers))
	}
}

// The same placement is the same slice from plan to plan, and another one another.
func TestMemoSharesDists(t *testing.T) {
	w := newWorld("n1", "n2")
	_, c := w.app("web", 2)
	w.Memo = &Memo{}
	first := w.settle(t).Apps["web"].Dist
	if again := Schedule(w.Input).Apps["web"].Dist; &again[0] != &first[0] {
		t.Error("the dist is made anew")
	}
	more := *c
	more.Scale = 3
	w.Choreos["web"] = &more
	if p := w.settle(t); len(p.Apps["web"].Dist) != 2 || &p.Apps["web"].Dist[0] == &first[0] || first[0].Count+first[1].Count != 2 {
		t.Errorf("dist %+v, before %+v", p.Apps["web"].Dist, first)
	}
}
