package bucket

import (
	"context"
	"fmt"
	"io"
	"time"

	"stathub/state"
)

// request is one that one master is asked.
type request struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer // nil: it has all the time in the world
	stay   func() bool
}

// newRequest gives a request its share of the time that is left: there are so many masters yet to be asked. One whose
// answer is held back ends when another master is found to be the one that answers.
func newRequest(ctx, stay context.Context, left int) *request {
	r := &request{stay: func() bool { return true }}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	wait := state.WaitOf(ctx)
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		share := wait + (time.Until(deadline)-wait)/time.Duration(left)
		r.timer = time.AfterFunc(share, func() { r.cancel(fmt.Errorf("no answer within %s: %w", share, context.DeadlineExceeded)) })
	}
	if wait > 0 {
		r.stay = context.AfterFunc(stay, func() { r.cancel(errMoved) })
	}
	return r
}

// answered says that the answer is there, or its beginning.
func (r *request) answered() {
	if r.timer != nil {
		r.timer.Stop()
	}
	r.stay()
}

func (r *request) end() {
	r.answered()
	r.cancel(nil)
}

// body ends its request when it is closed.
type body struct {
	io.ReadCloser
	request *request
}

func (b *body) Close() error {
	defer b.request.end()
	return b.ReadCloser.Close()
}
