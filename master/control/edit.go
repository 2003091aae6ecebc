package control

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"stathub/state"
)

// change makes the new content of a document from the old one, which is the zero Doc when there is none and is the
// caller's own to edit. It may run several times. state.ErrNoChange leaves the document as it is.
type change[T any] func(old Doc[T]) (*T, error)

// edit is read, decide, write of one document for the API, until no other writer comes between (law 2). The result is in
// the picture when it returns, and the loop is woken. With a condition the document must be at that revision, or absent:
// else code Stale or Exists.
func edit[T any](ctx context.Context, c *Controller, f *folder[T], name string, cond state.Condition, do change[T]) (Doc[T], error) {
	key := f.kind.Key(name)
	if err := state.CheckName(name); err != nil {
		return Doc[T]{}, err
	}
	if err := c.open(); err != nil {
		return Doc[T]{}, err
	}
	defer c.locks.lock(key)()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for wait := time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		doc, err := tryEdit(ctx, c, f, name, cond, do)
		if errors.Is(err, errLost) && cond == (state.Condition{}) {
			select {
			case <-ctx.Done():
				return Doc[T]{}, state.Errorf(state.Unavailable, key, "cannot write: other writers kept winning: %w", context.Cause(ctx))
			case <-time.After(rand.N(wait)):
			}
			continue
		}
		return doc, err
	}
}

// errLost marks an edit that another writer overtook.
var errLost = errors.New("another writer was first: read it again and decide anew")

func tryEdit[T any](ctx context.Context, c *Controller, f *folder[T], name string, cond state.Condition, do change[T]) (Doc[T], error) {
	key := f.kind.Key(name)
	old, err := f.fetchOne(ctx, c.store, name)
	switch {
	case err != nil:
		return Doc[T]{}, err
	case old.ETag == blockedETag:
		return Doc[T]{}, old.Err
	case cond.IfAbsent && old.ETag != "":
		return Doc[T]{}, state.Errorf(state.Exists, key, "there is such a document already")
	case cond.IfMatch != "" && old.ETag != cond.IfMatch:
		return Doc[T]{}, state.Errorf(state.Stale, key, "the document changed since it was read: read it again")
	}
	if old.Err != nil {
		old.Value = nil // of an older revision: no ground to decide on
	}
	before := shallow(old.Value)
	next, err := do(old)
	if errors.Is(err, state.ErrNoChange) {
		f.apply(name, old)
		return old, nil
	} else if err != nil {
		return Doc[T]{}, err
	}
	if err := f.check(key, next); err != nil {
		return Doc[T]{}, err
	}
	if dry(ctx) {
		return Doc[T]{Value: next, ETag: old.ETag}, nil
	}
	doc, err := putDoc(ctx, c, f, name, next, over(old.ETag))
	switch code := state.CodeOf(err); {
	case code == state.Stale || code == state.Exists:
		return Doc[T]{}, &state.Error{Code: code, Key: key, Err: errLost}
	case err != nil:
		return Doc[T]{}, err
	}
	c.tellEdit(before, next)
	if f.kind == state.KindApp || f.kind == state.KindChoreo {
		c.reindexApps(name)
	}
	c.replan()
	return doc, nil
}

// shallow copies what an edit may change in place; nil stays nil.
func shallow[T any](doc *T) *T {
	if doc == nil {
		return nil
	}
	copied := *doc
	return &copied
}

// open refuses edits before the store passed the gate: one that ignores conditions would lose them.
func (c *Controller) open() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if why := c.missing[bucketMissing]; why != "" {
		return state.Errorf(state.Unavailable, "", "the bucket is not open yet: %s", why)
	}
	return nil
}

// present gives the old value of an edit that needs one.
func present[T any](kind state.Kind, name string, old Doc[T]) (*T, error) {
	switch {
	case old.ETag == "":
		return nil, missing(kind, name)
	case old.Err != nil:
		return nil, broken(kind, name, old.Err)
	}
	return old.Value, nil
}

func missing(kind state.Kind, name string) error {
	what := map[state.Kind]string{
		state.KindApp: "app", state.KindChoreo: "choreography of app", state.KindNode: "node", state.KindManifest: "manifest of node",
		state.KindReport: "report of node",
	}[kind]
	return state.Errorf(state.NotFound, "", "there is no %s %q", what, name)
}

// broken says that a stored document must be mended first.
func broken(kind state.Kind, name string, err error) error {
	return state.Unreadable(kind.Key(name), "mend it, or replace it with PUT", err)
}
