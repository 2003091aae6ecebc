package control

import (
	"maps"
	"time"

	"stathub/state"
)

// alive reports whether a node counts as up: its heartbeats tell, or its record says that none are to be waited for. Where
// another master leads, that one's judgement counts, which is in the record. The caller holds mu.
func (c *Controller) alive(id string) bool {
	if record := c.nodes.docs[id].Value; !c.office.judging && record != nil {
		return c.detached(id) || record.State == state.NodeUp || record.State == state.NodeDraining
	}
	return c.detached(id) || c.liveness.Alive(id)
}

// detached reports whether the record of a node says that it is reached by carried folders only. The caller holds mu.
func (c *Controller) detached(id string) bool {
	record := c.nodes.docs[id].Value
	return record != nil && record.Detached
}

// seen gives when a node was last heard of, zero when it never was. Of a detached node that is what its report says: the
// report is all that is heard of it, and its age is what people want to know. The caller holds mu.
func (c *Controller) seen(id string) time.Time {
	if report := c.reports.docs[id].Value; report != nil && c.detached(id) {
		return report.UpdatedAt
	}
	return c.liveness.Seen(id)
}

// attached gives the heartbeats of the nodes that are to have some: the silence of the others says nothing, neither of
// them nor of this master (law 7). The caller holds mu.
func (c *Controller) attached() map[string]state.ETag {
	beats := c.beats
	for id := range c.nodes.docs {
		if _, beating := c.beats[id]; beating && c.detached(id) {
			if len(beats) == len(c.beats) {
				beats = maps.Clone(c.beats)
			}
			delete(beats, id)
		}
	}
	return beats
}
