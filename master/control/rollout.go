package control

import (
	"context"
	"fmt"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

// revisionsNow says what the history knows of the apps as they are in the picture. The caller holds mu.
func (c *Controller) revisionsNow() map[string]scheduler.Revision {
	all := make(map[string]scheduler.Revision, len(c.past))
	for name, p := range c.past {
		if p.Last != nil && p.seen == (revisionOf{c.apps.docs[name].ETag, c.choreos.docs[name].ETag}) {
			all[name] = scheduler.Revision{Good: !p.Last.GoodAt.IsZero(), Proven: p.Proven}
		}
	}
	return all
}

// forgive takes time in which the reports could not be read out of what rollouts may take.
func (c *Controller) forgive(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gap := now.Sub(c.heard)
	if c.heard.IsZero() || gap <= 3*c.opts.Poll {
		return
	}
	c.heard = now
	later := make(map[string]*scheduler.Rollout, len(c.plan.Rollouts))
	for name, r := range c.plan.Rollouts {
		later[name] = r.Shift(gap)
	}
	c.plan.Rollouts = later
}

// tellRollouts tells of rollouts that began, and of those that get no further.
func (c *Controller) tellRollouts(before, now map[string]*scheduler.Rollout) {
	for name, r := range now {
		old := before[name]
		if r.Old > 0 && (old == nil || old.Content != r.Content) {
			c.event(RolloutBegan, state.Event{App: name, Message: fmt.Sprintf(
				"a change of app %s reaches its instances: %d have it, %d do not yet", name, r.New, r.Old)})
		}
		if r.Failed && (old == nil || !old.Failed || old.Content != r.Content) {
			c.event(RolloutStalled, state.Event{App: name, Instance: r.Wait.Instance, Message: fmt.Sprintf(
				"the rollout of app %s gets no further: %s: %s", name, r.Wait.Instance, r.Wait.Reason)})
		}
	}
}

// conclude does what follows from how the rollouts of a plan stand: a revision that is complete is good, and one that
// failed is undone, if it is to be and there is a good one.
func (c *Controller) conclude(ctx context.Context, in scheduler.Input, plan scheduler.Plan) {
	for name, revision := range in.Revisions {
		c.mu.RLock()
		p, etag := c.past[name], c.apps.docs[name].ETag
		c.mu.RUnlock()
		if p.Last == nil || p.seen.app != etag {
			continue // it was edited meanwhile
		}
		r := plan.Rollouts[name]
		var err error
		switch {
		case r != nil && r.Complete && !revision.Good:
			err = c.amend(ctx, name, p, func(r *state.Revision) { r.GoodAt, r.Failed = in.Now.UTC().Truncate(time.Millisecond), nil })
			if err == nil {
				c.event(RolloutDone, state.Event{App: name, Message: fmt.Sprintf("revision %d of app %s is good: all its instances run it", p.Last.Revision, name)})
				c.replan()
			}
		case revision.Proven || !scheduler.PolicyOf(in.Choreos[name]).AutoRevert:
		case p.Last.Failed != nil, r != nil && r.Failed:
			err = c.revert(ctx, in, p, r)
		}
		if err != nil {
			c.said.warn("history "+name, "cannot conclude a rollout; trying again", "app", name, "error", err)
			c.markDirty()
		}
	}
}

// revert puts the last good revision of an app back. The mark on the revision that failed comes first: a master that ends
// in between is followed by one that goes on from there. An edit that somebody made meanwhile wins.
func (c *Controller) revert(ctx context.Context, in scheduler.Input, p past, r *scheduler.Rollout) error {
	app := in.Apps[p.Last.App.Name]
	good := c.history.LastGood(ctx, p.Past)
	if good == 0 {
		return nil
	}
	old, err := c.history.Read(ctx, app.Name, good)
	if err != nil {
		return err
	}
	if p.Last.Failed == nil {
		failure := state.RevisionFailure{At: in.Now.UTC().Truncate(time.Millisecond), Instance: r.Wait.Instance, Reason: r.Wait.Reason}
		if err := c.amend(ctx, app.Name, p, func(r *state.Revision) { r.Failed = &failure }); err != nil {
			return err
		}
	}
	next := old.App
	next.Start, next.RestartToken, next.Deleted = app.Start, app.RestartToken, app.Deleted
	if err := write(ctx, c, c.apps, app.Name, &next, p.seen.app); err != nil {
		c.writeFailed(state.KindApp, app.Name, err)
		return nil
	}
	c.written(state.KindApp, app.Name)
	failure := c.failure(app.Name)
	c.event(RolloutReverted, state.Event{App: app.Name, Instance: failure.Instance, Message: fmt.Sprintf(
		"revision %d of app %s failed and revision %d is put back: %s: %s", p.Last.Revision, app.Name, good, failure.Instance, failure.Reason)})
	c.replan()
	return nil
}

// failure gives why the newest revision of an app failed.
func (c *Controller) failure(app string) state.RevisionFailure {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if p := c.past[app]; p.Past != nil && p.Last != nil && p.Last.Failed != nil {
		return *p.Last.Failed
	}
	return state.RevisionFailure{}
}
