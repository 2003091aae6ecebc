package master

import (
	"maps"
	"slices"
	"time"

	"stathub/master/control"
	"stathub/state"
	"stathub/state/guard"
	"stathub/state/metric"
)

// gauges is what /metrics of a master tells.
type gauges struct {
	started time.Time
	mind    *control.Controller
	leader  control.Leader
	stores  *guard.Stores
	plans   *metric.Histogram
}

func (g *gauges) write(w *metric.Writer) {
	w.Program("stathub-master", Version, g.started)
	nodes := map[state.NodeState]int{state.NodeUp: 0, state.NodeDown: 0, state.NodeDraining: 0}
	for _, n := range g.mind.Nodes() {
		nodes[n.State]++
	}
	byState(w, "stathub_nodes", "Nodes by state.", nodes)
	apps, wanted, running := map[state.AppState]int{}, 0, 0
	for _, s := range g.mind.Statuses() {
		apps[s.State]++
		wanted, running = wanted+s.Wanted, running+s.Running
	}
	byState(w, "stathub_apps", "Apps by state.", apps)
	w.One("stathub_instances_wanted", metric.Gauge, "Instances that the apps should have.", float64(wanted))
	w.One("stathub_instances_running", metric.Gauge, "Instances that run, as agents report them.", float64(running))
	_, leads := g.leader.Lead()
	w.Family("stathub_master_leads", metric.Gauge, "1 while this master leads those that share its bucket.")
	w.Bool(leads)
	w.Family("stathub_schedule_frozen", metric.Gauge, "1 while nothing is moved off silent nodes, because too many are silent together.")
	w.Bool(g.mind.Frozen() != "")
	w.HistogramFamily("stathub_plan_duration_seconds", "Time that it took to decide what runs where.")
	w.Histogram(g.plans)
	g.stores.Write(w)
}

// byState writes a family of numbers by state.
func byState[S ~string](w *metric.Writer, name, help string, counts map[S]int) {
	w.Family(name, metric.Gauge, help)
	for _, s := range slices.Sorted(maps.Keys(counts)) {
		w.Sample(float64(counts[s]), "state", string(s))
	}
}
