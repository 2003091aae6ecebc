package control

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"stathub/state"
)

// rejectAfter is how long a manifest may be unreadable before the master keeps it elsewhere and writes its own again.
// Somebody who is still typing makes a new revision, and the time starts anew.
const rejectAfter = 60 * time.Second

// maxRejected bounds what is kept of such a manifest; a larger one is left alone, for a person to look at.
const maxRejected = 64 << 20

// spoilt is a revision of a manifest that cannot be read.
type spoilt struct {
	etag  state.ETag
	since time.Time // when this master first saw it
}

// watchSpoilt finds which manifests cannot be read and since when, and gives when the next one will have been so for too
// long; zero: none will.
func (c *Controller) watchSpoilt(now time.Time) (next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.spoilt
	c.spoilt = map[string]spoilt{}
	for id, doc := range c.manifests.docs {
		if doc.Err == nil || doc.ETag == blockedETag {
			continue
		}
		s, known := before[id]
		if !known || s.etag != doc.ETag {
			s = spoilt{doc.ETag, now}
		}
		c.spoilt[id] = s
		if due := s.since.Add(rejectAfter); due.After(now) {
			next = sooner(next, due)
		}
	}
	return next
}

// restorable reports whether a manifest could not be read for too long, and may be written anew: as it last could be read,
// or, where this master never could, from what the node reports. The caller holds mu.
func (c *Controller) restorable(id string, doc Doc[state.Manifest], now time.Time) bool {
	s, known := c.spoilt[id]
	if doc.Err == nil || !known || s.etag != doc.ETag || now.Sub(s.since) < rejectAfter {
		return false
	}
	return doc.Value != nil || c.nothingToLose(id)
}

// nothingToLose reports whether everything that a node reports runs as the documents of its apps say: then no person's entry
// is lost with a manifest that nobody could read. The caller holds mu.
func (c *Controller) nothingToLose(id string) bool {
	report, record := c.reports.docs[id].Value, c.nodes.docs[id].Value
	if report == nil || record == nil {
		return false
	}
	for i := range report.Instances {
		inst := &report.Instances[i]
		app := c.apps.docs[inst.App]
		if app.Err != nil || app.Value == nil || !app.Value.Start {
			return false
		}
		e := &state.ManifestEntry{App: *app.Value, RestartToken: app.Value.RestartToken}
		if inst.Spec != state.SpecSum(&state.Manifest{Envs: record.Envs}, e) {
			return false
		}
	}
	return true
}

// keepRejected keeps the bytes of a manifest that is about to be replaced, since it could not be read. etag is the revision
// to replace; another one there is code Stale. done tells of it, once the manifest is replaced; nil: it can be read.
func (c *Controller) keepRejected(ctx context.Context, id string, etag state.ETag) (done func(), err error) {
	doc := c.manifests.get(id)
	if doc.Err == nil {
		return nil, nil
	}
	key := state.KindManifest.Key(id)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, entry, err := state.Read(ctx, c.store, key, "", maxRejected)
	if err != nil {
		return nil, err
	}
	if entry.ETag != etag {
		return nil, state.Errorf(state.Stale, key, "the document changed since it was found to be unreadable")
	}
	c.mu.RLock()
	since := c.spoilt[id].since
	c.mu.RUnlock()
	kept := state.RejectedKey(id, since, data)
	_, err = reserved{c.store, c.inCharge}.Put(ctx, kept, bytes.NewReader(data), state.Condition{IfAbsent: true})
	if err != nil && state.CodeOf(err) != state.Exists { // an earlier try kept it
		return nil, err
	}
	return func() {
		c.event(ManifestReplaced, state.Event{Node: id, Message: fmt.Sprintf(
			"the manifest of node %s could not be read for %s (%s): it is kept as %s, and what could last be read is written again",
			id, rejectAfter, doc.Err, kept)})
	}, nil
}
