package scheduler

import (
	"slices"

	"stathub/state"
)

// pending gives the orders to kill of a manifest that may still have something to do: the report has their process, or there
// is no report. pruned says that there were others.
func pending(m *state.Manifest, report *state.Report) (kills []state.Kill, pruned bool) {
	if m == nil || len(m.Kill) == 0 || report == nil {
		if m != nil {
			kills = m.Kill
		}
		return kills, false
	}
	for _, k := range m.Kill {
		if slices.ContainsFunc(report.Instances, func(i state.Instance) bool { return k.Names(&i) }) {
			kills = append(kills, k)
		}
	}
	return kills, len(kills) < len(m.Kill)
}
