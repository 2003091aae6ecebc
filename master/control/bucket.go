package control

import (
	"context"
	"io"
	"strings"
	"time"

	"stathub/state"
)

// Entry is one key of the bucket, with what this master finds wrong with its content.
type Entry struct {
	state.Entry
	Err error
}

// ListBucket gives up to limit keys that start with prefix and come after the key after, and whether there are more.
func (c *Controller) ListBucket(ctx context.Context, prefix, after string, limit int) (entries []Entry, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	for e, err := range state.ListAfter(ctx, c.store, prefix, after) {
		switch {
		case err != nil:
			return nil, false, err
		case len(entries) == limit:
			return entries, true, nil
		}
		entries = append(entries, Entry{e, c.trouble(e.Key)})
	}
	return entries, false, nil
}

// GetRaw opens what lies at a key; the caller closes the body, and reads it as long as ctx lasts. Opening has a deadline.
func (c *Controller) GetRaw(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(callTimeout, func() { cancel(context.DeadlineExceeded) })
	o, err := c.store.Get(ctx, key, ifNoneMatch)
	if err != nil || !timer.Stop() {
		cancel(nil)
	}
	if err != nil {
		return nil, err
	}
	o.Body = &body{o.Body, cancel}
	return o, nil
}

// body lets go of its context when it is closed.
type body struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *body) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

// PutRaw writes bytes as they are, and takes them over into the picture. The caller has checked them.
func (c *Controller) PutRaw(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if err := c.open(); err != nil {
		return "", err
	}
	limit := callTimeout
	if strings.HasPrefix(key, state.KindArtifact.Prefix()) {
		limit = uploadTimeout // and no lock, which would hold up documents, too
	} else {
		defer c.locks.lock(key)()
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	put := func() (state.ETag, error) { return c.store.Put(ctx, key, body, cond) }
	if node, ok := state.KindManifest.Name(key); ok && c.manifests.seals != nil {
		put = func() (state.ETag, error) { return c.putSigned(ctx, node, body, cond) }
	}
	etag, err := put()
	if err == nil {
		c.reread(ctx, key)
	}
	return etag, err
}

// DeleteRaw deletes a document, at a revision when ifMatch is given.
func (c *Controller) DeleteRaw(ctx context.Context, key string, ifMatch state.ETag) error {
	if err := c.open(); err != nil {
		return err
	}
	defer c.locks.lock(key)()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := c.store.Delete(ctx, key, ifMatch); err != nil {
		return err
	}
	c.reread(ctx, key)
	return nil
}

// reread takes over into the picture what now lies at a key.
func (c *Controller) reread(ctx context.Context, key string) {
	defer c.replan()
	first, _, _ := strings.Cut(key, "/")
	switch state.Kind(first) {
	case state.KindApp:
		rereadDoc(ctx, c, c.apps, key)
		c.reindexApps()
	case state.KindChoreo:
		rereadDoc(ctx, c, c.choreos, key)
		c.reindexApps()
	case state.KindNode:
		rereadDoc(ctx, c, c.nodes, key)
		c.reindex()
	case state.KindManifest:
		rereadDoc(ctx, c, c.manifests, key)
	case state.KindReport:
		rereadDoc(ctx, c, c.reports, key)
		c.reindexProcs()
	}
}

func rereadDoc[T any](ctx context.Context, c *Controller, f *folder[T], key string) {
	name, ok := f.kind.Name(key)
	if !ok {
		return
	}
	doc, err := f.fetchOne(ctx, c.store, name)
	if err != nil {
		c.look(f.kind) // it is written; the picture follows
		return
	}
	f.apply(name, doc)
}

// trouble gives what is wrong with the document at a key, as far as this master knows it.
func (c *Controller) trouble(key string) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	first, _, _ := strings.Cut(key, "/")
	switch state.Kind(first) {
	case state.KindApp:
		return troubleOf(c.apps, key)
	case state.KindChoreo:
		return troubleOf(c.choreos, key)
	case state.KindNode:
		return troubleOf(c.nodes, key)
	case state.KindManifest:
		return troubleOf(c.manifests, key)
	case state.KindReport:
		return troubleOf(c.reports, key)
	default:
		return nil
	}
}

func troubleOf[T any](f *folder[T], key string) error {
	name, ok := f.kind.Name(key)
	if _, signs := signatureOf(f.kind, key); signs {
		return nil
	}
	if !ok {
		return state.Errorf(state.Invalid, key, "this is no document of ours and is ignored")
	}
	return f.docs[name].Err
}
