package scheduler

import (
	"testing"

	"stathub/state"
)

// A choreography's schedule goes into the entries of its app, and so does each change of it: agents keep the time.
func TestScheduleGoesToTheNodes(t *testing.T) {
	w := newWorld("n1", "n2")
	_, choreo := w.app("job", 2)
	w.settle(t)
	for _, cron := range []string{"0 3 * * *", "@hourly", ""} {
		next := *choreo
		if next.Schedule = nil; cron != "" {
			next.Schedule = &state.Schedule{Cron: cron, Timezone: "Asia/Shanghai", Concurrency: state.ConcurrencyReplace}
		}
		w.Choreos["job"] = &next
		w.settle(t)
		for _, node := range []string{"n1", "n2"} {
			e := w.Manifests[node].Manifest.Entry("job")
			switch {
			case e.Pinned():
				t.Errorf("%s: the entry is not the master's", node)
			case cron == "" && e.Schedule != nil:
				t.Errorf("%s: the schedule stays: %+v", node, e.Schedule)
			case cron != "" && (e.Schedule == nil || e.Schedule.Cron != cron || e.Schedule.Timezone != "Asia/Shanghai" || e.Schedule.Concurrency != "replace"):
				t.Errorf("%s: the schedule is %+v, want %s", node, e.Schedule, cron)
			}
		}
	}
}
