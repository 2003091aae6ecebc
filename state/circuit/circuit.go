// Package circuit keeps a program quick while its bucket is out of reach: every call has a deadline, reads are tried once
// more, and after several failures in a row calls fail at once, but for one now and then that finds out whether the
// bucket is back (a circuit breaker).
package circuit

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"strings"
	"time"

	"stathub/state"
)

// Options are a Circuit's; zero values stand for the defaults given.
type Options struct {
	ReadDeadline  time.Duration  // of a Get to its answer, of each read of its body; default 5 s
	WriteDeadline time.Duration  // of a Put or Delete, and of each page of a listing; default 10 s
	Failures      int            // in a row and over at least 1 s, after which the circuit opens; default 5
	Pause         time.Duration  // the least time that it stays open; it stays so for up to twice as long; default 2 s
	Jitter        func() float64 // 0 to 1; default random
}

// retryWithin bounds the jittered wait before a read is tried again.
const retryWithin = 200 * time.Millisecond

// Circuit is a store that gives up soon on the one that it wraps. Only code Unavailable is a failure: NotFound, Stale and
// their like are answers. A call that its caller cancelled is neither.
//
// Artifacts are large: to get or to put one has no deadline but the caller's, is not tried again, and tells nothing about
// the bucket; while the circuit is open it fails at once, too.
type Circuit struct {
	store   state.Store
	opts    Options
	breaker *breaker
}

var _ state.Store = (*Circuit)(nil)

// New wraps a store; closing the Circuit closes it.
func New(store state.Store, o Options) *Circuit {
	o.ReadDeadline = positive(o.ReadDeadline, 5*time.Second)
	o.WriteDeadline = positive(o.WriteDeadline, 10*time.Second)
	o.Pause = positive(o.Pause, 2*time.Second)
	if o.Failures <= 0 {
		o.Failures = 5
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	pause := o.Pause + time.Duration(o.Jitter()*float64(o.Pause))
	return &Circuit{store: store, opts: o, breaker: newBreaker(o.Failures, pause)}
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Unwrap gives the store behind the circuit.
func (c *Circuit) Unwrap() state.Store { return c.store }

// State is how the bucket is doing.
func (c *Circuit) State() State { return c.breaker.snapshot() }

// Get is state.Store's. One that is to wait (state.WithWait) has that time on top of its deadline.
func (c *Circuit) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (o *state.Object, err error) {
	if isArtifact(key) {
		if err := c.breaker.closed(key); err != nil {
			return nil, err
		}
		return c.store.Get(ctx, key, ifNoneMatch)
	}
	c.twice(ctx, func() error {
		o, err = c.get(ctx, key, ifNoneMatch)
		return err
	})
	return o, err
}

func (c *Circuit) get(caller context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	try, err := c.breaker.begin(caller, key)
	if err != nil {
		return nil, err
	}
	ctx, limit := newLimit(caller, c.opts.ReadDeadline)
	if try.probe && state.WaitOf(ctx) > 0 { // others wait for what it finds out
		ctx = state.WithWait(ctx, 0)
	}
	limit.start(state.WaitOf(ctx))
	o, err := c.store.Get(ctx, key, ifNoneMatch)
	limit.stop()
	try.end(caller, err)
	if err != nil {
		limit.release()
		return nil, err
	}
	o.Body = &body{o.Body, limit}
	return o, nil
}

// body is a document whose every read has the deadline: how long its reader takes in between is the reader's business.
type body struct {
	io.ReadCloser
	limit *limit
}

func (b *body) Read(p []byte) (int, error) {
	b.limit.start(0)
	defer b.limit.stop()
	return b.ReadCloser.Read(p)
}

func (b *body) Close() error {
	defer b.limit.release()
	return b.ReadCloser.Close()
}

// Put is state.Store's. It is not tried again: whether it was applied is for the caller to find out.
func (c *Circuit) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (etag state.ETag, err error) {
	if isArtifact(key) {
		if err := c.breaker.closed(key); err != nil {
			return "", err
		}
		return c.store.Put(ctx, key, body, cond)
	}
	err = c.write(ctx, key, func(ctx context.Context) (err error) {
		etag, err = c.store.Put(ctx, key, body, cond)
		return err
	})
	return etag, err
}

// Delete is state.Store's.
func (c *Circuit) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	return c.write(ctx, key, func(ctx context.Context) error { return c.store.Delete(ctx, key, ifMatch) })
}

func (c *Circuit) write(caller context.Context, key string, do func(context.Context) error) error {
	try, err := c.breaker.begin(caller, key)
	if err != nil {
		return err
	}
	ctx, limit := newLimit(caller, c.opts.WriteDeadline)
	defer limit.release()
	limit.start(0)
	err = do(ctx)
	limit.stop()
	try.end(caller, err)
	return err
}

// List is state.Store's. It is tried again only if it failed before its first key.
func (c *Circuit) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		var failed error
		c.twice(ctx, func() error {
			begun := false
			failed = c.list(ctx, prefix, func(e state.Entry) bool { begun = true; return yield(e, nil) })
			if begun && failed != nil && !errors.Is(failed, errEnough) {
				return errMidway
			}
			return failed
		})
		if failed != nil && !errors.Is(failed, errEnough) {
			yield(state.Entry{}, failed)
		}
	}
}

var (
	errEnough = errors.New("the caller has what it wants")
	errMidway = errors.New("what was listed cannot be taken back")
)

func (c *Circuit) list(caller context.Context, prefix string, yield func(state.Entry) bool) error {
	try, err := c.breaker.begin(caller, prefix)
	if err != nil {
		return err
	}
	ctx, limit := newLimit(caller, c.opts.WriteDeadline)
	defer limit.release()
	limit.start(0)
	for e, err := range c.store.List(ctx, prefix) {
		limit.stop() // while the caller works
		if err != nil {
			try.end(caller, err)
			return err
		}
		if !yield(e) {
			try.end(caller, nil)
			return errEnough
		}
		limit.start(0)
	}
	limit.stop()
	try.end(caller, nil)
	return nil
}

// twice runs a read again, after a jittered wait, if it failed as if it were worth it.
func (c *Circuit) twice(ctx context.Context, do func() error) {
	if err := do(); state.CodeOf(err) != state.Unavailable || ctx.Err() != nil || c.breaker.closed("") != nil {
		return
	}
	timer := time.NewTimer(time.Duration(c.opts.Jitter() * float64(retryWithin)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		do()
	}
}

// Watch is state.Store's.
func (c *Circuit) Watch(ctx context.Context, prefix string) <-chan struct{} {
	return c.store.Watch(ctx, prefix)
}

// Close is state.Store's.
func (c *Circuit) Close() error { return c.store.Close() }

func isArtifact(key string) bool { return strings.HasPrefix(key, state.KindArtifact.Prefix()) }
