package bucket

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"stathub/state"
)

// outbox is where an agent writes what it tells of its node. One that may not be written, such as a directory that is
// mounted read-only, is told of once and left alone, but for a try now and then.
type outbox struct {
	state.Store
	log    *slog.Logger
	jitter func() float64

	mu     sync.Mutex
	denied error     // the last answer, if it was a refusal
	until  time.Time // nothing is tried before
}

const deniedPause = 5 * time.Minute // on average

// howToSend says what can be done about an outbox that may not be written.
const howToSend = "give --report.url for where the report, heartbeat, events and crashes of this node may be written, or --report.url=none if nobody needs them"

// closed gives the refusal while nothing is tried.
func (o *outbox) closed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.denied != nil && time.Now().Before(o.until) {
		return o.denied
	}
	return nil
}

// note takes the answer to a write.
func (o *outbox) note(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch code := state.CodeOf(err); {
	case code == state.Denied:
		if o.denied == nil {
			o.log.Warn("the bucket may not be written: the agent works, but nobody sees how its node is; "+howToSend, "error", err)
		}
		o.denied = state.Errorf(state.Denied, "", "the bucket may not be written (%s): %w", howToSend, err)
		o.until = time.Now().Add(scatter(deniedPause, o.jitter))
		return o.denied
	case code == state.Unavailable: // says nothing
	case o.denied != nil:
		o.denied = nil
		o.log.Info("the bucket may be written again")
	}
	return err
}

// Get is state.Store's. What may not be written is not read either: it is read to be written.
func (o *outbox) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	if err := o.closed(); err != nil {
		return nil, err
	}
	return o.Store.Get(ctx, key, ifNoneMatch)
}

// Put is state.Store's.
func (o *outbox) Put(ctx context.Context, key string, content io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if err := o.closed(); err != nil {
		return "", err
	}
	etag, err := o.Store.Put(ctx, key, content, cond)
	return etag, o.note(err)
}

// Delete is state.Store's.
func (o *outbox) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	if err := o.closed(); err != nil {
		return err
	}
	return o.note(o.Store.Delete(ctx, key, ifMatch))
}

// scatter gives d on average, from a half to three halves of it.
func scatter(d time.Duration, jitter func() float64) time.Duration {
	return time.Duration(float64(d) * (0.5 + jitter()))
}
