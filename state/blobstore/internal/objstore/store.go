// Package objstore makes a state.Store of an object store's own API. What all providers share is here: key checks, the
// prefix inside a bucket, the error codes, the transport. A Driver holds what differs.
package objstore

import (
	"context"
	"io"
	"iter"
	"strings"

	"stathub/state"
)

// Driver is the API of one provider. Names are whole object names, the prefix of the bucket URL included. Its errors are
// the provider's own; Fault reads them.
type Driver interface {
	// Get opens an object. The Key of the result is not read.
	Get(ctx context.Context, name string, ifNoneMatch state.ETag) (*state.Object, error)

	// Put writes size bytes, whole or not at all, and returns the ETag that List and Get will give for them.
	// A write with a condition must not be sent again after a failure that leaves open whether it was applied: the second
	// try would fail on the first one's success, and be taken for a lost race. See NotApplied.
	Put(ctx context.Context, name string, body io.ReadSeeker, size int64, cond state.Condition) (state.ETag, error)

	// Delete removes an object, with ifMatch only that revision.
	Delete(ctx context.Context, name string, ifMatch state.ETag) error

	// List gives a page of at most 1,000 entries in byte order, with whole names as keys, and the token of the next page,
	// empty after the last.
	List(ctx context.Context, prefix, token string) (page []state.Entry, next string, err error)

	// Fault says what an error of this driver means.
	Fault(err error) Fault

	Close() error
}

// Store is a state.Store over a Driver.
type Store struct {
	driver Driver
	name   string // the bucket as people know it: "s3://bucket at http://host:9000"
	prefix string // "" or ends in a slash
	hint   string // where this provider's credentials come from
}

var _ state.Store = (*Store)(nil)

// New makes a store. name is the bucket as error messages call it, hint tells the operator where credentials are looked
// for, prefix is what Prefix returned.
func New(d Driver, name, prefix, hint string) *Store {
	return &Store{driver: d, name: name, prefix: prefix, hint: hint}
}

// Prefix checks the prefix= of a bucket URL and returns it empty or ending in a slash.
func Prefix(raw string) (string, error) {
	p := strings.Trim(raw, "/")
	if p == "" {
		return "", nil
	}
	if err := state.CheckKey(p); err != nil {
		return "", state.Errorf(state.Invalid, "", "state URL: prefix: %w", err)
	}
	if len(p) > 100 {
		return "", state.Errorf(state.Invalid, "", "state URL: prefix %q is longer than 100 bytes", p)
	}
	return p + "/", nil
}

// Get implements state.Store. Errors while the body is read are code Unavailable.
func (s *Store) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	if err := state.CheckKey(key); err != nil {
		return nil, err
	}
	o, err := s.driver.Get(ctx, s.prefix+key, ifNoneMatch)
	if err != nil {
		return nil, s.fail(ctx, "read", key, state.NotFound, err)
	}
	o.Key = key
	o.Body = &body{rc: o.Body, want: o.Size, fail: func(err error) error { return s.fail(ctx, "read", key, state.Unavailable, err) }}
	return o, nil
}

// Put implements state.Store.
//
// Code Unavailable leaves open whether the document was written: the answer may have been lost. A conditional write is
// not sent again then, so Stale and Exists always speak of another writer, as far as this process can know; a proxy
// that repeats requests on its own can still turn a write's own success into one, and reading again is right either way.
func (s *Store) Put(ctx context.Context, key string, r io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if err := state.CheckKey(key); err != nil {
		return "", err
	}
	if cond.IfAbsent && cond.IfMatch != "" {
		return "", state.Errorf(state.Invalid, key, "a write cannot be both if-match and if-absent")
	}
	t, err := newTail(r)
	if err != nil {
		return "", state.Errorf(state.Internal, key, "cannot measure what is to be written: %w", err)
	}
	etag, err := s.driver.Put(ctx, s.prefix+key, t, t.size, cond)
	if broken := t.stop(); broken != nil {
		return "", state.Errorf(state.Internal, key, "cannot read what is to be written: %w", broken)
	}
	if err != nil {
		lost := state.Unavailable // only a condition can be failed
		if cond.IfAbsent {
			lost = state.Exists
		} else if cond.IfMatch != "" {
			lost = state.Stale
		}
		return "", s.fail(ctx, "write", key, lost, err)
	}
	return etag, nil
}

// Delete implements state.Store.
func (s *Store) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	if err := state.CheckKey(key); err != nil {
		return err
	}
	if err := s.driver.Delete(ctx, s.prefix+key, ifMatch); err != nil {
		return s.fail(ctx, "delete", key, state.NotFound, err)
	}
	return nil
}

// List implements state.Store with one request per 1,000 keys. Objects whose names are not keys (folder markers, empty
// segments) are left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		if after := state.After(ctx); after != "" {
			ctx = state.WithAfter(ctx, s.prefix+after)
		}
		for token := ""; ; {
			page, next, err := s.driver.List(ctx, s.prefix+prefix, token)
			if err != nil {
				yield(state.Entry{}, s.fail(ctx, "list", prefix, state.Unavailable, err))
				return
			}
			for _, e := range page {
				e.Key = strings.TrimPrefix(e.Key, s.prefix)
				if state.CheckKey(e.Key) == nil && !yield(e, nil) {
					return
				}
			}
			if token = next; token == "" {
				return
			}
		}
	}
}

// Notifier is a Driver of which the provider tells what changes.
type Notifier interface {
	// Watch is state.Store's, with prefixes of keys; nil where there is nothing to hear.
	Watch(ctx context.Context, prefix string) <-chan struct{}

	// Hinting is for state.Hinting.
	Hinting() bool
}

// Watch implements state.Store. Where the provider has no notifications nothing is ever sent: it is polled.
func (s *Store) Watch(ctx context.Context, prefix string) <-chan struct{} {
	if n, ok := s.driver.(Notifier); ok {
		if hints := n.Watch(ctx, prefix); hints != nil {
			return hints
		}
	}
	ch := make(chan struct{})
	context.AfterFunc(ctx, func() { close(ch) })
	return ch
}

// Hinting is for state.Hinting.
func (s *Store) Hinting() bool {
	n, ok := s.driver.(Notifier)
	return ok && n.Hinting()
}

// Metered says that every driver sends its requests through a meter.Transport.
func (s *Store) Metered() bool { return true }

// Close implements state.Store.
func (s *Store) Close() error { return s.driver.Close() }
