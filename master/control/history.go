package control

import (
	"context"
	"errors"
	"time"

	"stathub/master/history"
	"stathub/scheduler"
	"stathub/state"
)

// past is what this master knows of the revisions of an app, and of which documents it is. The loop alone makes another
// one of it, under c.mu.
type past struct {
	*history.Past
	seen revisionOf // the documents that Last is the revision of
}

// revisionOf are the documents of an app, by their own revisions.
type revisionOf struct{ app, choreo state.ETag }

// keepHistory writes a revision for each app whose documents are not what its newest revision says, before manifests go
// by them. What cannot be written now holds up nothing: it is tried again.
func (c *Controller) keepHistory(ctx context.Context) {
	if c.past == nil && !c.listHistory(ctx) {
		return
	}
	type news struct {
		app    Doc[state.App]
		choreo Doc[state.Choreo]
	}
	var all []news
	c.mu.RLock()
	for name, app := range c.apps.docs {
		choreo := c.choreos.docs[name]
		if app.Err != nil || app.Value == nil || app.Value.Deleted || choreo.Err != nil {
			continue
		}
		if c.past[name].seen != (revisionOf{app.ETag, choreo.ETag}) {
			all = append(all, news{app, choreo})
		}
	}
	c.mu.RUnlock()
	at := time.Now().UTC().Truncate(time.Millisecond)
	each(all, func(n news) {
		name := n.app.Value.Name
		if err := c.record(ctx, n.app, n.choreo, at); errors.Is(err, errDeposed) {
			c.unread(name) // the leader writes it
		} else if err != nil {
			c.said.warn("history "+name, "cannot write the history of an app; trying again", "app", name, "error", err)
			return
		} else {
			c.said.clear("history " + name)
		}
	})
}

// NewestRevision gives the newest revision of an app as this master knows it, without asking the bucket; nil: it does not
// know. As long as it is the very same, nothing has changed about the revisions.
func (c *Controller) NewestRevision(app string) *state.Revision {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if p := c.past[app]; p.Past != nil {
		return p.Last
	}
	return nil
}

// unread has the revisions of an app read anew: the leader is about to write, or has written, what this master only reads.
func (c *Controller) unread(app string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.past, app)
}

// overlook is what a follower does with a plan: it looks whether the leader has found what it finds itself.
func (c *Controller) overlook(plan scheduler.Plan) {
	for name, r := range plan.Rollouts {
		c.mu.RLock()
		p := c.past[name]
		c.mu.RUnlock()
		if p.Past != nil && p.Last != nil && r.Complete && p.Last.GoodAt.IsZero() {
			c.unread(name)
			c.markDirty()
		}
	}
}

// listHistory finds which revisions there are, once.
func (c *Controller) listHistory(ctx context.Context) bool {
	numbers, err := c.history.Numbers(ctx)
	if err != nil {
		c.said.warn("history", "cannot list the history of apps; trying again", "error", err)
		return false
	}
	c.said.clear("history")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past = make(map[string]past, len(numbers))
	for app, all := range numbers {
		c.past[app] = past{Past: history.NewPast(app, all)}
	}
	return true
}

// record makes the newest revision that of the documents given.
func (c *Controller) record(ctx context.Context, app Doc[state.App], choreo Doc[state.Choreo], at time.Time) error {
	name := app.Value.Name
	c.mu.RLock()
	before := c.past[name].Past
	c.mu.RUnlock()
	if before == nil && c.inCharge() {
		before = history.NewPast(name, nil)
	} else if before == nil {
		var err error
		if before, err = c.history.Past(ctx, name); err != nil {
			return err
		}
	}
	p, err := c.history.Record(ctx, before, history.New(app.Value, choreo.Value), at)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past[name] = past{p, revisionOf{app.ETag, choreo.ETag}}
	return nil
}

// amend changes what the newest revision tells of how it went.
func (c *Controller) amend(ctx context.Context, app string, p past, do func(r *state.Revision)) error {
	next, err := c.history.Amend(ctx, p.Past, do)
	if p.Past = next; next.Last == nil {
		p.seen = revisionOf{} // somebody else did something to it: it is read again
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past[app] = p
	return err
}
