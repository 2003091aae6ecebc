package agent

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"stathub/agent/supervise"
	"stathub/state/guard"
	"stathub/state/metric"
)

// gauges is what /metrics of an agent tells.
type gauges struct {
	started time.Time
	sv      *supervise.Supervisor
	stores  *guard.Stores
}

func (g *gauges) write(w *metric.Writer) {
	w.Program("stathub-agent", Version, g.started)
	type group struct{ app, state string }
	instances, restarts := map[group]int{}, map[string]int{}
	report := g.sv.Report()
	for _, i := range report.Instances {
		instances[group{i.App, string(i.State)}]++
		restarts[i.App] += i.Restarts
	}
	w.Family("stathub_agent_instances", metric.Gauge, "Instances on this node by app and state.")
	for _, k := range slices.SortedFunc(maps.Keys(instances), func(a, b group) int {
		return cmp.Or(cmp.Compare(a.app, b.app), cmp.Compare(a.state, b.state))
	}) {
		w.Sample(float64(instances[k]), "app", k.app, "state", k.state)
	}
	w.Family("stathub_agent_restarts_total", metric.Counter, "Restarts of the instances that are on this node now.")
	for _, app := range slices.Sorted(maps.Keys(restarts)) {
		w.Sample(float64(restarts[app]), "app", app)
	}
	w.One("stathub_agent_manifest_generation", metric.Gauge, "Generation of the manifest that is followed.", float64(report.Manifest.Generation))
	w.Family("stathub_agent_manifest_error", metric.Gauge, "1 while the newest manifest cannot be followed.")
	w.Bool(report.Manifest.Error != "")
	g.stores.Write(w)
}
