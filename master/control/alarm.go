package control

import "time"

// soonest bounds how often plans follow each other though nothing has changed.
const soonest = 200 * time.Millisecond

// alarm gives a channel that tells when the plan is to be made anew though nothing has changed; nil: it need not.
func (c *Controller) alarm() <-chan time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.plan.Wake.IsZero() {
		return nil
	}
	return time.After(max(time.Until(c.plan.Wake), soonest))
}

func (c *Controller) markDirty() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = true
}
