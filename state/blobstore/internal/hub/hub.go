// Package hub shares one connection for notifications among all watches of a store.
package hub

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Listen holds a connection that tells of changes under prefix, until ctx ends or the connection does. It calls connected
// once it will miss no more changes, and then changed for each key. ErrUnsupported means that this server has no
// notifications.
type Listen func(ctx context.Context, prefix string, connected func(), changed func(key string)) error

// ErrUnsupported is the error of a server without notifications.
var ErrUnsupported = errors.New("this server sends no notifications")

// Waits between connections, each with jitter.
const (
	retryFirst = time.Second // doubles up to retryMost
	retryMost  = 5 * time.Minute
	retryNone  = time.Hour // while the server has no notifications: it may be replaced by one that has
	gather     = 50 * time.Millisecond
)

// Hub gives hints to watches. It listens only while there are any, to the longest prefix that they have in common.
type Hub struct {
	listen Listen
	live   atomic.Bool

	mu      sync.Mutex
	watches map[*watch]struct{}
	stop    context.CancelFunc // of the loop; nil: none runs
	widened chan struct{}      // a watch came that the connection does not cover
	closed  bool
	loops   sync.WaitGroup
	turn    chan struct{} // holds one while a loop runs: one that ends has nothing to say about the next one's connection
}

type watch struct {
	prefix string
	hints  chan struct{}
	stop   func() bool
}

// New makes a Hub. Nothing is listened to yet.
func New(listen Listen) *Hub {
	return &Hub{listen: listen, watches: map[*watch]struct{}{}, widened: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
}

// Live reports whether a connection tells of every change now.
func (h *Hub) Live() bool { return h.live.Load() }

// Watch is state.Store's. Each new connection is a hint too: something may have changed while there was none.
func (h *Hub) Watch(ctx context.Context, prefix string) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &watch{prefix: prefix, hints: make(chan struct{}, 1)}
	if h.closed {
		close(w.hints)
		return w.hints
	}
	before := h.common()
	fits := len(h.watches) > 0 && strings.HasPrefix(prefix, before)
	h.watches[w] = struct{}{}
	w.stop = context.AfterFunc(ctx, func() { h.drop(w) })
	switch {
	case h.stop == nil:
		var loop context.Context
		loop, h.stop = context.WithCancel(context.WithoutCancel(ctx))
		h.loops.Go(func() {
			h.turn <- struct{}{}
			defer func() { <-h.turn }()
			h.run(loop)
		})
	case !fits:
		h.live.Store(false)
		wake(h.widened)
	}
	return w.hints
}

// drop ends a watch, and the connection with the last one.
func (h *Hub) drop(w *watch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.watches[w]; !ok {
		return
	}
	delete(h.watches, w)
	close(w.hints)
	if len(h.watches) == 0 && h.stop != nil {
		h.live.Store(false)
		h.stop()
		h.stop = nil
	}
}

// Close ends every Watch and waits for the connection to end.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for w := range h.watches {
		w.stop()
		delete(h.watches, w)
		close(w.hints)
	}
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
	h.mu.Unlock()
	h.loops.Wait()
}

// common is the longest prefix of all watches. The caller holds mu.
func (h *Hub) common() string {
	first, common := true, ""
	for w := range h.watches {
		if first {
			first, common = false, w.prefix
			continue
		}
		n := 0
		for n < min(len(common), len(w.prefix)) && common[n] == w.prefix[n] {
			n++
		}
		common = common[:n]
	}
	return strings.ToValidUTF8(common, "") // two names may differ within a character
}

func (h *Hub) prefix() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.common()
}

// run keeps a connection until ctx ends.
func (h *Hub) run(ctx context.Context) {
	wait := retryFirst
	if !pause(ctx, gather) { // more watches come together with the first
		return
	}
	for ctx.Err() == nil {
		wider, connected, err := h.connection(ctx)
		switch {
		case wider:
			pause(ctx, gather)
			continue
		case errors.Is(err, ErrUnsupported):
			wait = retryNone
		case connected || wait > retryMost:
			wait = retryFirst
		default:
			wait = min(2*wait, retryMost)
		}
		pause(ctx, wait/2+rand.N(wait))
	}
}

// connection listens once. It ends early, with wider, when a watch needs a wider prefix.
func (h *Hub) connection(ctx context.Context) (wider, connected bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-h.widened: // what made it is in the prefix
	default:
	}
	prefix := h.prefix()
	ended := make(chan struct{})
	var waiter sync.WaitGroup
	waiter.Go(func() {
		select {
		case <-ended:
		case <-h.widened:
			wider = true
			cancel()
		}
	})
	began := false
	err = h.listen(ctx, prefix, func() {
		began = true
		h.covers(prefix)
		h.hint("", true)
	}, func(key string) { h.hint(key, false) })
	h.live.Store(false)
	close(ended)
	waiter.Wait()
	return wider, began, err
}

// covers takes note of a connection to a prefix, which may be too narrow by now.
func (h *Hub) covers(prefix string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live.Store(len(h.watches) > 0 && strings.HasPrefix(h.common(), prefix))
}

// hint tells the watches of a key, or all of them.
func (h *Hub) hint(key string, all bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watches {
		if all || strings.HasPrefix(key, w.prefix) {
			wake(w.hints)
		}
	}
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // one is waiting: hints are merged
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
