package state

import (
	"context"
	"time"
)

type waitKey struct{}

// WithWait asks a Get with an ETag to hold its answer back, for at most d, until the document differs from that ETag
// (RFC 7240: Prefer: wait). It is a wish: a store that cannot wait answers at once, and any store may answer early.
func WithWait(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, waitKey{}, d)
}

// WaitOf gives what WithWait asked for; 0: nothing.
func WaitOf(ctx context.Context) time.Duration {
	d, _ := ctx.Value(waitKey{}).(time.Duration)
	return d
}

// CanWait reports whether a store, or one that it wraps, heeds WithWait.
func CanWait(s Store) bool {
	w, ok := As[interface{ CanWait() bool }](s)
	return ok && w.CanWait()
}
