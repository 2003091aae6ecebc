package httpstore

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
	"stathub/state/storetest"
)

// overTLS serves the gateway to store over HTTP/2, on a server with a time limit, and counts its connections.
func overTLS(t *testing.T, store state.Store, o Options, limit time.Duration) (*httptest.Server, *atomic.Int64, func() *Store) {
	t.Helper()
	connections := &atomic.Int64{}
	handler := Handler(store, o)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("%s %s came over %s", r.Method, r.URL, r.Proto)
		}
		handler.ServeHTTP(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.Config.ReadTimeout, srv.Config.WriteTimeout = limit, limit
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv, connections, func() *Store {
		u, err := url.Parse(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Open(u)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		s.client.Transport.(*http.Transport).TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		return s
	}
}

// Over HTTP/2, which https:// brings, all promises hold.
func TestContractOverHTTP2(t *testing.T) {
	dial := func(t *testing.T, n int) []state.Store {
		_, _, open := overTLS(t, memstore.New(), Options{MaxBody: 64 << 20}, 0)
		var all []state.Store
		for range n {
			all = append(all, open())
		}
		return all
	}
	storetest.RunWith(t, func(t *testing.T) state.Store { return dial(t, 1)[0] }, storetest.Options{
		Shared: dial, Hints: true, Increments: 10, Brief: true,
	})
}

// Over HTTP/2 an answer that is held, a watch and heartbeats share one connection; time limits of the server do not end
// what is held, and its end does.
func TestHeldOverHTTP2(t *testing.T) {
	store := memstore.New()
	etag, err := state.Write(t.Context(), store, "k", []byte("one"), state.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	srv, connections, open := overTLS(t, store, Options{Stop: stop}, 2*time.Second) // of the handshake, too
	s := open()
	if _, err := s.Get(state.WithWait(t.Context(), 4*time.Second), "k", etag); state.CodeOf(err) != state.NotModified {
		t.Errorf("held past the time limits: %v", err)
	}
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := s.Get(state.WithWait(t.Context(), 50*time.Second), "k", etag); state.CodeOf(err) != state.Unavailable {
				t.Errorf("held when the server stops: %v", err)
			}
		})
	}
	for range 10 {
		if _, err := s.Put(t.Context(), "heartbeats/n1", strings.NewReader("x"), state.Condition{}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	began := time.Now()
	if err := srv.Config.Shutdown(t.Context()); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("Shutdown: %v after %v", err, time.Since(began))
	}
}

// Those that began together do not go on together.
func TestSpread(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		d := spread(retryMost)
		if d > retryMost || d < retryMost*3/4 {
			t.Fatalf("%v of %v", d, retryMost)
		}
		seen[d] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d different waits of 100", len(seen))
	}
	after := map[string]bool{}
	for range 100 {
		after[retryAfter()] = true
	}
	if len(after) < 4 {
		t.Errorf("Retry-After is one of %v", after)
	}
}
