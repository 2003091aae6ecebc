package control

import (
	"context"
	"sync"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

// input is the picture as the scheduler takes it, with the revisions of the manifests in it. Documents are shared: they
// never change.
func (c *Controller) input(ctx context.Context) (scheduler.Input, map[string]state.ETag) {
	in := scheduler.Input{
		Now:   time.Now(),
		Match: func(query string) ([]string, error) { return c.index.Match(ctx, query) },
		Memo:  &c.memo,
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	in.Writer, in.Term = c.writer()
	in.Frozen, in.Silent = c.liveness.Frozen(), c.liveness.Silences()
	in.Rollouts, in.Revisions = c.plan.Rollouts, c.revisionsNow()
	in.Broken = map[string]string{}
	in.Apps = readable(c.apps, in.Broken)
	in.Choreos = readable(c.choreos, in.Broken)
	in.Reports = readable(c.reports, nil)
	in.Nodes = make(map[string]*state.Node, len(c.nodes.docs))
	for id, doc := range c.nodes.docs {
		if doc.Value != nil && !unjudged(doc.Value) {
			in.Nodes[id] = c.judged(id, doc.Value)
		}
	}
	in.Manifests = make(map[string]scheduler.Current, len(c.manifests.docs))
	etags := make(map[string]state.ETag, len(c.manifests.docs))
	for id, doc := range c.manifests.docs {
		restore := c.restorable(id, doc, in.Now)
		in.Manifests[id] = scheduler.Current{Manifest: doc.Value, Unreadable: doc.Err != nil && !restore, Restore: restore}
		etags[id] = doc.ETag
	}
	return in, etags
}

// judged gives a record with the state that this master knows. Mostly it says so itself, and is shared. The caller holds mu.
func (c *Controller) judged(id string, record *state.Node) *state.Node {
	now := nodeState(c.alive(id), record.Drain)
	if record.State == now {
		return record
	}
	view := *record
	view.State = now
	return &view
}

// readable gives the documents of a folder that can be read now. With broken the others are named there; without, the
// last readable revision stands in for them.
func readable[T any](f *folder[T], broken map[string]string) map[string]*T {
	all := make(map[string]*T, len(f.docs))
	for name, doc := range f.docs {
		switch {
		case doc.Err != nil && broken != nil:
			broken[name] = doc.Err.Error()
		case doc.Value != nil:
			all[name] = doc.Value
		}
	}
	return all
}

// decide makes a plan of the picture and, where this master leads, writes the manifests that it changes. The plan of a
// follower is for people: the leader has made the same one, or soon will.
func (c *Controller) decide(ctx context.Context) {
	c.mu.RLock()
	edits := c.edits // before the picture is taken: it has these, and perhaps more
	c.mu.RUnlock()
	c.forgive(time.Now())
	next := c.watchSpoilt(time.Now())
	began := time.Now()
	in, etags := c.input(ctx)
	inCharge := c.inCharge()
	if inCharge {
		in.Moves = c.balance.offer(in.Now)
	}
	plan := scheduler.Schedule(in)
	if c.opts.Planned != nil {
		c.opts.Planned(time.Since(began))
	}
	plan.Wake = sooner(plan.Wake, c.balance.made(in.Moves, plan.Moved, in.Now))
	plan.Wake = sooner(plan.Wake, next)
	c.explainQueries(ctx, plan.Apps, func(app string) string {
		if ch := in.Choreos[app]; ch != nil {
			return ch.Query
		}
		return ""
	})
	c.mu.Lock()
	before := c.plan.Rollouts
	c.plan, c.planned = plan, edits
	close(c.replanned)
	c.replanned = make(chan struct{})
	c.mu.Unlock()
	c.findLost(plan.Notes, inCharge)
	if !inCharge {
		c.overlook(plan)
		return
	}
	c.tellNotes(plan.Notes)
	c.carryOut(ctx, in, etags, plan)
	c.tellRollouts(before, plan.Rollouts)
	c.conclude(ctx, in, plan)
	c.reap(ctx)
}

// carryOut writes the manifests of a plan, and tells what moved.
func (c *Controller) carryOut(ctx context.Context, in scheduler.Input, etags map[string]state.ETag, plan scheduler.Plan) {
	ids := make([]string, 0, len(plan.Manifests))
	for id := range plan.Manifests {
		ids = append(ids, id)
	}
	var mu sync.Mutex
	written := make(map[string]*state.Manifest, len(ids))
	each(ids, func(id string) {
		m := plan.Manifests[id]
		rejected, err := c.keepRejected(ctx, id, etags[id])
		if err == nil {
			err = write(ctx, c, c.manifests, id, m, etags[id])
		}
		if err != nil {
			c.writeFailed(state.KindManifest, id, err)
			return
		}
		if rejected != nil {
			rejected()
		}
		c.written(state.KindManifest, id)
		c.log.Info("manifest written", "node", id, "generation", m.Generation, "apps", len(m.Apps))
		mu.Lock()
		defer mu.Unlock()
		written[id] = m
	})
	for _, m := range moves(in.Manifests, written) {
		c.event(m.event(in.Nodes))
	}
}

// planWait bounds AwaitPlan: a large plan, or a bucket that is slow, must not hold up an answer.
const planWait = 300 * time.Millisecond

// AwaitPlan waits until the plan has taken in the edits that were made so far, so that statuses speak of them. It gives
// up after a moment; then they follow later.
func (c *Controller) AwaitPlan(ctx context.Context) {
	timer := time.NewTimer(planWait)
	defer timer.Stop()
	c.mu.RLock()
	edits := c.edits
	c.mu.RUnlock()
	for {
		c.mu.RLock()
		done, next := c.planned >= edits, c.replanned
		c.mu.RUnlock()
		if done {
			return
		}
		select {
		case <-next:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// tellNotes tells what the plan before did not say.
func (c *Controller) tellNotes(notes []scheduler.Note) {
	now := make(map[scheduler.Note]bool, len(notes))
	for _, n := range notes {
		if now[n] = true; !c.notes[n] {
			c.event(n.Kind, state.Event{Node: n.Node, App: n.App, Message: n.Message})
		}
	}
	c.notes = now
}

// reap deletes the documents of apps that the API marked as deleted, once no manifest lists them as the master's. Each
// is deleted at the revision that was seen only: an app that was created anew stays.
func (c *Controller) reap(ctx context.Context) {
	each(c.gone(), func(g goneApp) {
		if !c.inCharge() {
			return
		}
		if g.choreo != "" {
			if err := c.remove(ctx, c.choreos.kind, g.name, g.choreo); err != nil {
				c.writeFailed(state.KindChoreo, g.name, err)
				return
			}
			c.choreos.apply(g.name, Doc[state.Choreo]{})
		}
		if err := c.remove(ctx, c.apps.kind, g.name, g.app); err != nil {
			c.writeFailed(state.KindApp, g.name, err)
			return
		}
		c.apps.apply(g.name, Doc[state.App]{})
		c.written(state.KindApp, g.name)
		c.log.Info("app deleted", "app", g.name)
		c.replan()
	})
}

type goneApp struct {
	name        string
	app, choreo state.ETag
}

func (c *Controller) gone() []goneApp {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []goneApp
	for name, doc := range c.apps.docs {
		if doc.Err == nil && doc.Value.Deleted && !c.listed(name) {
			all = append(all, goneApp{name, doc.ETag, c.choreos.docs[name].ETag})
		}
	}
	return all
}

// listed reports whether a manifest has an entry of the app that is the master's. One that cannot be read may have: its
// last readable revision tells. The caller holds mu.
func (c *Controller) listed(app string) bool {
	for _, doc := range c.manifests.docs {
		if e := doc.Value.Entry(app); e != nil && !e.Pinned() {
			return true
		}
		if doc.Value == nil {
			return true
		}
	}
	return false
}

// remove deletes a document at a revision. One that is gone already is no error.
func (c *Controller) remove(ctx context.Context, kind state.Kind, name string, etag state.ETag) error {
	key := kind.Key(name)
	defer c.locks.lock(key)()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if etag == blockedETag {
		return nil // there is no document to delete; the folder in its place is a person's
	}
	err := c.store.Delete(ctx, key, etag)
	if state.CodeOf(err) == state.NotFound {
		err = nil
	}
	if err == nil && kind == state.KindManifest {
		c.manifests.seals.remove(ctx, c.store, name)
	}
	return err
}
