package control

import (
	"context"

	"stathub/state"
)

// SetSchedulable says whether anything new may be placed on a node. What runs there stays.
func (c *Controller) SetSchedulable(ctx context.Context, id string, schedulable bool) (Doc[state.Node], error) {
	return c.editNode(ctx, id, state.Condition{}, func(n *state.Node) { n.Schedulable = schedulable })
}
