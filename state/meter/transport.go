package meter

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// Transport counts the requests of a store where they leave the program. The store's calls must have passed through a
// Meter: what has none in its context is not counted. A store that uses one has a method Metered that says true.
func Transport(next http.RoundTripper) http.RoundTripper { return &transport{next} }

// As says what the requests of a context do where their method does not tell: a GET may be a listing.
func As(ctx context.Context, op Op) context.Context {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return ctx
	}
	other := *c
	other.op = op
	return context.WithValue(ctx, callKey{}, &other)
}

type transport struct{ next http.RoundTripper }

// CloseIdleConnections is what http.Client's method of that name looks for.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	c, ok := r.Context().Value(callKey{}).(*call)
	if !ok {
		return t.next.RoundTrip(r)
	}
	op := c.request(r.Method)
	cell := c.m.cell(op, c.kind)
	if r.Body != nil && r.Body != http.NoBody {
		sent := *r // a RoundTripper leaves the request as it is
		sent.Body = &countedBody{r.Body, &cell.sent}
		r = &sent
	}
	began := time.Now()
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		cell.add(Failed, 1)
		return answer, err
	}
	cell.add(answered(answer.StatusCode), 1)
	if !c.held {
		c.m.took(op, time.Since(began))
	}
	answer.Body = &countedBody{answer.Body, &cell.received}
	return answer, nil
}

// request is the op of a request with a method, within a call.
func (c *call) request(method string) Op {
	switch method {
	case http.MethodHead:
		return Head
	case http.MethodPut, http.MethodPost:
		return Put
	case http.MethodDelete:
		return Delete
	}
	if c.op == Get || c.op == List || c.op == Listen {
		return c.op
	}
	return Get
}

func answered(status int) Outcome {
	switch {
	case status < 300:
		return OK
	case status == http.StatusNotModified:
		return NotModified
	case status == http.StatusNotFound:
		return NotFound
	case status == http.StatusPreconditionFailed, status == http.StatusConflict:
		return Conflict
	}
	return Failed
}

// countedBody adds what is read to a counter.
type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n.Add(int64(n))
	return n, err
}
