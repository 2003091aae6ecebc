package azblob_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"stathub/state"
	"stathub/state/blobstore/azblob"
	"stathub/state/storetest"
)

// TestMain leaves this process no credentials but these.
func TestMain(m *testing.M) {
	for _, kv := range os.Environ() {
		if k, _, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "AZURE_") {
			os.Unsetenv(k)
		}
	}
	os.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	os.Setenv("AZURE_STORAGE_KEY", base64.StdEncoding.EncodeToString([]byte("key")))
	os.Exit(m.Run())
}

func (f *fake) url(name, more string) string {
	return "azblob://" + name + "?protocol=http&domain=" + url.QueryEscape(strings.TrimPrefix(f.URL, "http://")) + more
}

func (f *fake) newContainer() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := fmt.Sprintf("container-%d", len(f.containers))
	f.containers[name] = map[string]object{}
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
	storetest.RunWith(t, func(t *testing.T) state.Store { return open(t, f.url(f.newContainer(), "&prefix=team/a")) }, storetest.Options{
		Shared: func(t *testing.T, n int) []state.Store {
			raw, all := f.url(f.newContainer(), ""), make([]state.Store, n)
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
	name := f.newContainer()
	s := open(t, f.url(name, "&prefix=team"))
	ctx := t.Context()
	want := func(method, header, value string) {
		t.Helper()
		r := f.last()
		if r.Method != method || r.Header.Get(header) != value || r.URL.EscapedPath() != "/account/"+name+"/team%2Fapps%2Fa%20%23%25.json" {
			t.Errorf("request %s %s with %s: %q, want %s with %q", r.Method, r.URL.EscapedPath(), header, r.Header.Get(header), method, value)
		}
	}
	const key = "apps/a #%.json"
	first, err := state.Write(ctx, s, key, []byte("{}\n"), state.Condition{IfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	want("PUT", "If-None-Match", "*")
	second, err := state.Write(ctx, s, key, []byte("{}\n"), state.Condition{IfMatch: first})
	if err != nil || second == first {
		t.Fatalf("a write gives ETag %q after %q, %v", second, first, err)
	}
	want("PUT", "If-Match", quote(string(first)))
	_, err = s.Get(ctx, key, second)
	wantCode(t, "Get of what is known", err, state.NotModified)
	want("GET", "If-None-Match", quote(string(second)))
	wantCode(t, "Delete of an old revision", s.Delete(ctx, key, first), state.Stale)
	want("DELETE", "If-Match", quote(string(first)))
}

func TestFaults(t *testing.T) {
	status := func(code int, name string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, code, name); return true }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		want   state.Code
	}{
		"no container":         {nil, state.Unavailable},
		"container going away": {status(409, "ContainerBeingDeleted"), state.Unavailable},
		"wrong key":            {status(403, "AuthenticationFailed"), state.Denied},
		"no permission":        {status(403, "AuthorizationFailure"), state.Denied},
		"500":                  {status(500, "InternalError"), state.Unavailable},
		"503":                  {status(503, "ServerBusy"), state.Unavailable},
		"some other web server": {func(w http.ResponseWriter, r *http.Request) bool {
			http.NotFound(w, r)
			return true
		}, state.Unavailable},
		"hangs up": {func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, state.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the providers' clients wait before they try again
			f := newFake(t)
			s := open(t, f.url("none", ""))
			f.mu.Lock()
			f.intercept = c.answer
			f.mu.Unlock()
			_, err := s.Get(t.Context(), "k", "")
			wantCode(t, "Get", err, c.want)
			_, err = state.Write(t.Context(), s, "k", []byte("x"), state.Condition{IfAbsent: true})
			wantCode(t, "Put", err, c.want)
			for _, err := range s.List(t.Context(), "") {
				wantCode(t, "List", err, c.want)
			}
			wantCode(t, "Delete", s.Delete(t.Context(), "k", "5"), c.want)
		})
	}
}

// A lost answer to a conditional write must not come back as somebody else's win.
func TestConditionalWriteIsSentOnce(t *testing.T) {
	f := newFake(t)
	s := open(t, f.url(f.newContainer(), ""))
	var uploads atomic.Int32
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if uploads.Add(1) == 1 { // turned away: to be sent again
			refuse(w, http.StatusServiceUnavailable, "ServerBusy")
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
	s := open(t, f.url(f.newContainer(), ""))
	f.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(strings.Repeat("x", 500)))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _, err := state.Read(t.Context(), s, "k", "", state.MaxDocument)
	wantCode(t, "Read of half a body", err, state.Unavailable)
}

func TestBadURLs(t *testing.T) {
	refused := func(raw string) {
		t.Helper()
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		_, err = azblob.Open(t.Context(), u)
		wantCode(t, raw, err, state.Invalid)
	}
	for _, raw := range []string{"azblob://", "azblob://c/path", "azblob://c?nonsense=1", "azblob://c?prefix=a//b"} {
		refused(raw)
	}
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "sig=secret")
	refused("azblob://c?domain=elsewhere.example.com")
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "")
	t.Setenv("AZURE_STORAGE_ACCOUNT", "")
	refused("azblob://c")
}
