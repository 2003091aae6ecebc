package control

import (
	"context"
	"io"
	"strings"

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
	for e, err := range c.store.List(ctx, prefix) {
		switch {
		case err != nil:
			return nil, false, err
		case e.Key <= after:
			continue
		case len(entries) == limit:
			return entries, true, nil
		}
		entries = append(entries, Entry{e, c.trouble(e.Key)})
	}
	return entries, false, nil
}

// GetRaw gives a document's bytes; the caller closes the body. Only the opening has a deadline.
func (c *Controller) GetRaw(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	return c.store.Get(ctx, key, ifNoneMatch)
}

// PutRaw writes a document's bytes as they are, and takes them over into the picture. The caller has checked them.
func (c *Controller) PutRaw(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if err := c.open(); err != nil {
		return "", err
	}
	defer c.locks.lock(key)()
	etag, err := c.store.Put(ctx, key, body, cond)
	if err == nil {
		err = c.reread(ctx, key)
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
	return c.reread(ctx, key)
}

// reread takes over into the picture what now lies at a key.
func (c *Controller) reread(ctx context.Context, key string) error {
	defer c.replan()
	first, _, _ := strings.Cut(key, "/")
	switch state.Kind(first) {
	case state.KindApp:
		return rereadDoc(ctx, c, c.apps, key)
	case state.KindChoreo:
		return rereadDoc(ctx, c, c.choreos, key)
	case state.KindNode:
		err := rereadDoc(ctx, c, c.nodes, key)
		c.reindex()
		return err
	case state.KindManifest:
		return rereadDoc(ctx, c, c.manifests, key)
	case state.KindReport:
		return rereadDoc(ctx, c, c.reports, key)
	default:
		return nil
	}
}

func rereadDoc[T any](ctx context.Context, c *Controller, f *folder[T], key string) error {
	name, ok := f.kind.Name(key)
	if !ok {
		return nil
	}
	doc, err := f.fetchOne(ctx, c.store, name)
	if err != nil {
		c.look(f.kind) // it is written; the picture follows
		return nil
	}
	f.apply(name, doc)
	return nil
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
	if !ok {
		return state.Errorf(state.Invalid, key, "this is no document of ours and is ignored")
	}
	return f.docs[name].Err
}
