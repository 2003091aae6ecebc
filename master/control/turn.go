package control

import (
	"slices"
	"time"

	"stathub/state"
)

// A listing is the dearest request of a bucket. What agents write, and the manifests that the gateway answers for, are
// listed with each poll; what only people and masters write is, too, while somebody edits, and less often when nobody has
// for a while.
const (
	editing    = 10 * time.Minute
	quietTurns = 3  // polls for each look at what people write, when nobody edits
	toldTurns  = 12 // the same while the bucket tells of changes: the safety net
)

// edited are the folders that only people and masters write, manifests apart.
var edited = [...]state.Kind{state.KindApp, state.KindChoreo, state.KindNode}

// looksAtEdits reports whether the poll with this number looks at edited, quiet after the last change there.
func looksAtEdits(turn int, quiet time.Duration, told bool) bool {
	switch {
	case told:
		return turn%toldTurns == 0
	case quiet < editing:
		return true
	}
	return turn%quietTurns == 0
}

// vanishing reports whether the last listing of a folder lacked documents: the next one tells whether they are gone. The
// caller holds mu.
func (c *Controller) vanishing(kind state.Kind) bool {
	switch kind {
	case state.KindApp:
		return len(c.apps.gone) > 0
	case state.KindChoreo:
		return len(c.choreos.gone) > 0
	case state.KindNode:
		return len(c.nodes.gone) > 0
	}
	return false
}

// lookAround marks the folders whose turn it is, for the round that follows.
func (c *Controller) lookAround(turn int, now time.Time) {
	told := state.Hinting(c.store)
	c.mu.Lock()
	defer c.mu.Unlock()
	all := looksAtEdits(turn, now.Sub(c.editedAt), told)
	for _, kind := range kinds {
		unsure := c.outages[kind] != nil || c.missing[kind.Prefix()] != "" || c.vanishing(kind)
		if all || unsure || !slices.Contains(edited[:], kind) {
			c.due[kind] = true
		}
	}
}
