package gs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/blobstore/gs"
	"stathub/state/storetest"
)

func (f *fake) url(bucket, more string) string {
	return "gs://" + bucket + "?anonymous=true&endpoint=" + url.QueryEscape(f.URL) + more
}

func (f *fake) newBucket() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := fmt.Sprintf("bucket-%d", len(f.buckets))
	f.buckets[name] = map[string]object{}
	return name
}

func (f *fake) last() *http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[len(f.requests)-1]
}

func open(t *testing.T, raw string) state.Store {
	t.Helper()
	s, err := state.Open(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func wantCode(t *testing.T, what string, err error, want state.Code) {
	t.Helper()
	if got := state.CodeOf(err); got != want {
		t.Errorf("%s: code %q (%v), want %q", what, got, err, want)
	}
}

func TestContract(t *testing.T) {
	f := newFake(t)
	storetest.RunWith(t, func(t *testing.T) state.Store { return open(t, f.url(f.newBucket(), "&prefix=team/a")) }, storetest.Options{
		Shared: func(t *testing.T, n int) []state.Store {
			raw, all := f.url(f.newBucket(), ""), make([]state.Store, n)
			for i := range all {
				all[i] = open(t, raw)
			}
			return all
		},
		Increments: 60, // of the fake: what counts is that each write carries its condition
	})
}

func TestRequestsCarryTheConditions(t *testing.T) {
	f := newFake(t)
	s := open(t, f.url(f.newBucket(), ""))
	ctx := t.Context()
	first, err := state.Write(ctx, s, "apps/a.json", []byte("{}\n"), state.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	want := func(method, param, value string) {
		t.Helper()
		if r := f.last(); r.Method != method || r.URL.Query().Get(param) != value {
			t.Errorf("request %s %s, want %s with %s=%s", r.Method, r.URL, method, param, value)
		}
	}
	want("POST", "ifGenerationMatch", "0")
	second, err := state.Write(ctx, s, "apps/a.json", []byte("{}\n"), state.Condition{IfMatch: first})
	if err != nil || second == first {
		t.Fatalf("a write gives ETag %q after %q, %v", second, first, err)
	}
	want("POST", "ifGenerationMatch", string(first))
	_, err = s.Get(ctx, "apps/a.json", second)
	wantCode(t, "Get of what is known", err, state.NotModified)
	want("GET", "ifGenerationNotMatch", string(second))
	wantCode(t, "Delete of an old revision", s.Delete(ctx, "apps/a.json", first), state.Stale)
	want("DELETE", "ifGenerationMatch", string(first))
	_, err = state.Write(ctx, s, "apps/a.json", nil, state.Condition{IfMatch: "not-a-generation"})
	wantCode(t, "Put over another store's ETag", err, state.Stale)
}

func TestFaults(t *testing.T) {
	status := func(code int, reason string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, code, reason, "no"); return true }
	}
	for name, c := range map[string]struct {
		answer            func(http.ResponseWriter, *http.Request) bool
		get, create, list state.Code
	}{
		"no bucket": {nil, state.Unavailable, state.Unavailable, state.Unavailable},
		"403":       {status(403, "forbidden"), state.Denied, state.Denied, state.Denied},
		"401":       {status(401, "authError"), state.Denied, state.Denied, state.Denied},
		"503":       {status(503, "backendError"), state.Unavailable, state.Unavailable, state.Unavailable},
		"429":       {status(429, "rateLimitExceeded"), state.Unavailable, state.Unavailable, state.Unavailable},
		"some other web server": {func(w http.ResponseWriter, r *http.Request) bool {
			http.NotFound(w, r)
			return true
		}, state.Unavailable, state.Unavailable, state.Unavailable},
		"hangs up": {func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
			state.Unavailable, state.Unavailable, state.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the providers' clients wait before they try again
			f := newFake(t)
			s := open(t, f.url("none", ""))
			f.mu.Lock()
			f.intercept = c.answer
			f.mu.Unlock()
			_, err := s.Get(t.Context(), "k", "")
			wantCode(t, "Get", err, c.get)
			_, err = state.Write(t.Context(), s, "k", []byte("x"), state.Condition{IfAbsent: true})
			wantCode(t, "Put", err, c.create)
			for _, err := range s.List(t.Context(), "") {
				wantCode(t, "List", err, c.list)
			}
			wantCode(t, "Delete", s.Delete(t.Context(), "k", "5"), c.get)
		})
	}
}

// A lost answer to a conditional write must not come back as somebody else's win.
func TestConditionalWriteIsSentOnce(t *testing.T) {
	f := newFake(t)
	s := open(t, f.url(f.newBucket(), ""))
	var uploads atomic.Int32
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		if uploads.Add(1) == 1 { // turned away: to be sent again
			refuse(w, http.StatusServiceUnavailable, "backendError", "busy")
			return true
		}
		io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler) // perhaps applied: not to be sent again
	}
	_, err := state.Write(t.Context(), s, "k", []byte("x"), state.Condition{IfAbsent: true})
	wantCode(t, "Put without an answer", err, state.Unavailable)
	if n := uploads.Load(); n != 2 {
		t.Errorf("%d uploads, want the one that was turned away and one more", n)
	}
}

func TestBodyCutOff(t *testing.T) {
	f := newFake(t)
	bucket := f.newBucket()
	s := open(t, f.url(bucket, ""))
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("X-Goog-Generation", "7")
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(strings.Repeat("x", 500)))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, _, err := state.Read(ctx, s, "k", "", state.MaxDocument)
	wantCode(t, "Read of half a body", err, state.Unavailable)
}

func TestBadURLs(t *testing.T) {
	for _, raw := range []string{"gs://", "gs://b/path", "gs://b?nonsense=1", "gs://b?anonymous=maybe", "gs://b?prefix=a//b",
		"gs://b?anonymous=true&endpoint=host:80"} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		_, err = gs.Open(t.Context(), u)
		wantCode(t, raw, err, state.Invalid)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", t.TempDir()+"/none.json")
	_, err := state.Open(t.Context(), "gs://b")
	wantCode(t, "credentials that are not there", err, state.Denied)
}
