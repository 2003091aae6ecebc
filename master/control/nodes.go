package control

import (
	"context"
	"fmt"
	"maps"

	"stathub/state"
)

// SetTags replaces the tags of a node. With a condition the node record must be at that revision.
func (c *Controller) SetTags(ctx context.Context, id string, tags []string, cond state.Condition) (Doc[state.Node], error) {
	return c.editNode(ctx, id, cond, func(n *state.Node) { n.Tags = tags })
}

// SetEnvs replaces the environment of a node. With a condition the node record must be at that revision.
func (c *Controller) SetEnvs(ctx context.Context, id string, envs map[string]string, cond state.Condition) (Doc[state.Node], error) {
	return c.editNode(ctx, id, cond, func(n *state.Node) { n.Envs = maps.Clone(envs) })
}

// SetDrain has everything that the master runs on a node moved away, or ends that.
func (c *Controller) SetDrain(ctx context.Context, id string, drain bool) (Doc[state.Node], error) {
	return c.editNode(ctx, id, state.Condition{}, func(n *state.Node) { n.Drain = drain })
}

// editNode writes the record as it is now, so that its state is right, too.
func (c *Controller) editNode(ctx context.Context, id string, cond state.Condition, do func(*state.Node)) (Doc[state.Node], error) {
	doc, err := edit(ctx, c, c.nodes, id, cond, func(old Doc[state.Node]) (*state.Node, error) {
		n, err := present(state.KindNode, id, old)
		if err != nil {
			return nil, err
		}
		do(n)
		if n.State == state.NodeUp || n.State == state.NodeDraining {
			n.State = nodeState(true, n.Drain)
		}
		return n, nil
	})
	if err != nil {
		return doc, err
	}
	c.reindex()
	c.mu.RLock()
	defer c.mu.RUnlock()
	if view := c.node(id); view != nil {
		doc.Value = view
	}
	return doc, nil
}

// ForgetNode deletes all that the bucket holds of a node: manifest, report, heartbeat, and last the record, so that a
// forgetting that failed half-way can be repeated. Each goes at the revision that this master knows, so that a node that
// comes back meanwhile is code Stale. A node that is not down is code Nonsense: its agent would only report again.
func (c *Controller) ForgetNode(ctx context.Context, id string) error {
	n := c.Node(id)
	if n.ETag == "" {
		return missing(state.KindNode, id)
	}
	if n.Value != nil && n.Value.State != state.NodeDown && !n.Value.Detached {
		return state.Errorf(state.Nonsense, "", "node %q is up: stop its agent first, and wait until the node is down", id)
	}
	if err := c.open(); err != nil {
		return err
	}
	if err := forget(ctx, c, c.manifests, id); err != nil {
		return err
	}
	if err := forget(ctx, c, c.reports, id); err != nil {
		return err
	}
	if err := c.forgetBeat(ctx, id); err != nil {
		return err
	}
	if err := forget(ctx, c, c.nodes, id); err != nil {
		return err
	}
	c.mu.Lock()
	c.liveness.Forget(id)
	delete(c.compared, id)
	c.mu.Unlock()
	c.event(NodeForgotten, state.Event{Node: id, Message: fmt.Sprintf("node %s is forgotten: its documents are deleted", id)})
	c.reindex()
	c.replan()
	return nil
}

func forget[T any](ctx context.Context, c *Controller, f *folder[T], id string) error {
	etag := f.get(id).ETag
	if etag == "" {
		return nil
	}
	if err := c.remove(ctx, f.kind, id, etag); err != nil {
		return err
	}
	f.apply(id, Doc[T]{})
	return nil
}

func (c *Controller) forgetBeat(ctx context.Context, id string) error {
	c.mu.RLock()
	etag := c.beats[id]
	c.mu.RUnlock()
	if etag == "" {
		return nil
	}
	if err := c.remove(ctx, state.KindHeartbeat, id, etag); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.beats, id)
	return nil
}
