package httpstore

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"sync"
	"time"
)

// patience ends a request whose answer does not begin in time, counted from when the request is sent: a large body may
// take its time. What follows the header of the answer is bounded by the caller alone.
type patience struct {
	limit  time.Duration
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // nil before the request is sent
	over  bool
}

var errSilent = errors.New("it does not answer")

// bePatient gives the context of a request. The caller calls answered when there is an answer, or none will come, and end
// when it has read all of it.
func bePatient(ctx context.Context, limit time.Duration) (context.Context, *patience) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &patience{limit: limit, cancel: cancel}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: p.sent}), p
}

// sent may be called several times, by a transport that tries again, and after the answer.
func (p *patience) sent(httptrace.WroteRequestInfo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over:
	case p.timer == nil:
		p.timer = time.AfterFunc(p.limit, func() { p.cancel(errSilent) })
	default:
		p.timer.Reset(p.limit)
	}
}

func (p *patience) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over = true; p.timer != nil {
		p.timer.Stop()
	}
}

func (p *patience) end() { p.cancel(nil) }

// ending is a body that tells when it is closed.
type ending struct {
	io.ReadCloser
	ended func()
}

func (e *ending) Close() error {
	defer e.ended()
	return e.ReadCloser.Close()
}
