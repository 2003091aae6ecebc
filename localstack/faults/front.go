package faults

import (
	"context"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
)

// front is the part of a Proxy that knows requests from bytes.
type front struct {
	pass      httputil.ReverseProxy
	transport *http.Transport
	target    atomic.Pointer[url.URL]

	mu    sync.Mutex
	rand  *rand.Rand
	fault Fault
}

// lostKey marks the context of a request whose answer is to be lost.
type lostKey struct{}

func newFront(target *url.URL, seed uint64) *front {
	f := &front{transport: http.DefaultTransport.(*http.Transport).Clone(), rand: rand.New(rand.NewPCG(seed, 1))}
	f.target.Store(target)
	f.transport.Proxy, f.transport.MaxIdleConnsPerHost = nil, 100
	f.transport.DisableCompression = true // bodies go through as they are
	f.pass = httputil.ReverseProxy{
		Transport: f.transport, FlushInterval: -1, ErrorLog: quiet(),
		Rewrite: func(r *httputil.ProxyRequest) {
			target := f.target.Load()
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
		},
		ModifyResponse: func(resp *http.Response) error {
			if resp.Request.Context().Value(lostKey{}) != nil {
				_ = resp.Body.Close()
				panic(http.ErrAbortHandler)
			}
			return nil
		},
		// A server that does not answer looks to the client as it would without a proxy: the connection ends.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return f
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func (f *front) close() { f.transport.CloseIdleConnections() }

// suffer sets the fault of requests; those of connections are none of it.
func (f *front) suffer(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// hit decides what happens to one request.
func (f *front) hit() Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if share := f.fault.share(); share == 0 || f.rand.Float64() >= share {
		return ""
	}
	return f.fault
}

// slowDown is S3's answer to clients that ask for too much.
const slowDown = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>
`

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch f.hit() {
	case SlowDown:
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, slowDown)
	case LostAnswers:
		f.pass.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), lostKey{}, true)))
	default:
		f.pass.ServeHTTP(w, r)
	}
}
