package bucket

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"stathub/state"
)

// Masters is one bucket behind the gateways of several masters. It stays with the one that answers, and goes on with the
// next when that is out of reach, not in step with other agents. It is safe for concurrent use.
type Masters struct {
	stores []state.Store
	jitter func() float64
	works  sync.WaitGroup // watches
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex
	now   int             // the one that answered last
	stay  context.Context // ends when that is another one
	leave context.CancelCauseFunc
}

var _ state.Store = (*Masters)(nil)

// turnSpread bounds the wait before the next master is asked: the agents of one that died ask another over that time.
const turnSpread = time.Second

var errMoved = errors.New("another master answers meanwhile")

// NewMasters makes a store of the masters' gateways, in the order in which they are asked; closing it closes them. jitter
// is 0 to 1; nil: random.
func NewMasters(stores []state.Store, jitter func() float64) *Masters {
	if jitter == nil {
		jitter = rand.Float64
	}
	m := &Masters{stores: stores, jitter: jitter}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.stay, m.leave = context.WithCancelCause(m.ctx)
	return m
}

func (m *Masters) current() (now int, stay context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now, m.stay
}

// settle stays with the one that answered.
func (m *Masters) settle(now int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now != now {
		m.now = now
		m.leave(errMoved)
		m.stay, m.leave = context.WithCancelCause(m.ctx)
	}
}

// try asks the one that answered last and, while they are out of reach, the others. do has to end the request that it was
// given. A write whose condition failed at one master, after another one gave no answer, may have been written by that one:
// what became of it is left open.
func (m *Masters) try(ctx context.Context, write string, do func(s state.Store, r *request) error) (err error) {
	asked := make([]bool, len(m.stores))
	for n := range m.stores {
		if n > 0 && !pause(ctx, time.Duration(m.jitter()*float64(turnSpread))) {
			return err
		}
		k, stay := m.current()
		for asked[k] {
			k = (k + 1) % len(m.stores)
		}
		asked[k] = true
		r := newRequest(ctx, stay, len(m.stores)-n)
		next := do(m.stores[k], r)
		switch code := state.CodeOf(next); {
		case code == state.Unavailable:
		case n > 0 && write != "" && (code == state.Stale || code == state.Exists || code == state.NotFound):
			m.settle(k)
			return state.Errorf(state.Unavailable, write, "a master went away without an answer, and it may have written this: %w", next)
		default:
			m.settle(k)
			return next
		}
		if err == nil || !errors.Is(context.Cause(r.ctx), errMoved) {
			err = next
		}
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

// pause is false when ctx ends before the time is over.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// CanWait tells state.CanWait that a Get may wait for a change, if it may at each of the masters.
func (m *Masters) CanWait() bool {
	for _, s := range m.stores {
		if !state.CanWait(s) {
			return false
		}
	}
	return true
}

// Get is state.Store's.
func (m *Masters) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (o *state.Object, err error) {
	err = m.try(ctx, "", func(s state.Store, r *request) (err error) {
		if o, err = s.Get(r.ctx, key, ifNoneMatch); err != nil {
			defer r.end()
			return err
		}
		r.answered()
		o.Body = &body{o.Body, r}
		return nil
	})
	return o, err
}

// Put is state.Store's.
func (m *Masters) Put(ctx context.Context, key string, content io.ReadSeeker, cond state.Condition) (etag state.ETag, err error) {
	start, err := content.Seek(0, io.SeekCurrent)
	if err != nil {
		return "", state.Errorf(state.Internal, key, "cannot read what is to be written: %w", err)
	}
	err = m.try(ctx, key, func(s state.Store, r *request) (err error) {
		defer r.end()
		if _, err = content.Seek(start, io.SeekStart); err != nil {
			return state.Errorf(state.Internal, key, "cannot read what is to be written: %w", err)
		}
		etag, err = s.Put(r.ctx, key, content, cond)
		return err
	})
	return etag, err
}

// Delete is state.Store's.
func (m *Masters) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	return m.try(ctx, key, func(s state.Store, r *request) error {
		defer r.end()
		return s.Delete(r.ctx, key, ifMatch)
	})
}

// List is state.Store's. Another master is asked only before the first key.
func (m *Masters) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		begun, more := false, true
		err := m.try(ctx, "", func(s state.Store, r *request) error {
			defer r.end()
			for e, err := range s.List(r.ctx, prefix) {
				if err != nil && !begun {
					return err
				}
				begun = true
				r.answered()
				if more = yield(e, err); !more || err != nil {
					more = false
					return nil
				}
			}
			return nil
		})
		if err != nil && more {
			yield(state.Entry{}, err)
		}
	}
}

// Watch is state.Store's: of the master that answers, whichever that is.
func (m *Masters) Watch(ctx context.Context, prefix string) <-chan struct{} {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(m.ctx, cancel)
	out := make(chan struct{}, 1)
	k, stay := m.current()
	here, leave := context.WithCancel(ctx)
	from := m.stores[k].Watch(here, prefix)
	m.works.Go(func() {
		defer close(out)
		defer stop()
		defer cancel()
		for {
			forward(ctx, stay, from, out)
			if leave(); ctx.Err() != nil {
				return
			}
			k, stay = m.current()
			here, leave = context.WithCancel(ctx)
			from = m.stores[k].Watch(here, prefix)
			hint(out) // who knows what changed in between
		}
	})
	return out
}

// forward passes hints on until one of the contexts ends.
func forward(ctx, stay context.Context, from <-chan struct{}, out chan<- struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-stay.Done():
			return
		case _, open := <-from:
			if !open {
				from = nil
				continue
			}
			hint(out)
		}
	}
}

// Close closes all of them.
func (m *Masters) Close() error {
	m.cancel()
	var errs []error
	for _, s := range m.stores {
		errs = append(errs, s.Close())
	}
	m.works.Wait()
	return errors.Join(errs...)
}

func hint(out chan<- struct{}) {
	select {
	case out <- struct{}{}:
	default: // one is waiting: hints are merged
	}
}
