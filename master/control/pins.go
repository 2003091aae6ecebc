package control

import (
	"maps"
	"slices"

	"stathub/state"
)

// Pin is an entry of a manifest that belongs to a person. One without an App stands for a whole manifest that is paused.
type Pin struct {
	Node, App string
	Count     int
	Owner     string
}

// Pins gives what people keep from the master, in the order of the nodes and then of their manifests. An edit of an entry
// of the master's counts as one once the master has seen it and made it the person's.
func (c *Controller) Pins() []Pin {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []Pin
	for _, id := range slices.Sorted(maps.Keys(c.manifests.docs)) {
		m := c.manifests.docs[id].Value
		if m == nil {
			continue
		}
		if m.Paused {
			all = append(all, Pin{Node: id})
		}
		for i := range m.Apps {
			if e := &m.Apps[i]; e.Owner != state.OwnerMaster {
				all = append(all, Pin{id, e.App.Name, e.Instances(), e.Owner})
			}
		}
	}
	return all
}
