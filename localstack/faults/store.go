package faults

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"stathub/state"
)

// FlakyStore is a state.Store that fails as a bucket behind a bad network does. It takes the same faults as a Proxy;
// those of connections that a store cannot have become the nearest that it can.
type FlakyStore struct {
	state.Store

	mu    sync.Mutex
	rand  *rand.Rand
	fault Fault
	dead  bool
}

// NewFlakyStore wraps a store. Closing it does not close the store.
func NewFlakyStore(s state.Store, seed uint64) *FlakyStore {
	return &FlakyStore{Store: s, rand: rand.New(rand.NewPCG(seed, 2))}
}

// Inflict is Breaker's.
func (s *FlakyStore) Inflict(f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
	return nil
}

// Mend is Breaker's.
func (s *FlakyStore) Mend() error { return s.Inflict("") }

// Kill makes every call from now on fail without doing anything: what a program that was killed does to its bucket.
func (s *FlakyStore) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}

// Unwrap gives the store that is wrapped.
func (s *FlakyStore) Unwrap() state.Store { return s.Store }

// Close leaves the wrapped store open.
func (s *FlakyStore) Close() error { return nil }

var (
	errDown = errors.New("a fault was inflicted on this store")
	errLost = errors.New("a fault was inflicted on this store: the answer is lost")
)

// blackhole is when a call that gets no answer is given up, where its caller waits for longer.
const blackhole = 2 * time.Second

// verdict is what happens to one call.
type verdict struct {
	before, after error // instead of the call; in place of its answer
	delay         time.Duration
	cut           bool // bodies and listings end early
}

func (s *FlakyStore) judge() verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	some := s.rand.Float64() < 0.3
	switch {
	case s.dead:
		return verdict{before: errDown}
	case s.fault == Latency, s.fault == Bandwidth, s.fault == Slices:
		return verdict{delay: time.Duration(s.rand.Int64N(int64(50 * time.Millisecond)))}
	case s.fault == Blackhole:
		return verdict{before: errDown, delay: blackhole}
	case s.fault == Refused, some && s.fault == SlowDown:
		return verdict{before: errDown}
	case some && s.fault == LostAnswers:
		return verdict{after: errLost}
	case some && (s.fault == HalfWritten || s.fault == Resets):
		if s.rand.Float64() < 0.5 {
			return verdict{after: errLost}
		}
		return verdict{cut: true}
	default:
		return verdict{}
	}
}

// begin judges a call and waits as long as it says. Its error is in place of the call.
func (s *FlakyStore) begin(ctx context.Context, key string) (verdict, error) {
	v := s.judge()
	if v.delay > 0 {
		select {
		case <-ctx.Done():
			return v, state.Errorf(state.Unavailable, key, "%w", context.Cause(ctx))
		case <-time.After(v.delay):
		}
	}
	return v, unavailable(key, v.before)
}

func unavailable(key string, err error) error {
	if err == nil {
		return nil
	}
	return state.Errorf(state.Unavailable, key, "%w", err)
}

// Get is state.Store's.
func (s *FlakyStore) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	v, err := s.begin(ctx, key)
	if err == nil {
		err = unavailable(key, v.after)
	}
	if err != nil {
		return nil, err
	}
	o, err := s.Store.Get(ctx, key, ifNoneMatch)
	if err == nil && v.cut {
		o.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(o.Body, o.Size/2), broken{unavailable(key, errLost)}), o.Body}
	}
	return o, err
}

// broken is the rest of a body that does not come.
type broken struct{ error }

func (b broken) Read([]byte) (int, error) { return 0, b.error }

// Put is state.Store's. A request that is cut is not carried out.
func (s *FlakyStore) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	v, err := s.begin(ctx, key)
	if err == nil && v.cut {
		err = unavailable(key, errDown)
	}
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return "", err
	}
	etag, err := s.Store.Put(ctx, key, bytes.NewReader(data), cond)
	if v.after != nil {
		return "", unavailable(key, v.after)
	}
	return etag, err
}

// Delete is state.Store's.
func (s *FlakyStore) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	v, err := s.begin(ctx, key)
	if err != nil {
		return err
	}
	err = s.Store.Delete(ctx, key, ifMatch)
	if v.after != nil {
		return unavailable(key, v.after)
	}
	return err
}

// List is state.Store's. One that is cut ends with an error after some entries.
func (s *FlakyStore) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		v, err := s.begin(ctx, prefix)
		if err != nil {
			yield(state.Entry{}, err)
			return
		}
		n := 0
		for e, err := range s.Store.List(ctx, prefix) {
			if n++; err == nil && n > 3 && (v.cut || v.after != nil) {
				yield(state.Entry{}, unavailable(prefix, errLost))
				return
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
