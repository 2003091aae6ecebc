package state

import (
	"context"
	"iter"
)

// afterKey is the context key of the key that a listing begins behind.
type afterKey struct{}

// ListAfter gives the keys that start with prefix and come behind the key after, in byte order; with an empty after all of
// them. Stores that can begin a listing anywhere do; others list what is skipped here.
func ListAfter(ctx context.Context, s Store, prefix, after string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range s.List(WithAfter(ctx, after), prefix) {
			if err == nil && e.Key <= after {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// WithAfter lets the List of a store leave out keys up to after. It goes through stores that wrap others, which need not
// know of it.
func WithAfter(ctx context.Context, after string) context.Context {
	return context.WithValue(ctx, afterKey{}, after)
}

// After gives what WithAfter set; empty: a listing has to have all keys.
func After(ctx context.Context) string {
	after, _ := ctx.Value(afterKey{}).(string)
	return after
}
