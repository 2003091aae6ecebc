package mirror

import (
	"context"
	"strings"
	"sync"
	"time"

	"stathub/state"
)

// yielding are the prefixes of what agents tell. Nobody waits for that as they themselves wait for their manifests.
var yielding = [...]string{
	state.KindReport.Prefix(), state.KindHeartbeat.Prefix(), state.KindEvents.Prefix(), state.KindCrash.Prefix(),
}

func yields(key string) bool {
	for _, prefix := range yielding {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

const (
	clientsAtOne = 32              // writes of agents that the bucket gets at one time: after a deploy all report
	yieldMost    = 2 * time.Second // from the first manifest of many on
)

// turns has what agents tell wait while the master writes manifests, and bounds how much of it goes out at one time.
type turns struct {
	slots chan struct{}

	mu        sync.Mutex
	manifests int           // that are being written
	free      chan struct{} // closed when nothing has to wait any more; nil: nothing has to
	last      *time.Timer   // closes it in any case
}

func newTurns() *turns { return &turns{slots: make(chan struct{}, clientsAtOne)} }

// begin tells that a manifest is being written, until end.
func (t *turns) begin() (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.manifests++; t.manifests == 1 {
		free := make(chan struct{})
		t.free = free
		t.last = time.AfterFunc(yieldMost, func() { t.open(free) })
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.manifests--; t.manifests == 0 {
			t.last.Stop()
			t.release(t.free)
		}
	}
}

func (t *turns) open(free chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(free)
}

// release lets those go that wait on free, once. The caller holds mu.
func (t *turns) release(free chan struct{}) {
	if free != nil && t.free == free {
		t.free = nil
		close(free)
	}
}

// take waits for a turn, until done gives it back.
func (t *turns) take(ctx context.Context, key string) (done func(), err error) {
	t.mu.Lock()
	free := t.free
	t.mu.Unlock()
	if free != nil {
		select {
		case <-free:
		case <-ctx.Done():
			return nil, state.Errorf(state.Unavailable, key, "not written: %w", context.Cause(ctx))
		}
	}
	select {
	case t.slots <- struct{}{}:
		return func() { <-t.slots }, nil
	case <-ctx.Done():
		return nil, state.Errorf(state.Unavailable, key, "not written, too much waits for the bucket: %w", context.Cause(ctx))
	}
}
