package control

import (
	"maps"
	"slices"

	"stathub/state"
)

// tellChanges makes the folders tell of what changes in them.
func (c *Controller) tellChanges(told func(kind state.Kind, name string, apps []string)) {
	if told == nil {
		return
	}
	watchFolder(c.apps, told, func(*state.App) []string { return nil })
	watchFolder(c.choreos, told, func(*state.Choreo) []string { return nil })
	watchFolder(c.nodes, told, func(*state.Node) []string { return nil })
	watchFolder(c.manifests, told, appsOfManifest)
	watchFolder(c.reports, told, appsOfReport)
}

func watchFolder[T any](f *folder[T], told func(state.Kind, string, []string), appsOf func(*T) []string) {
	f.changed = func(name string, old, now *T) {
		apps := map[string]bool{}
		for _, doc := range []*T{old, now} {
			if doc == nil {
				continue
			}
			for _, app := range appsOf(doc) {
				apps[app] = true
			}
		}
		told(f.kind, name, slices.Collect(maps.Keys(apps)))
	}
}

func appsOfManifest(m *state.Manifest) []string {
	apps := make([]string, 0, len(m.Apps))
	for i := range m.Apps {
		apps = append(apps, m.Apps[i].App.Name)
	}
	return apps
}

func appsOfReport(r *state.Report) []string {
	apps := make([]string, 0, len(r.Instances))
	for i := range r.Instances {
		apps = append(apps, r.Instances[i].App)
	}
	return apps
}
