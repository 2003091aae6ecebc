package supervise

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"stathub/agent/converge"
	"stathub/state"
)

// drawContent gives one of a few contents that an app may have had over time. Some differ in nothing that a process is
// made from.
func drawContent(t *rapid.T, name string) (app state.App, token string) {
	return state.App{
		Name: name, Start: true, ToProcess: "run",
		Args:         []string{rapid.SampledFrom([]string{"v1", "v2", "v3"}).Draw(t, "version")},
		DependsOn:    rapid.SampledFrom([][]string{nil, {"db"}}).Draw(t, "dependsOn"),
		HealthChecks: rapid.SampledFrom([][]state.HealthCheck{nil, {{Protocol: "TCP"}}}).Draw(t, "checks"),
		Restart:      rapid.SampledFrom([]*state.Restart{nil, {Policy: state.RestartNever}}).Draw(t, "restart"),
	}, rapid.SampledFrom([]string{"", "again"}).Draw(t, "token")
}

func drawManifest(t *rapid.T) *state.Manifest {
	m := &state.Manifest{Node: "n"}
	for _, name := range []string{"web", "db"} {
		e := state.ManifestEntry{Count: rapid.IntRange(0, 6).Draw(t, "count")}
		e.App, e.RestartToken = drawContent(t, name)
		for left := e.Count; left > 0 && rapid.Bool().Draw(t, "previous"); {
			p := state.Previous{Count: rapid.IntRange(1, left).Draw(t, "of them")}
			p.App, p.RestartToken = drawContent(t, name)
			left -= p.Count
			e.Previous = append(e.Previous, p)
		}
		m.Apps = append(m.Apps, e)
	}
	return m
}

// Each instance is an app of its own: whatever contents the instances of an app have, one is stopped only if its own
// content is another (law 5), and each is what its entry says of it.
func TestContentsOfInstances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawManifest(t), drawManifest(t)
		old, d := compile("n", before), compile("n", after)
		have, want := converge.Observed{}, map[string]bool{} // want: is to be stopped
		for _, id := range old.IDs {
			have[id] = &converge.Have{State: state.Running, Spec: old.Wants[id].Spec}
			want[id] = true
		}
		for k := range after.Apps {
			e := &after.Apps[k]
			for n := range e.Count {
				id, own := state.InstanceID("n", e.App.Name, n), e.Of(n)
				if sum := state.SpecSum(after, own); have[id] != nil && have[id].Spec == sum {
					delete(want, id)
				} else if d.Wants[id].Spec != sum {
					t.Fatalf("%s is to be %s, not %s", id, d.Wants[id].Spec, sum)
				}
				if !slices.Equal(d.Wants[id].App.After, own.App.DependsOn) || d.Wants[id].App.Checked != (own.App.HealthChecks != nil) ||
					d.specs[id].app.Args[0] != own.App.Args[0] || d.Wants[id].Policy.Restart != policyOf(own) {
					t.Fatalf("%s has %+v of %+v", id, d.Wants[id], own)
				}
			}
		}
		for _, a := range converge.Diff(d.Desired, have, time.Unix(0, 0)).Actions {
			if a.Kind == converge.Stop && !want[a.ID] {
				t.Fatalf("%s is stopped: %s", a.ID, a.Reason)
			} else if a.Kind == converge.Stop {
				delete(want, a.ID)
			}
		}
		if len(want) > 0 {
			t.Fatalf("not stopped: %v", want)
		}
	})
}

func policyOf(e *state.ManifestEntry) string { policy, _, _ := e.RestartPolicy(); return policy }

// A rollout moves instances over one by one: each is replaced once, when its own turn comes.
func TestRolloutOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		v := func(version string, more string) string {
			return fmt.Sprintf(`{"name":"web","toProcess":"run","args":[%q]%s}`, version, more)
		}
		n.manifest(`{"apps":[{"app":` + v("1", "") + `,"count":3}]}`)
		pids := n.wantRunning("n/web.0", "n/web.1", "n/web.2")
		for moved := range 4 {
			previous := ""
			if moved < 3 {
				previous = fmt.Sprintf(`,"previous":[{"app":%s,"count":%d}]`, v("1", ""), 3-moved)
			}
			n.manifest(`{"apps":[{"app":` + v("2", `,"killTimeoutSeconds":5`) + `,"count":3` + previous + `}]}`)
			now := n.wantRunning("n/web.0", "n/web.1", "n/web.2")
			for k := range 3 {
				id := fmt.Sprintf("n/web.%d", k)
				want := "1"
				if k < moved {
					want = "2"
				}
				if got := n.runner.live[n.runner.identity(id)].Argv[1]; got != want {
					t.Errorf("%d moved: %s is version %s", moved, id, got)
				}
				if changed := now[id] != pids[id]; changed != (k == moved-1) {
					t.Errorf("%d moved: %s has process %d, before %d", moved, id, now[id], pids[id])
				}
			}
			pids = now
		}
	})
}

// Runs that overlap have the content of the instance that they are beside, and places of their own.
func TestContentsOfJobs(t *testing.T) {
	app := func(version string) state.App {
		return state.App{Name: "j", Start: true, ToProcess: version}
	}
	d := compile("n", &state.Manifest{Node: "n", Apps: []state.ManifestEntry{{
		App: app("new"), Count: 3, Schedule: &state.Schedule{Cron: "@daily", Concurrency: state.ConcurrencyAllow},
		Previous: []state.Previous{{App: app("old"), Count: 2}},
	}}})
	seen := map[string]bool{}
	for k, want := range []string{"new", "old", "old"} {
		id := fmt.Sprintf("n/j.%d", k)
		for _, place := range append([]string{id}, d.Beside[id]...) {
			if got := d.specs[place].app.ToProcess; got != want || seen[place] || d.Wants[place].Job == nil {
				t.Errorf("%s is %s, %+v", place, got, d.Wants[place].Job)
			}
			seen[place] = true
		}
	}
	if len(seen) != 3*maxOverlap {
		t.Errorf("%d places", len(seen))
	}
}
