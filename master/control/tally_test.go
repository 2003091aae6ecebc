package control

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stathub/state"
	"stathub/state/memstore"
)

// Whatever changes between two looks, the counts of an app are those of the reports as they are.
func TestTalliesFollow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := New(Options{Store: memstore.New(), Index: &fakeIndex{}})
		apps := []string{"a", "b", "gone"}
		for _, app := range apps {
			c.apps.apply(app, Doc[state.App]{Value: &state.App{Name: app, Start: true}, ETag: "1"})
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				changeReport(t, c)
			}
			got := c.Statuses()
			for _, app := range apps {
				want := countAnew(c, app)
				g := got[app]
				if !reflect.DeepEqual([]int{g.Running, g.Healthy, g.Unhealthy, g.Unknown, g.Waiting, g.Completed},
					[]int{want.Running, want.Healthy, want.Unhealthy, want.Unknown, want.Waiting, want.Completed}) || !slices.EqualFunc(g.Reasons, want.Reasons, func(a, b state.AppReason) bool { return reflect.DeepEqual(a, b) }) {
					t.Fatalf("of %s: %+v, want %+v", app, g, want)
				}
				wantPages(t, c, app)
			}
		}
	})
}

// countAnew is how an app's status is counted from every report.
func countAnew(c *Controller, app string) (s state.AppStatus) {
	for i := range 4 {
		id := fmt.Sprint("n", i)
		doc := c.Report(id)
		if doc.Value == nil {
			continue
		}
		up := c.Node(id).Value != nil && c.Node(id).Value.State == state.NodeUp
		for k := range doc.Value.Instances {
			if inst := &doc.Value.Instances[k]; inst.App == app {
				s.Count(inst, up)
				if up {
					s.Blame(inst, id)
				}
			}
		}
	}
	return s
}

// wantPages fails unless the pages of an app's instances are together all of them.
func wantPages(t *rapid.T, c *Controller, app string) {
	want := c.Procs("", app)
	var got []state.Proc
	for from := 0; ; from += 2 {
		page, total := c.AppProcs(app, from, 2)
		if total != len(want) || len(page) != max(0, min(2, total-from)) {
			t.Fatalf("%d of %d instances from %d on, want %d in all", len(page), total, from, len(want))
		}
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("instances %v, want %v", got, want)
	}
}

func changeReport(t *rapid.T, c *Controller) {
	id := fmt.Sprint("n", rapid.IntRange(0, 3).Draw(t, "node"))
	switch rapid.IntRange(0, 4).Draw(t, "change") {
	case 0:
		c.reports.apply(id, Doc[state.Report]{})
	case 1:
		c.nodes.apply(id, Doc[state.Node]{ETag: "1", Value: &state.Node{ID: id, State: rapid.SampledFrom([]state.NodeState{state.NodeUp, state.NodeDown}).Draw(t, "state")}})
	default:
		r := &state.Report{Node: id}
		for _, app := range []string{"a", "b"} {
			for n := range rapid.IntRange(0, 3).Draw(t, "instances") {
				r.Instances = append(r.Instances, state.Instance{
					ID: state.InstanceID(id, app, n), App: app, N: n,
					State:  rapid.SampledFrom([]state.InstanceState{state.Running, state.Backoff, state.Completed, state.Stopping, state.Waiting}).Draw(t, "state"),
					Reason: rapid.SampledFrom([]string{"", "exit code 1; next try in 4 s", "no such file"}).Draw(t, "reason"),
					Health: rapid.SampledFrom([]state.Health{state.HealthUnknown, state.HealthHealthy, state.HealthUnhealthy}).Draw(t, "health"),
				})
			}
		}
		c.reports.apply(id, Doc[state.Report]{Value: r, ETag: "1"})
	}
}

// 1,000 apps of 100 instances on 10,000 nodes.
func BenchmarkStatuses(b *testing.B) {
	const nodes, apps = 10_000, 1000
	c := New(Options{Store: memstore.New(), Index: &fakeIndex{}})
	for i := range apps {
		name := fmt.Sprintf("app%d", i)
		c.apps.apply(name, Doc[state.App]{Value: &state.App{Name: name, Start: true}, ETag: "1"})
	}
	report := func(k int) Doc[state.Report] {
		id := fmt.Sprintf("n%d", k)
		r := &state.Report{Node: id}
		for n := range 10 {
			app := fmt.Sprintf("app%d", (k*10+n)%apps)
			r.Instances = append(r.Instances, state.Instance{ID: state.InstanceID(id, app, 0), App: app, State: state.Running, Health: state.HealthHealthy})
		}
		return Doc[state.Report]{Value: r, ETag: "1"}
	}
	for k := range nodes {
		id := fmt.Sprintf("n%d", k)
		c.nodes.apply(id, Doc[state.Node]{Value: &state.Node{ID: id, State: state.NodeUp}, ETag: "1"})
		c.reports.apply(id, report(k))
	}
	b.Run("all", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			c.reports.apply("n7", report(7))
			c.Statuses()
		}
	})
	b.Run("one", func(b *testing.B) {
		for b.Loop() {
			c.Status("app7")
		}
	})
	b.Run("page of instances", func(b *testing.B) {
		for b.Loop() {
			c.AppProcs("app7", 50, 50)
		}
	})
}
