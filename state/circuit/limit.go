package circuit

import (
	"context"
	"fmt"
	"time"
)

// limit cancels a context when one step of a call takes too long. One goroutine at a time uses it.
type limit struct {
	each   time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// newLimit gives a context whose steps may take as long as each; the caller's own deadline holds as well.
func newLimit(ctx context.Context, each time.Duration) (context.Context, *limit) {
	ctx, cancel := context.WithCancelCause(ctx)
	l := &limit{each: each, cancel: cancel}
	return ctx, l
}

// start begins a step, which may take so much longer than usual.
func (l *limit) start(more time.Duration) {
	d := l.each + more
	if l.timer == nil {
		l.timer = time.AfterFunc(d, func() {
			l.cancel(fmt.Errorf("no answer within %s: %w", d, context.DeadlineExceeded))
		})
		return
	}
	l.timer.Reset(d)
}

// stop ends a step.
func (l *limit) stop() { l.timer.Stop() }

// release ends the context.
func (l *limit) release() {
	l.timer.Stop()
	l.cancel(nil)
}
