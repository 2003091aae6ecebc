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

// CanWait reports whether a store heeds WithWait. A store that wraps another one tells of it by a method Unwrap.
func CanWait(s Store) bool {
	for {
		if w, ok := s.(interface{ CanWait() bool }); ok {
			return w.CanWait()
		}
		u, ok := s.(interface{ Unwrap() Store })
		if !ok {
			return false
		}
		s = u.Unwrap()
	}
}
