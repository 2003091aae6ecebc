package artifact

import (
	"context"
	"errors"

	"stathub/state"
)

// openBucket is a conditional read of a bucket: the agent's own, or the one that the URI names. The Store port has no
// ranges: a download that was cut off starts over.
func (c *Cache) openBucket(ctx context.Context, src source, known answer) (*body, error) {
	store, err := c.bucketOf(ctx, src)
	if err != nil {
		return nil, err
	}
	o, err := store.Get(ctx, src.key, state.ETag(known.ETag))
	if code := state.CodeOf(err); code == state.NotModified {
		return nil, err
	} else if err != nil {
		return nil, state.Errorf(code, "", "cannot fetch %s: %w", src, err)
	}
	return &body{ReadCloser: o.Body, size: o.Size, etag: string(o.ETag)}, nil
}

// bucketOf gives the bucket of a source. One that a URI names stays open until no URI needs it any more.
func (c *Cache) bucketOf(ctx context.Context, src source) (state.Store, error) {
	switch {
	case src.store == "" && c.bucket == nil:
		return nil, state.Errorf(state.Unsupported, "", "cannot fetch %s: this agent has no bucket", src)
	case src.store == "":
		return c.bucket, nil
	case c.opts.OpenBucket == nil:
		return nil, state.Errorf(state.Unsupported, "", "cannot fetch %s: this agent does not open buckets by URL", src)
	}
	c.mu.Lock()
	store := c.buckets[src.store]
	c.mu.Unlock()
	if store != nil {
		return store, nil
	}
	opened, err := c.opts.OpenBucket(ctx, src.store)
	if err != nil {
		return nil, state.Errorf(state.CodeOf(err), "", "cannot fetch %s: %w", src, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if store = c.buckets[src.store]; store != nil { // another URI was faster
		_ = opened.Close()
		return store, nil
	}
	c.buckets[src.store] = opened
	return opened, nil
}

// closeBuckets closes the buckets that are not to be kept. c.mu is held, and no download is under way.
func (c *Cache) closeBuckets(keep func(bucketURL string) bool) error {
	var errs []error
	for url, store := range c.buckets {
		if !keep(url) {
			errs = append(errs, store.Close())
			delete(c.buckets, url)
		}
	}
	return errors.Join(errs...)
}
