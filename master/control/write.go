package control

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"

	"golang.org/x/sync/errgroup"

	"stathub/state"
)

// each runs do for all items, a bounded number at a time, and waits.
func each[T any](items []T, do func(T)) {
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, item := range items {
		g.Go(func() error { do(item); return nil })
	}
	_ = g.Wait()
}

// locks keeps the edits of one document in one process in order, so that the picture ends at the last of them.
type locks struct {
	seed maphash.Seed
	all  [64]sync.Mutex
}

func (l *locks) lock(key string) (unlock func()) {
	mu := &l.all[maphash.String(l.seed, key)%uint64(len(l.all))]
	mu.Lock()
	return mu.Unlock
}

// write puts a document over the revision that it was decided from, none when old is empty, and takes it over into the
// picture. It never overwrites what was not read: then its code is Stale or Exists. It is for what only a leader writes.
func write[T any](ctx context.Context, c *Controller, f *folder[T], name string, doc *T, old state.ETag) error {
	key := f.kind.Key(name)
	if !c.inCharge() {
		return deposed(key)
	}
	defer c.locks.lock(key)()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := putDoc(ctx, c, f, name, doc, over(old))
	return err
}

// over is the condition of a write over a revision.
func over(old state.ETag) state.Condition {
	return state.Condition{IfMatch: old, IfAbsent: old == ""}
}

// writeFailed tells of a write of the master's own that did not happen, and has it decided anew. One that lost a race is
// normal (law 2): the next round reads first what the other writer wrote. That round comes at once, but a document that
// loses again and again waits for the poll.
func (c *Controller) writeFailed(kind state.Kind, name string, err error) {
	key := kind.Key(name)
	if errors.Is(err, errDeposed) {
		return // whoever leads now decides anew
	}
	c.mu.Lock()
	c.dirty, c.due[kind] = true, true
	c.mu.Unlock()
	switch state.CodeOf(err) {
	case state.Stale, state.Exists, state.NotFound:
		c.log.Debug("somebody else changed the document first", "key", key)
		if c.said.first("lost " + key) {
			c.wake()
		}
	default:
		c.said.warn("write "+key, "cannot write a document; trying again", "key", key, "error", err)
	}
}

// written ends what writeFailed began.
func (c *Controller) written(kind state.Kind, name string) {
	key := kind.Key(name)
	c.said.clear("lost " + key)
	if c.said.clear("write " + key) {
		c.log.Info("the document could be written", "key", key)
	}
}
