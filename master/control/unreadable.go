package control

import (
	"maps"
	"slices"
	"strings"

	"stathub/state"
)

// Unreadable gives what is wrong with the documents of this master's picture that cannot be read, in the order of their keys.
func (c *Controller) Unreadable() []state.BadDocument {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := badOf(c.apps)
	all = append(all, badOf(c.choreos)...)
	all = append(all, badOf(c.nodes)...)
	all = append(all, badOf(c.manifests)...)
	all = append(all, badOf(c.reports)...)
	slices.SortFunc(all, func(a, b state.BadDocument) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// UnreadableNode does so for the documents of one node.
func (c *Controller) UnreadableNode(id string) []state.BadDocument {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Concat(badOf(c.nodes, id), badOf(c.manifests, id), badOf(c.reports, id))
}

// unreadableApp does so for those of one app. The caller holds mu.
func (c *Controller) unreadableApp(name string) []state.BadDocument {
	return slices.Concat(badOf(c.apps, name), badOf(c.choreos, name))
}

// Refused gives why agents do not follow the manifests that they were given, in the order of their nodes, apart from
// manifests that this master cannot read either.
func (c *Controller) Refused() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []string
	for _, id := range slices.Sorted(maps.Keys(c.reports.docs)) {
		report := c.reports.docs[id].Value
		if report != nil && report.Manifest.Error != "" && c.manifests.docs[id].Err == nil {
			all = append(all, id+": "+strings.ToValidUTF8(report.Manifest.Error, "\uFFFD"))
		}
	}
	return all
}

// badOf gives the unreadable documents of a folder, of those named, or of all. The caller holds mu.
func badOf[T any](f *folder[T], names ...string) (bad []state.BadDocument) {
	add := func(name string, doc Doc[T]) {
		if doc.Err != nil {
			bad = append(bad, state.NewBadDocument(f.kind.Key(name), doc.Err))
		}
	}
	if len(names) == 0 {
		for name, doc := range f.docs {
			add(name, doc)
		}
	}
	for _, name := range names {
		add(name, f.docs[name])
	}
	return bad
}
