package httpstore_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
	"stathub/state/storetest"
)

// dial gives n clients of one gateway to store.
func dial(t *testing.T, store state.Store, n int, o httpstore.Options) []state.Store {
	t.Helper()
	if o.MaxBody == 0 {
		o.MaxBody = 64 << 20
	}
	srv := httptest.NewServer(httpstore.Handler(store, o)) // not through a mux: it would redirect odd paths
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	var all []state.Store
	for range n {
		s, err := httpstore.Open(u)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		all = append(all, s)
	}
	return all
}

func TestStore(t *testing.T) {
	storetest.RunWith(t, func(t *testing.T) state.Store { return dial(t, memstore.New(), 1, httpstore.Options{})[0] }, storetest.Options{
		Shared: func(t *testing.T, n int) []state.Store { return dial(t, memstore.New(), n, httpstore.Options{}) },
		Hints:  true, Increments: 100,
	})
}

// A change reaches a client that waits for it without another poll.
func TestLongPoll(t *testing.T) {
	store := memstore.New()
	mustPut(t, store, "manifests/n1.json", "one")
	srv := httptest.NewServer(httpstore.Handler(store, httpstore.Options{}))
	defer srv.Close()
	ask := func(etag, wait string) (*http.Response, string) {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/state/manifests/n1.json", nil)
		req.Header.Set("If-None-Match", etag)
		req.Header.Set("Prefer", "wait="+wait)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return &http.Response{Header: http.Header{}}, ""
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp, string(text)
	}
	first, _ := ask("", "1")
	etag := first.Header.Get("ETag")
	if resp, _ := ask(etag, "1"); resp.StatusCode != http.StatusNotModified {
		t.Errorf("no change within the wait: %s, want 304", resp.Status)
	}
	answers := make(chan string, 1)
	go func() {
		_, text := ask(etag, "50")
		answers <- text
	}()
	mustPut(t, store, "manifests/n1.json", "two")
	select {
	case text := <-answers:
		if text != "two" {
			t.Errorf("the waiting client got %q, want two", text)
		}
	case <-time.After(20 * time.Second):
		t.Error("the waiting client got no answer")
	}
}

func TestFailures(t *testing.T) {
	ctx := t.Context()
	t.Run("the store is away", func(t *testing.T) {
		store := memstore.New()
		store.Fail(func(op, key string) error { return state.Errorf(state.Unavailable, key, "switched off") })
		s := dial(t, store, 1, httpstore.Options{})[0]
		if _, err := s.Get(ctx, "a", ""); state.CodeOf(err) != state.Unavailable || !strings.Contains(err.Error(), "switched off") {
			t.Errorf("Get: %v", err)
		}
		for _, err := range s.List(ctx, "") {
			if state.CodeOf(err) != state.Unavailable {
				t.Errorf("List: %v", err)
			}
		}
	})
	t.Run("the master is away", func(t *testing.T) {
		s := open(t, "http://127.0.0.1:1")
		if _, err := s.Get(ctx, "a", ""); state.CodeOf(err) != state.Unavailable {
			t.Errorf("Get: %v", err)
		}
		if _, err := state.Write(ctx, s, "a", nil, state.Condition{}); state.CodeOf(err) != state.Unavailable {
			t.Errorf("Put: %v", err)
		}
	})
	t.Run("something else answers", func(t *testing.T) {
		srv := httptest.NewServer(http.NotFoundHandler())
		defer srv.Close()
		// Absence is a fact: another server's 404 must not look like one.
		if _, err := open(t, srv.URL).Get(ctx, "a", ""); state.CodeOf(err) != state.Unavailable {
			t.Errorf("Get: %v", err)
		}
	})
	t.Run("a listing is cut off", func(t *testing.T) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"key":"a","etag":"1"}`+"\n")
		}))
		defer srv.Close()
		var last error
		for _, err := range open(t, srv.URL).List(ctx, "") {
			last = err
		}
		if state.CodeOf(last) != state.Unavailable {
			t.Errorf("a listing without its end gave %v", last)
		}
	})
	t.Run("a document is cut off", func(t *testing.T) {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
		}))
		defer srv.Close()
		if _, _, err := state.Read(ctx, open(t, srv.URL), "a", "", 1000); state.CodeOf(err) != state.Unavailable {
			t.Errorf("Read: %v", err)
		}
	})
	t.Run("too large", func(t *testing.T) {
		s := dial(t, memstore.New(), 1, httpstore.Options{MaxBody: 10})[0]
		if _, err := state.Write(ctx, s, "a", make([]byte, 11), state.Condition{}); state.CodeOf(err) != state.TooLarge {
			t.Errorf("Put: %v", err)
		}
	})
	t.Run("not allowed", func(t *testing.T) {
		s := dial(t, memstore.New(), 1, httpstore.Options{Allow: func(_ *http.Request, op, key string) error {
			return state.Errorf(state.Denied, key, "no %s", op)
		}})[0]
		if _, err := s.Get(ctx, "a", ""); state.CodeOf(err) != state.Denied {
			t.Errorf("Get: %v", err)
		}
	})
	t.Run("bad URLs", func(t *testing.T) {
		for _, raw := range []string{"http://", "http://h/path", "http://h?x=1"} {
			if _, err := state.Open(ctx, raw); state.CodeOf(err) != state.Invalid {
				t.Errorf("%s: %v", raw, err)
			}
		}
	})
}

func open(t *testing.T, raw string) state.Store {
	t.Helper()
	s, err := state.Open(context.Background(), raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func parse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// openFor gives the client of a node.
func openFor(t *testing.T, raw, node string) *httpstore.Store {
	t.Helper()
	s, err := httpstore.OpenFor(parse(t, raw), node)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustPut(t *testing.T, s state.Store, key, text string) {
	t.Helper()
	if _, err := state.Write(t.Context(), s, key, []byte(text), state.Condition{}); err != nil {
		t.Fatal(err)
	}
}
