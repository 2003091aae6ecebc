package control

import (
	"context"
	"fmt"
	"slices"

	"stathub/state"
)

// KillThroughBucket has the agent of a node kill the process that its report has under a pid, by an order in the node's
// manifest: for an agent that cannot be dialled. Any master may do it. The order goes once the report no longer has the
// process. No such process is code NotFound, as is a node without a manifest.
func (c *Controller) KillThroughBucket(ctx context.Context, node string, pid int) (Doc[state.Manifest], error) {
	order, err := c.orderFor(node, pid)
	if err != nil {
		return Doc[state.Manifest]{}, err
	}
	ordered := false
	doc, err := c.editManifest(ctx, node, state.Condition{}, func(old Doc[state.Manifest]) (*state.Manifest, error) {
		m, err := present(state.KindManifest, node, old)
		if err != nil {
			return nil, err
		}
		if ordered = !slices.ContainsFunc(m.Kill, order.same); !ordered {
			return nil, state.ErrNoChange
		}
		m.Kill = append(slices.Clone(m.Kill), order.Kill)
		return m, nil
	})
	if ordered && err == nil {
		c.event(KillOrdered, state.Event{Node: node, App: order.app, Instance: order.Instance,
			Message: fmt.Sprintf("process %d of %s is to be killed: the order is in %s", pid, order.Instance, state.KindManifest.Key(node))})
	}
	return doc, err
}

// order is a state.Kill, and which app it concerns.
type order struct {
	state.Kill
	app string
}

func (o *order) same(k state.Kill) bool {
	return k.PID == o.PID && k.Instance == o.Instance && k.StartTime.Equal(o.StartTime)
}

func (c *Controller) orderFor(node string, pid int) (*order, error) {
	report := c.reports.get(node)
	if report.Value != nil && pid > 0 {
		for i := range report.Value.Instances {
			if inst := &report.Value.Instances[i]; inst.PID == pid {
				return &order{state.Kill{Instance: inst.ID, PID: pid, StartTime: inst.StartTime}, inst.App}, nil
			}
		}
	}
	return nil, state.Errorf(state.NotFound, "", "node %q reports no process %d", node, pid)
}
