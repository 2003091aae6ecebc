package control

import "stathub/state"

// EachUsage calls f for every node that is up, with what its report says: of the machine, its use, and how many instances
// run there. It is false, and nothing is called, until the bucket was read. f must not call the Controller, and may keep
// what it gets but not change it.
func (c *Controller) EachUsage(f func(id string, facts *state.Facts, u *state.Usage, running int)) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.missing) > 0 {
		return false
	}
	for id, doc := range c.reports.docs {
		if doc.Value == nil || !c.alive(id) {
			continue
		}
		running := 0
		for i := range doc.Value.Instances {
			if s := doc.Value.Instances[i].State; s.Live() && s != state.Stopping {
				running++
			}
		}
		f(id, &doc.Value.Facts, doc.Value.Usage, running)
	}
	return true
}
