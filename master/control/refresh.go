package control

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"stathub/state"
)

// refresh reads the folders that are due.
func (c *Controller) refresh(ctx context.Context) {
	began := time.Now()
	due := c.takeDue(began)
	var wg sync.WaitGroup
	for kind := range due {
		if kind != state.KindHeartbeat {
			wg.Go(func() { c.refreshFolder(ctx, kind) })
		}
	}
	wg.Wait()
	// Heartbeats come after the records, whose states are where the judgement starts. A new report may be the first sign
	// of an agent: its heartbeat is then there, too.
	if due[state.KindHeartbeat] || due[state.KindReport] && c.strangers() {
		c.listen(ctx)
	}
	if due[state.KindReport] {
		c.mu.Lock()
		c.pace.looked(began, time.Now())
		c.mu.Unlock()
	}
}

func (c *Controller) refreshFolder(ctx context.Context, kind state.Kind) {
	switch kind {
	case state.KindApp:
		refreshFolder(ctx, c, c.apps)
	case state.KindChoreo:
		refreshFolder(ctx, c, c.choreos)
	case state.KindNode:
		refreshFolder(ctx, c, c.nodes)
	case state.KindManifest:
		refreshFolder(ctx, c, c.manifests)
	case state.KindReport:
		refreshFolder(ctx, c, c.reports)
	}
}

func refreshFolder[T any](ctx context.Context, c *Controller, f *folder[T]) {
	changed, err := f.refresh(ctx, c.store)
	if ctx.Err() != nil {
		return
	}
	c.looked(f.kind, err)
	c.mu.Lock()
	first := err == nil && c.afresh(f.kind)
	c.mu.Unlock()
	tell(c, f, changed || first)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = c.dirty || changed
	if changed && slices.Contains(edited[:], f.kind) {
		c.editedAt = time.Now()
	}
	if f.loaded {
		delete(c.missing, f.kind.Prefix())
	} else if err != nil {
		c.missing[f.kind.Prefix()] = err.Error()
	}
}

// looked logs the beginning and the end of an outage.
func (c *Controller) looked(kind state.Kind, err error) {
	c.mu.Lock()
	if c.outages[kind] = err; err == nil && kind == state.KindReport {
		c.heard = time.Now()
	}
	c.mu.Unlock()
	subject := "look " + string(kind)
	switch {
	case state.CodeOf(err) == state.Unavailable: // the bucket as a whole, whichever folder is asked
		c.said.warn("look", "cannot read the bucket; going on with what was read before", "error", err)
	case err != nil:
		c.said.warn(subject, "cannot read a folder of the bucket; going on with what was read before", "prefix", kind.Prefix(), "error", err)
	case c.said.clear(subject):
		c.log.Info("a folder of the bucket can be read again", "prefix", kind.Prefix())
	}
	if err == nil && c.Outage() == "" && c.said.clear("look") {
		c.log.Info("the bucket can be read again")
	}
}

// tell logs what cannot be read, once per revision, and what lies about in the folder.
func tell[T any](c *Controller, f *folder[T], changed bool) {
	f.mu.RLock()
	docs, junk := map[string]Doc[T]{}, f.junk
	if changed && c.office.term != 0 {
		docs = maps.Clone(f.docs)
	}
	f.mu.RUnlock()
	for name, doc := range docs {
		key := f.kind.Key(name)
		if doc.Err != nil {
			if c.said.differs("read "+key, "", doc.ETag, doc.Err) {
				c.event(DocumentUnreadable, about(f.kind, name, doc.Err.Error()+"; nothing is stopped or changed because of it"))
			}
		} else if c.said.clear("read " + key) {
			c.event(DocumentReadable, about(f.kind, name, key+" can be read again"))
		}
	}
	c.said.retain("junk "+f.kind.Prefix(), func(key string) bool { return slices.Contains(junk, f.kind.Prefix()+key) })
	for _, key := range junk {
		if passing(key) {
			continue
		}
		c.said.warn("junk "+key, "this is no document of ours and is ignored", "key", key)
	}
}

// about makes an event of a document of an app or a node.
func about(kind state.Kind, name, message string) state.Event {
	e := state.Event{Message: message}
	if kind == state.KindApp || kind == state.KindChoreo {
		e.App = name
	} else {
		e.Node = name
	}
	return e
}

// listen takes in the heartbeats, and with them who is alive.
func (c *Controller) listen(ctx context.Context) {
	l, err := list(ctx, c.store, state.KindHeartbeat)
	if ctx.Err() != nil {
		return
	}
	c.looked(state.KindHeartbeat, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	prefix := state.KindHeartbeat.Prefix()
	if err != nil {
		if c.beats == nil {
			c.missing[prefix] = err.Error()
		}
		return
	}
	if !c.nodes.loaded {
		return
	}
	delete(c.missing, prefix)
	c.beats = make(map[string]state.ETag, len(l.entries))
	for id, e := range l.entries {
		c.beats[id] = e.ETag
	}
	if c.office.term != 0 && c.observe(time.Now()) {
		c.dirty = true
	}
	c.afresh(state.KindHeartbeat)
}

// observe judges from the heartbeats, and says whether the judgement changed. The caller holds mu.
func (c *Controller) observe(now time.Time) (changed bool) {
	records := make(map[string]state.NodeState, len(c.nodes.docs))
	for id, doc := range c.nodes.docs {
		if doc.Value != nil && !doc.Value.Detached {
			records[id] = doc.Value.State
		}
	}
	before, frozen := c.liveness.Living(), c.liveness.Frozen()
	c.liveness.Observe(now, c.signs(), records)
	after := c.liveness.Frozen()
	c.office.judging = true
	if after != "" && frozen == "" {
		c.event(ScheduleFrozen, state.Event{Message: after})
	} else if after == "" && frozen != "" {
		c.event(ScheduleUnfrozen, state.Event{Message: "no longer are so many nodes silent together: instances are moved again"})
	}
	return after != frozen || !maps.Equal(before, c.liveness.Living())
}

// Missing says what keeps this master from being ready, by place; empty: it has read the bucket, and finds its nodes.
func (c *Controller) Missing() map[string]string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	missing := maps.Clone(c.missing)
	if len(missing) == 0 && !c.searchable.Load() {
		missing[indexMissing] = "it is being made"
	}
	return missing
}

// pictured reports whether the bucket was read.
func (c *Controller) pictured() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.missing) == 0
}

// Unread is code Unavailable until the bucket was read once: before that, that something is not in the picture does not
// mean that it is not there.
func (c *Controller) Unread() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, what := range slices.Sorted(maps.Keys(c.missing)) {
		return state.Errorf(state.Unavailable, "", "this master has not read %s yet: %s", what, c.missing[what])
	}
	return nil
}

func (c *Controller) setMissing(what, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if why != "" {
		c.missing[what] = why
		return
	}
	delete(c.missing, what)
	for _, kind := range kinds {
		c.missing[kind.Prefix()] = "it was not read yet"
	}
}
