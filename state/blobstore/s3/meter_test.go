package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"stathub/state"
	"stathub/state/meter"
)

// witness is a proxy that counts what really passes.
type witness struct {
	mu             sync.Mutex
	requests       map[meter.Op]int64
	sent, received int64
	refuse         int // so many requests are answered with 503 SlowDown
}

func (w *witness) open(t *testing.T, bucket string) (*meter.Meter, state.Store) {
	t.Helper()
	back, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	w.requests = map[meter.Op]int64{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { // the Host header is signed: it stays
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = back.Scheme, back.Host, r.In.Host
	}}
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.requests[opOf(r)]++
		refuse := w.refuse > 0
		w.refuse--
		w.mu.Unlock()
		if refuse {
			_, _ = io.Copy(io.Discard, r.Body)
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, tally{w, &w.sent}), r.Body}
		proxy.ServeHTTP(&talliedAnswer{rw, tally{w, &w.received}}, r)
	}))
	t.Cleanup(front.Close)
	s := openURL(t, "s3://"+bucket+"?endpoint="+url.QueryEscape(front.URL))
	t.Cleanup(func() { s.Close() })
	m := meter.New(s)
	return m, m
}

func opOf(r *http.Request) meter.Op {
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Has("list-type"):
		return meter.List
	default:
		return meter.Op(strings.ToLower(r.Method))
	}
}

type tally struct {
	w *witness
	n *int64
}

func (t tally) Write(p []byte) (int, error) {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	*t.n += int64(len(p))
	return len(p), nil
}

type talliedAnswer struct {
	http.ResponseWriter
	n tally
}

func (a *talliedAnswer) Write(p []byte) (int, error) {
	_, _ = a.n.Write(p)
	return a.ResponseWriter.Write(p)
}

// agrees compares the meter with the witness, from the beginning.
func (w *witness) agrees(t *testing.T, m *meter.Meter) {
	t.Helper()
	counted := map[meter.Op]int64{}
	var sent, received int64
	for _, c := range m.Counts() {
		counted[c.Op] += c.Total()
		sent, received = sent+c.Sent, received+c.Received
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !maps.Equal(counted, w.requests) {
		t.Errorf("counted %v, the witness saw %v", counted, w.requests)
	}
	if sent != w.sent || received != w.received {
		t.Errorf("counted %d bytes sent and %d received, the witness saw %d and %d", sent, received, w.sent, w.received)
	}
}

// step checks what one call cost: requests by op, with their kinds and outcomes.
func (w *witness) step(t *testing.T, m *meter.Meter, what string, want string, do func()) {
	t.Helper()
	flat := func() map[string]int64 {
		all := map[string]int64{}
		for _, c := range m.Counts() {
			for outcome, n := range c.Requests {
				all[fmt.Sprintf("%s %s %s", c.Op, c.Kind, outcome)] = n
			}
		}
		return all
	}
	before := flat()
	do()
	var got []string
	for _, c := range m.Counts() {
		for _, o := range []meter.Outcome{meter.OK, meter.NotModified, meter.NotFound, meter.Conflict, meter.Failed} {
			name := fmt.Sprintf("%s %s %s", c.Op, c.Kind, o)
			if n := c.Requests[o] - before[name]; n > 0 {
				got = append(got, fmt.Sprintf("%d %s", n, name))
			}
		}
	}
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("%s took %s; want %s", what, text, want)
	}
	w.agrees(t, m)
}

func TestMeterCountsWhatGoesOut(t *testing.T) {
	needServer(t)
	t.Parallel()
	var w witness
	m, s := w.open(t, newBucket(t))
	ctx, key := t.Context(), "manifests/n1.json"
	var etag state.ETag
	write := func(text string, c state.Condition) func() {
		return func() {
			if e, err := state.Write(ctx, s, key, []byte(text), c); err == nil {
				etag = e
			}
		}
	}
	read := func(known state.ETag) { state.Read(ctx, s, key, known, state.MaxDocument) }
	w.step(t, m, "a new document", "1 put manifests ok", write("one", state.Condition{IfAbsent: true}))
	w.step(t, m, "another revision", "1 put manifests ok", func() { write("two", state.Condition{IfMatch: etag})() })
	w.step(t, m, "a lost race", "1 put manifests conflict", write("no", state.Condition{IfMatch: "0000"}))
	w.step(t, m, "a read", "1 get manifests ok", func() { read("") })
	w.step(t, m, "a read of what is known", "1 get manifests not_modified", func() { read(etag) })
	w.step(t, m, "a read of nothing", "1 get reports not_found", func() { s.Get(ctx, "reports/none.json", "") })
	w.step(t, m, "a long document", "1 put artifacts ok", func() {
		if _, err := s.Put(ctx, "artifacts/long", bytes.NewReader(make([]byte, 1<<20)), state.Condition{}); err != nil {
			t.Error(err)
		}
	})
	w.step(t, m, "a key that is none", "", func() { s.Get(ctx, "../x", "") })
	w.step(t, m, "a delete", "1 delete manifests ok, 1 head manifests ok", func() { s.Delete(ctx, key, "") })
	w.step(t, m, "a read that the server refuses once", "1 get manifests not_found, 1 get manifests failed", func() {
		w.mu.Lock()
		w.refuse = 1
		w.mu.Unlock()
		read("")
	})
}

func TestMeterCountsPages(t *testing.T) {
	needServer(t)
	t.Parallel()
	var w witness
	m, s := w.open(t, newBucket(t))
	var g errgroup.Group
	g.SetLimit(8)
	for i := range 2500 {
		g.Go(func() error {
			_, err := state.Write(t.Context(), s, fmt.Sprintf("heartbeats/n%04d", i), []byte("x"), state.Condition{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	w.step(t, m, "a listing of 2,500 keys", "3 list heartbeats ok", func() {
		for _, err := range s.List(t.Context(), "heartbeats/") {
			if err != nil {
				t.Error(err)
			}
		}
	})
}
