// Package meter counts what a bucket is asked for: requests, bytes and times, by op and by kind of document, as a
// provider would bill them.
package meter

import (
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"stathub/state"
	"stathub/state/metric"
)

// Meter is a store that counts the requests to the one that it wraps. Where that one sends its requests through a
// Transport, each of them is counted as it goes out: retries, pages, and what one call needs beside it. With any other
// store a call is a request, and a listing one for each 1,000 keys.
type Meter struct {
	store state.Store
	exact bool // a Transport counts

	mu      sync.Mutex
	cells   map[cellKey]*cell
	latency map[Op]*metric.Histogram
}

var _ state.Store = (*Meter)(nil)

// New wraps a store; closing the Meter closes it.
func New(store state.Store) *Meter {
	m := &Meter{store: store, cells: map[cellKey]*cell{}, latency: map[Op]*metric.Histogram{}}
	if s, ok := store.(interface{ Metered() bool }); ok {
		m.exact = s.Metered()
	}
	return m
}

// Unwrap gives the store that is counted.
func (m *Meter) Unwrap() state.Store { return m.store }

// page is how many keys an object store lists at most in one answer.
const page = 1000

// call is one call of a Store, as its requests find it in their context.
type call struct {
	m    *Meter
	op   Op
	kind string
	held bool // its answer may be a long time coming
}

type callKey struct{}

func (m *Meter) begin(ctx context.Context, op Op, key string) (context.Context, *call, time.Time) {
	c := &call{m: m, op: op, kind: kindOf(key), held: state.WaitOf(ctx) > 0 || op == Listen}
	if m.exact {
		ctx = context.WithValue(ctx, callKey{}, c)
	}
	return ctx, c, time.Now()
}

// end counts a call of a store that has no Transport.
func (c *call) end(began time.Time, requests int64, err error) *cell {
	cell := c.m.cell(c.op, c.kind)
	if c.m.exact {
		return cell
	}
	outcome := outcomeOf(err)
	cell.add(outcome, requests)
	if !c.held && outcome != Failed {
		c.m.took(c.op, time.Since(began))
	}
	return cell
}

// Get is state.Store's.
func (m *Meter) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	ctx, c, began := m.begin(ctx, Get, key)
	o, err := m.store.Get(ctx, key, ifNoneMatch)
	cell := c.end(began, 1, err)
	if err == nil && !m.exact {
		o.Body = &countedBody{o.Body, &cell.received}
	}
	return o, err
}

// Put is state.Store's.
func (m *Meter) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	ctx, c, began := m.begin(ctx, Put, key)
	var size int64
	if !m.exact {
		size = left(body)
	}
	etag, err := m.store.Put(ctx, key, body, cond)
	cell := c.end(began, 1, err)
	if err == nil {
		cell.sent.Add(size)
	}
	return etag, err
}

// left is how many bytes a reader still has; 0 where it cannot tell, as the store will say better.
func left(r io.Seeker) int64 {
	at, err := r.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0
	}
	end, _ := r.Seek(0, io.SeekEnd)
	if _, err := r.Seek(at, io.SeekStart); err != nil {
		return 0
	}
	return max(0, end-at)
}

// Delete is state.Store's.
func (m *Meter) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	ctx, c, began := m.begin(ctx, Delete, key)
	err := m.store.Delete(ctx, key, ifMatch)
	c.end(began, 1, err)
	return err
}

// List is state.Store's.
func (m *Meter) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		ctx, c, began := m.begin(ctx, List, prefix)
		var keys int64
		var failed error
		for e, err := range m.store.List(ctx, prefix) {
			if keys++; err != nil {
				failed = err
			}
			if !yield(e, err) {
				break
			}
		}
		c.end(began, max(1, (keys+page-1)/page), failed)
	}
}

// Watch is state.Store's.
func (m *Meter) Watch(ctx context.Context, prefix string) <-chan struct{} {
	ctx, _, _ = m.begin(ctx, Listen, "")
	return m.store.Watch(ctx, prefix)
}

// Close is state.Store's.
func (m *Meter) Close() error { return m.store.Close() }
