package control

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"stathub/state"
)

// nextRecord gives the node record that follows from the old one, nil for a new node, and the agent's report, nil for
// one that was never seen. What people own (tags, envs, schedulable, drain, unknown members) stays; a new node takes its
// first tags from the report and its first envs from its manifest, where a person may have written some. So does, tags
// apart, one whose record an agent made while it had no master. It is nil when nothing but lastSeen would change: that
// alone is not worth a write.
func nextRecord(id string, old *state.Node, report *state.Report, manifest *state.Manifest, now state.NodeState, seen time.Time) *state.Node {
	if old == nil && report == nil {
		return nil
	}
	next := state.Node{ID: id, Schedulable: true}
	if old != nil {
		next = *old
	} else {
		next.Tags = report.Tags
	}
	if manifest != nil && len(next.Envs) == 0 && (old == nil || unjudged(old)) {
		next.Envs = manifest.Envs
	}
	if report != nil {
		// Unknown facts stay in the report: here they could clash with members of the record.
		people := next.Facts.Extra
		next.Facts = report.Facts
		next.Facts.Extra = people
		next.AgentVersion, next.Isolation = report.AgentVersion, report.Isolation
	}
	next.State = now
	if old != nil && bytes.Equal(state.Encode(old), state.Encode(&next)) {
		return nil
	}
	if !seen.IsZero() {
		next.LastSeen = seen.UTC()
	}
	return &next
}

// unjudged says that no master has taken charge of the node: its record is by a person, or by an agent that had no master.
// Until then nothing is decided for it: its manifest has envs that the record lacks.
func unjudged(record *state.Node) bool { return record.State == "" }

// nodeState is what the judgement and the drain mark make together.
func nodeState(up, drain bool) state.NodeState {
	switch {
	case !up:
		return state.NodeDown
	case drain:
		return state.NodeDraining
	default:
		return state.NodeUp
	}
}

// recordBasis is what a record was last compared with; as long as it is the same there is nothing to write.
type recordBasis struct {
	record, report state.ETag
	state          state.NodeState
}

type recordWrite struct {
	id     string
	next   *state.Node
	old    state.ETag
	before *state.Node // what old says; nil: there is no record
}

// keepRecords writes the node records that the reports and the judgement changed. An unreadable record is left alone:
// somebody may be typing.
func (c *Controller) keepRecords(ctx context.Context) {
	writes := c.dueRecords()
	each(writes, func(w recordWrite) {
		if err := write(ctx, c, c.nodes, w.id, w.next, w.old); err != nil {
			c.writeFailed(state.KindNode, w.id, err)
			return
		}
		c.written(state.KindNode, w.id)
		c.tellRecord(w.before, w.next)
		c.replan()
	})
}

func (c *Controller) dueRecords() []recordWrite {
	c.mu.Lock()
	defer c.mu.Unlock()
	var writes []recordWrite
	consider := func(id string) {
		doc, report := c.nodes.docs[id], c.reports.docs[id]
		if doc.Err != nil || (doc.Value == nil || unjudged(doc.Value)) && c.manifests.docs[id].Err != nil {
			return // the first record takes its envs from the manifest, once that can be read
		}
		up, seen := c.alive(id), c.seen(id)
		now := nodeState(up, doc.Value != nil && doc.Value.Drain)
		if c.liveness.Held(id) && doc.Value != nil {
			now = doc.Value.State // a master that starts anew must not find them down
		}
		if up && doc.Value != nil && doc.Value.State == state.NodeDown && !doc.Value.Detached && !c.liveness.Heard(id) {
			now = state.NodeDown // another master listened longer: only a sign of life proves it wrong
		}
		basis := recordBasis{doc.ETag, report.ETag, now}
		if c.compared[id] == basis {
			return
		}
		if next := nextRecord(id, doc.Value, report.Value, c.manifests.docs[id].Value, now, seen); next != nil {
			writes = append(writes, recordWrite{id, next, doc.ETag, doc.Value})
			return
		}
		c.compared[id] = basis
	}
	for id := range c.nodes.docs {
		consider(id)
	}
	for id := range c.reports.docs {
		if _, known := c.nodes.docs[id]; !known {
			consider(id)
		}
	}
	return writes
}

// tellRecord tells what became of a node: whoever writes that into its record tells it, once.
func (c *Controller) tellRecord(old, now *state.Node) {
	e := state.Event{Node: now.ID}
	switch {
	case old == nil || unjudged(old):
		e.Message = fmt.Sprintf("node %s (%s) joined", now.ID, now.Hostname)
		c.event(NodeJoined, e)
	case now.State == state.NodeDown && old.State != state.NodeDown:
		e.Message = fmt.Sprintf("node %s is down: nothing was heard of it for %s", now.ID, c.opts.NodeTimeout)
		c.event(NodeDown, e)
	case now.State != state.NodeDown && old.State == state.NodeDown:
		e.Message = fmt.Sprintf("node %s is up again", now.ID)
		if now.Detached {
			e.Message = fmt.Sprintf("node %s is detached: it counts as up though nothing is heard of it", now.ID)
		}
		c.event(NodeUp, e)
	case now.State != old.State: // a person marked the record
		marked := *now
		marked.Drain = old.State == state.NodeDraining
		c.tellEdit(&marked, now)
	}
}

// node gives a node as it is now: the record, with the state and lastSeen that this master knows. The caller holds mu.
// It is nil when there is no record that could ever be read.
func (c *Controller) node(id string) *state.Node {
	record := c.nodes.docs[id].Value
	if record == nil {
		return nil
	}
	view := *record
	up, seen := c.alive(id), c.seen(id)
	view.State = nodeState(up, view.Drain)
	if !seen.IsZero() {
		view.LastSeen = seen.UTC().Truncate(time.Millisecond)
	}
	return &view
}
