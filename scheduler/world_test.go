package scheduler

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

// world builds inputs and applies plans to them, as a master would.
type world struct {
	Input
	t          fataler
	overloaded map[string]bool // nodes that are so by no plan's doing
}

func newWorld(nodes ...string) *world {
	w := &world{overloaded: map[string]bool{}, Input: Input{
		Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Writer: "m1", Term: 7,
		Apps: map[string]*state.App{}, Choreos: map[string]*state.Choreo{}, Broken: map[string]string{},
		Nodes: map[string]*state.Node{}, Manifests: map[string]Current{}, Reports: map[string]*state.Report{},
	}}
	w.Match = w.match
	for _, id := range nodes {
		w.node(id)
	}
	return w
}

// match knows "*", "tag" and the query that fails.
func (w *world) match(query string) ([]string, error) {
	if query == "fails" {
		return nil, errors.New("the index is not built yet")
	}
	var found []string
	for id, n := range w.Nodes {
		if query == "*" || slices.Contains(n.Tags, query) {
			found = append(found, id)
		}
	}
	return found, nil
}

// rememberMatches has Match give the very same slice as long as the answer is the same.
func (w *world) rememberMatches() {
	last := map[string][]string{}
	w.Match = func(query string) ([]string, error) {
		found, err := w.match(query)
		slices.Sort(found)
		if !slices.Equal(found, last[query]) {
			last[query] = found
		}
		return last[query], err
	}
}

func (w *world) node(id string, tags ...string) *state.Node {
	n := &state.Node{ID: id, Schedulable: true, State: state.NodeUp, Tags: tags, Envs: map[string]string{}}
	w.Nodes[id] = n
	return n
}

func (w *world) app(name string, scale int, ports ...int) (*state.App, *state.Choreo) {
	a := &state.App{Name: name, ToProcess: "run", KillSignal: 15, Start: true, Ports: ports}
	all := state.MaxScale
	c := &state.Choreo{App: name, Query: "*", Scale: scale, Update: &state.UpdatePolicy{MaxParallel: &all}}
	w.Apps[name], w.Choreos[name] = a, c
	return a, c
}

// person writes an entry of a person's into a manifest.
func (w *world) person(node, app string, ports ...int) *state.ManifestEntry {
	m := &state.Manifest{Node: node, Envs: map[string]string{}}
	if old := w.Manifests[node].Manifest; old != nil {
		*m = *old
	}
	m.Apps = append(slices.Clone(m.Apps), state.ManifestEntry{
		App: state.App{Name: app, ToProcess: "mine", KillSignal: 15, Start: true, Ports: ports}, Count: 1, Owner: "ann",
	})
	w.Manifests[node] = Current{Manifest: m}
	return &m.Apps[len(m.Apps)-1]
}

// apply stores the manifests of a plan, read back from their bytes as a bucket gives them.
func (w *world) apply(t fataler, p Plan) {
	t.Helper()
	for id, m := range p.Manifests {
		read, err := state.Decode[state.Manifest](state.KindManifest.Key(id), state.Encode(m))
		if err != nil {
			t.Fatalf("the plan writes a bad manifest: %v", err)
		}
		w.Manifests[id] = Current{Manifest: read}
	}
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

// converge plans and applies until there is nothing left to do, which a few rounds must reach: a change of an app may
// free what the change of another one waits for. It gives the last plan.
func (w *world) converge(t fataler) Plan {
	t.Helper()
	for range 6 {
		p := Schedule(w.Input)
		if len(p.Manifests) == 0 {
			return p
		}
		w.apply(t, p)
	}
	t.Fatalf("it still writes %s", show(Schedule(w.Input).Manifests))
	return Plan{}
}

// settle plans and applies, and checks that there is nothing left to do then.
func (w *world) settle(t fataler) Plan {
	t.Helper()
	p := Schedule(w.Input)
	w.apply(t, p)
	if again := Schedule(w.Input); len(again.Manifests) != 0 {
		t.Fatalf("a second plan still writes %s", show(again.Manifests))
	}
	return p
}

// counts gives "n1:2 n2:1" for an app, as the manifests have it.
func (w *world) counts(app string) string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(w.Manifests)) {
		if e := w.Manifests[id].Manifest.Entry(app); e != nil {
			all = append(all, fmt.Sprintf("%s:%d", id, e.Count))
		}
	}
	return strings.Join(all, " ")
}

func (w *world) total(app string) int {
	n := 0
	for _, c := range w.Manifests {
		if e := c.Manifest.Entry(app); e != nil {
			n += e.Count
		}
	}
	return n
}

func show(ms map[string]*state.Manifest) string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(ms)) {
		b.Write(state.Encode(ms[id]))
	}
	return b.String()
}

func wantCounts(t *testing.T, w *world, app, want string) {
	t.Helper()
	if got := w.counts(app); got != want {
		t.Errorf("%s is on %q, want %q", app, got, want)
	}
}

func wantReason(t *testing.T, p Plan, app, code, words string) {
	t.Helper()
	for _, r := range p.Apps[app].Reasons {
		if r.Code == code && strings.Contains(r.Message, words) {
			return
		}
	}
	t.Errorf("%s: no reason %s with %q in %+v", app, code, words, p.Apps[app].Reasons)
}

func wantNote(t *testing.T, p Plan, kind, node, app string) {
	t.Helper()
	if !slices.ContainsFunc(p.Notes, func(n Note) bool { return n.Kind == kind && n.Node == node && n.App == app && n.Message != "" }) {
		t.Errorf("no note %s for %s/%s in %+v", kind, node, app, p.Notes)
	}
}
