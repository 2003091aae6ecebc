package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stathub/state"
)

// TestRolloutLaws edits an app again and again while nodes come and go, and checks after each second that no more
// instances are away because of rollouts than the policy allows, that none is replaced while rollouts are paused, and that
// good content arrives everywhere in the end.
func TestRolloutLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFleet(t)
		nodes := rapid.IntRange(1, 5).Draw(t, "nodes")
		for i := range nodes {
			f.node(fmt.Sprint("n", i))
		}
		budget := rapid.IntRange(1, 4).Draw(t, "maxParallel")
		_, u := f.rolling("web", rapid.IntRange(1, 10).Draw(t, "scale"), budget)
		u.Canary = rapid.IntRange(0, 3).Draw(t, "canary")
		f.ticks(8)
		away := map[string]bool{} // replaced while at work, and not at work since
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			f.disturb(t, nodes)
			for range rapid.IntRange(0, 15).Draw(t, "seconds") {
				f.watch(t, budget, away)
			}
		}
		f.Apps["web"], u.Paused = f.good(), false
		for _, n := range f.Nodes {
			n.State = state.NodeUp
		}
		clear(f.mute)
		for n := 0; n < 500 && f.number("web", "good") != f.total("web"); n++ {
			f.watch(t, budget, away)
		}
		if f.number("web", "good") != f.total("web") {
			t.Fatalf("a good version did not arrive: %s; %s", f.versions("web"), f.state("web"))
		}
	})
}

func (f *fleet) good() *state.App {
	next := *f.Apps["web"]
	next.ToProcess = "good"
	return &next
}

// disturb changes one thing.
func (f *fleet) disturb(t *rapid.T, nodes int) {
	id := fmt.Sprint("n", rapid.IntRange(0, nodes-1).Draw(t, "node"))
	switch rapid.IntRange(0, 10).Draw(t, "change") {
	case 0:
		f.Choreos["web"].Scale = rapid.IntRange(1, 10).Draw(t, "scale")
	case 1:
		f.Nodes[id].State = rapid.SampledFrom([]state.NodeState{state.NodeUp, state.NodeDown}).Draw(t, "state")
	case 2:
		f.mute[id] = !f.mute[id]
	case 3:
		f.Rollouts = nil // another master
	case 4:
		f.Frozen = rapid.SampledFrom([]string{"", "many fell silent"}).Draw(t, "frozen")
	case 5:
		next := *f.Apps["web"]
		next.RestartToken = rapid.StringMatching("[a-c]").Draw(t, "token")
		f.Apps["web"] = &next
	case 10:
		f.Choreos["web"].Update.Paused = rapid.Bool().Draw(t, "paused")
	case 6:
		next := *f.Apps["web"]
		if next.HealthChecks = nil; rapid.Bool().Draw(t, "checked") {
			next.HealthChecks = []state.HealthCheck{{IntervalSeconds: 1, TimeoutSeconds: 1, MaxConsecutiveFailures: 1, Protocol: "COMMAND", Command: []string{"x"}}}
		}
		f.Apps["web"] = &next
	default:
		f.edit("web", rapid.SampledFrom([]string{"v2", "v3", "bad", "slow", "sick", "dead", "done", "flaky"}).Draw(t, "program"))
	}
}

// watch is one tick, and checks the budget.
func (f *fleet) watch(t *rapid.T, budget int, away map[string]bool) {
	type was struct {
		effect string
		works  bool
	}
	before := map[string]was{}
	f.reportAll()
	f.eachInstance(func(id string, h *host, e *state.ManifestEntry) {
		inst, checked := h.instance(id), len(e.App.HealthChecks) > 0
		before[id] = was{effect(&e.App, e.RestartToken), h.condition(id, state.SpecSum(h.manifest, e), checked) == working}
		if inst != nil && h.caughtUp() && atWork(inst, checked) {
			delete(away, id)
		}
	})
	f.decide()
	now := map[string]bool{}
	f.eachInstance(func(id string, _ *host, e *state.ManifestEntry) {
		now[id] = true
		if old, there := before[id]; there && old.works && old.effect != effect(&e.App, e.RestartToken) {
			away[id] = true
		}
		if old, there := before[id]; there && f.Choreos["web"].Update.Paused && old.effect != effect(&e.App, e.RestartToken) {
			t.Fatalf("%s was replaced while rollouts are paused; %s; %s", id, f.versions("web"), f.state("web"))
		}
	})
	maps.DeleteFunc(away, func(id string, _ bool) bool { return !now[id] })
	if len(away) > budget {
		t.Fatalf("%d are away because of the rollout, and maxParallel is %d: %v; %s; %s", len(away), budget,
			slices.Sorted(maps.Keys(away)), f.versions("web"), f.state("web"))
	}
}

// eachInstance visits what the manifests of living nodes list.
func (f *fleet) eachInstance(visit func(id string, h *host, e *state.ManifestEntry)) {
	for node, c := range f.Manifests {
		if f.Nodes[node].State != state.NodeUp {
			continue
		}
		h := &host{id: node, record: f.Nodes[node], manifest: c.Manifest, report: f.Reports[node]}
		if e := c.Manifest.Entry("web"); e != nil {
			for n := range e.Count {
				visit(state.InstanceID(node, "web", n), h, e.Of(n))
			}
		}
	}
}
