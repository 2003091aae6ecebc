package control

import (
	"strings"

	"stathub/state"
)

// Count gives how many documents of a kind this master knows; ok is false for kinds that it does not keep in memory.
func (c *Controller) Count(kind state.Kind) (n int, ok bool) {
	switch kind {
	case state.KindApp:
		return countOf(c.apps), true
	case state.KindChoreo:
		return countOf(c.choreos), true
	case state.KindNode:
		return countOf(c.nodes), true
	case state.KindManifest:
		return countOf(c.manifests), true
	case state.KindReport:
		return countOf(c.reports), true
	}
	return 0, false
}

func countOf[T any](f *folder[T]) int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return len(f.docs)
}

// AppsFetching gives the apps that fetch the artifact at a key of the bucket, in order of their names.
func (c *Controller) AppsFetching(key string) []string {
	var names []string
	for _, name := range c.AppNames() {
		app := c.App(name).Value
		if app == nil {
			continue
		}
		for _, uri := range app.URIs {
			if artifact, _, _ := strings.Cut(uri, "#"); artifact == "bucket:"+key {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// Trouble gives what is wrong with the document at a key, as far as this master knows it.
func (c *Controller) Trouble(key string) error { return c.trouble(key) }
