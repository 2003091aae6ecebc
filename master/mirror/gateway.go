package mirror

import (
	"bytes"
	"context"
	"io"
	"time"

	"stathub/state"
)

// Gateway gives the store that the handler of the gateway serves. A Get of a manifest or a report is answered from memory
// where the laws allow it, and its Watch of them gives a hint at each change of what Get answers, at no cost to the bucket.
// Everything else is the mirror's. It belongs to the mirror: do not close it.
func (m *Mirror) Gateway() state.Store { return gateway{m} }

type gateway struct{ *Mirror }

// Get is state.Store's.
func (g gateway) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	if !Mirrored(key) || state.CheckKey(key) != nil || ctx.Err() != nil {
		return g.Mirror.Get(ctx, key, ifNoneMatch)
	}
	now := time.Now()
	g.mu.Lock()
	g.book.ask(key, now)
	d, ok := g.book.look(key, now)
	g.mu.Unlock()
	switch {
	case !ok:
	case d.etag == "":
		return nil, state.Errorf(state.NotFound, key, "no such document")
	case d.etag == ifNoneMatch:
		return nil, state.Errorf(state.NotModified, key, "unchanged")
	case d.data != nil:
		return &state.Object{Entry: d.entry, Body: io.NopCloser(bytes.NewReader(d.data))}, nil
	}
	return g.Mirror.Get(ctx, key, ifNoneMatch)
}

// Put is state.Store's.
func (g gateway) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if yields(key) {
		done, err := g.turns.take(ctx, key)
		if err != nil {
			return "", err
		}
		defer done()
	}
	etag, err := g.Mirror.put(ctx, key, body, cond, true)
	g.changed(key)
	return etag, err
}

// Delete is state.Store's.
func (g gateway) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	err := g.Mirror.Delete(ctx, key, ifMatch)
	g.changed(key)
	return err
}

// changed tells the master.
func (g gateway) changed(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watching.hint(key)
}

// Watch is state.Store's.
func (g gateway) Watch(ctx context.Context, prefix string) <-chan struct{} {
	if !Mirrored(prefix) {
		return g.store.Watch(ctx, prefix)
	}
	return g.watch(ctx, g.gateway, prefix)
}
