//go:build linux

package bench

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"stathub/localstack/miniosrv"
	"stathub/state/httpstore"
	"stathub/state/memstore"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkIdle: what an agent with nothing to do asks of its bucket, through the gateway and at a real MinIO.
func BenchmarkIdle(b *testing.B) {
	const watch = 30 * time.Second
	b.Run("gateway", func(b *testing.B) {
		var count counter
		store := memstore.New()
		srv := httptest.NewServer(count.wrap(httpstore.Handler(store, httpstore.Options{})))
		b.Cleanup(srv.Close)
		startAgent(b, nil, "--master.address="+srv.URL)
		for b.Loop() {
			count.measure(b, watch)
		}
	})
	b.Run("minio", func(b *testing.B) {
		server, err := miniosrv.Start(b.Context(), b.TempDir(), miniosrv.Options{Logf: b.Logf})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { server.Stop() })
		if err := server.CreateBucket(b.Context(), "stathub"); err != nil {
			b.Fatal(err)
		}
		target, err := url.Parse(server.Endpoint)
		if err != nil {
			b.Fatal(err)
		}
		var count counter
		// The host of the request stays as the agent signed it.
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
		}}
		srv := httptest.NewServer(count.wrap(proxy))
		b.Cleanup(srv.Close)
		through := strings.ReplaceAll(server.StateURL("stathub"), url.QueryEscape(server.Endpoint), url.QueryEscape(srv.URL))
		startAgent(b, server.Env(), "--state.url="+through)
		for b.Loop() {
			count.measure(b, watch)
		}
	})
}

// counter counts requests by method, and the bytes of their bodies in both directions.
type counter struct {
	mu       sync.Mutex
	requests map[string]int
	bytes    atomic.Int64
}

func (c *counter) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		if c.requests == nil {
			c.requests = map[string]int{}
		}
		c.requests[r.Method]++
		c.mu.Unlock()
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &byteCounter{c}), r.Body}
		next.ServeHTTP(&countingWriter{w, c}, r)
	})
}

type byteCounter struct{ *counter }

func (c *byteCounter) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}

type countingWriter struct {
	http.ResponseWriter
	c *counter
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.c.bytes.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}

func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// measure lets the agent settle, then counts for a while and reports per minute.
func (c *counter) measure(b *testing.B, d time.Duration) {
	time.Sleep(3 * time.Second)
	c.mu.Lock()
	before, bytes := maps.Clone(c.requests), c.bytes.Load()
	c.mu.Unlock()
	time.Sleep(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	perMinute := float64(time.Minute) / float64(d)
	for _, method := range slices.Sorted(maps.Keys(c.requests)) {
		b.ReportMetric(float64(c.requests[method]-before[method])*perMinute, method+"/min")
	}
	b.ReportMetric(float64(c.bytes.Load()-bytes)*perMinute, "body-B/min")
	b.ReportMetric(0, "ns/op")
}
