package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

func sumOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func openCache(t *testing.T, bucket state.Store, opts Options) *Cache {
	t.Helper()
	c, err := OpenWith(filepath.Join(t.TempDir(), "cache"), bucket, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// origin is a source whose behaviour a test sets.
type origin struct {
	*httptest.Server
	handler  atomic.Pointer[http.HandlerFunc]
	requests atomic.Int64
}

func newOrigin(t *testing.T, h http.HandlerFunc) *origin {
	t.Helper()
	o := &origin{}
	o.handler.Store(&h)
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.requests.Add(1)
		(*o.handler.Load())(w, r)
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *origin) set(h http.HandlerFunc) { o.handler.Store(&h) }

func content(data, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if etag != "" {
			w.Header().Set("ETag", etag)
			if r.Header.Get("If-None-Match") == etag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		_, _ = io.WriteString(w, data)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func mustFetch(t *testing.T, c *Cache, uri string) File {
	t.Helper()
	f, err := c.Fetch(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantContent(t *testing.T, f File, want string) {
	t.Helper()
	if got, err := os.ReadFile(f.Path); err != nil || string(got) != want || f.ETag != sumOf(want) {
		t.Fatalf("content %q, etag %s, error %v; want %q", got, f.ETag, err, want)
	}
}

// leftovers fails when a download left something unfinished.
func leftovers(t *testing.T, c *Cache) {
	t.Helper()
	for _, folder := range []string{"tmp", "partial"} {
		if left, err := os.ReadDir(c.path(folder)); err != nil || len(left) > 0 {
			t.Fatalf("left in %s: %v, %v", folder, left, err)
		}
	}
}

func TestFetchHTTP(t *testing.T) {
	for _, etag := range []string{`"one"`, `W/"weak"`} {
		t.Run(etag, func(t *testing.T) {
			o, c := newOrigin(t, content("first", etag)), openCache(t, nil, Options{})
			var agent string
			h := content("first", etag)
			o.set(func(w http.ResponseWriter, r *http.Request) { agent = r.UserAgent(); h(w, r) })
			f := mustFetch(t, c, o.URL+"/app.bin?x=1")
			if wantContent(t, f, "first"); f.FromCache || agent != "stathub-agent" {
				t.Fatalf("%+v, agent %q", f, agent)
			}
			again := mustFetch(t, c, o.URL+"/app.bin?x=1")
			if wantContent(t, again, "first"); again != f || o.requests.Load() != 2 {
				t.Fatalf("%+v after %d requests", again, o.requests.Load())
			}
			o.set(content("second", `"two"`))
			wantContent(t, mustFetch(t, c, o.URL+"/app.bin?x=1"), "second")
			leftovers(t, c)
		})
	}
	t.Run("Last-Modified", func(t *testing.T) {
		since, c := "", openCache(t, nil, Options{})
		o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
			if since = r.Header.Get("If-Modified-Since"); since != "" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			w.Header().Set("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
			_, _ = io.WriteString(w, "dated")
		})
		mustFetch(t, c, o.URL+"/a")
		if f := mustFetch(t, c, o.URL+"/a"); since != "Wed, 21 Oct 2015 07:28:00 GMT" || f.FromCache {
			t.Fatalf("If-Modified-Since %q, %+v", since, f)
		}
	})
	t.Run("Last-Modified of this second", func(t *testing.T) {
		now, data := time.Now().UTC().Format(http.TimeFormat), "first"
		o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-Modified-Since") == now {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			w.Header().Set("Last-Modified", now)
			w.Header().Set("Date", now)
			_, _ = io.WriteString(w, data)
		})
		c := openCache(t, nil, Options{})
		wantContent(t, mustFetch(t, c, o.URL+"/a"), "first")
		data = "second"
		wantContent(t, mustFetch(t, c, o.URL+"/a"), "second")
	})
	t.Run("new ETag, same bytes", func(t *testing.T) {
		o, c := newOrigin(t, content("same", `"1"`)), openCache(t, nil, Options{})
		f := mustFetch(t, c, o.URL+"/a")
		o.set(content("same", `"2"`))
		if again := mustFetch(t, c, o.URL+"/a"); again != f {
			t.Fatalf("%+v, then %+v", f, again)
		}
	})
	t.Run("304 that nobody asked for", func(t *testing.T) {
		o, c := newOrigin(t, status(http.StatusNotModified)), openCache(t, nil, Options{})
		if _, err := c.Fetch(t.Context(), o.URL+"/a"); state.CodeOf(err) != state.Unavailable {
			t.Fatal(err)
		}
	})
}

func TestFetchRedirects(t *testing.T) {
	var o *origin
	o = newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, _ = fmt.Sscanf(r.URL.Path, "/hop/%d", &n); n > 0 {
			http.Redirect(w, r, fmt.Sprintf("%s/hop/%d", o.URL, n-1), http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "there")
	})
	c := openCache(t, nil, Options{})
	wantContent(t, mustFetch(t, c, o.URL+"/hop/5"), "there")
	if _, err := c.Fetch(t.Context(), o.URL+"/hop/6"); err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Fatal(err)
	}
}

func TestFetchSourceGone(t *testing.T) {
	slow := make(chan struct{})
	t.Cleanup(func() { close(slow) })
	cases := []struct {
		name string
		h    http.HandlerFunc
		code state.Code
		says string
	}{
		{"500", status(500), state.Unavailable, "500"},
		{"503", status(503), state.Unavailable, "503"},
		{"404", status(404), state.NotFound, "404"},
		{"410", status(410), state.NotFound, "410"},
		{"403", status(403), state.Denied, "403"},
		{"401", status(401), state.Denied, "401"},
		{"stalls before the header", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-slow:
			case <-r.Context().Done():
			}
		}, state.Unavailable, ""},
		{"stalls in the body", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "some")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-slow:
			case <-r.Context().Done():
			}
		}, state.Unavailable, "sent too little"},
		{"breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "40")
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, state.Unavailable, "broke off"},
		{"too large, announced", content(strings.Repeat("x", 100), ""), state.TooLarge, "larger than 50"},
		{"too large, unannounced", func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		}, state.TooLarge, "larger than 50"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			o := newOrigin(t, tc.h)
			idle := time.Minute
			if strings.HasPrefix(tc.name, "stalls") {
				idle = 500 * time.Millisecond
			}
			c := openCache(t, nil, Options{MaxBytes: 50, IdleTimeout: idle})
			uri := o.URL + "/app"
			_, err := c.Fetch(t.Context(), uri)
			if state.CodeOf(err) != tc.code || !strings.Contains(err.Error(), uri) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("without a copy: code %s, %v", state.CodeOf(err), err)
			}
			o.set(content("good", `"1"`))
			mustFetch(t, c, uri)
			o.set(tc.h)
			f := mustFetch(t, c, uri)
			if wantContent(t, f, "good"); !f.FromCache || !strings.Contains(f.Note, tc.says) || !strings.Contains(f.Note, "copy") {
				t.Fatalf("with a copy: %+v", f)
			}
			leftovers(t, c)
		})
	}
	t.Run("no such server, password kept secret, cache opened anew", func(t *testing.T) {
		o, c := newOrigin(t, content("good", "")), openCache(t, nil, Options{})
		uri := strings.Replace(o.URL, "http://", "http://me:hush@", 1) + "/app"
		mustFetch(t, c, uri)
		o.Close()
		c, err := Open(c.dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if f := mustFetch(t, c, uri); !f.FromCache || strings.Contains(f.Note, "hush") {
			t.Fatalf("%+v", f)
		}
	})
	t.Run("deadline of the caller", func(t *testing.T) {
		o, c := newOrigin(t, content("good", "")), openCache(t, nil, Options{})
		mustFetch(t, c, o.URL+"/a")
		o.set(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if f, err := c.Fetch(ctx, o.URL+"/a"); err != nil || !f.FromCache {
			t.Fatal(f, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if f, err := c.Fetch(ctx, o.URL+"/a"); !errors.Is(err, context.Canceled) {
			t.Fatal(f, err)
		}
	})
}

func TestFetchPinned(t *testing.T) {
	o, c := newOrigin(t, content("right", "")), openCache(t, nil, Options{})
	uri := o.URL + "/a#sha256=" + sumOf("right")
	wantContent(t, mustFetch(t, c, uri), "right")
	if mustFetch(t, c, uri); o.requests.Load() != 1 {
		t.Fatal("asked for content that the cache has")
	}
	_, err := c.Fetch(t.Context(), o.URL+"/a#sha256="+sumOf("wrong"))
	if state.CodeOf(err) != state.Invalid || !strings.Contains(err.Error(), sumOf("right")) {
		t.Fatal(err)
	}
	if all, _ := os.ReadDir(c.path("content")); len(all) != 1 {
		t.Fatalf("kept: %v", all)
	}
	leftovers(t, c)
}

func TestFetchFile(t *testing.T) {
	c, name := openCache(t, nil, Options{}), filepath.Join(t.TempDir(), "an app.bin")
	uri := "file://" + filepath.ToSlash(filepath.Dir(name)) + "/an%20app.bin"
	if _, err := c.Fetch(t.Context(), uri); state.CodeOf(err) != state.NotFound {
		t.Fatal(err)
	}
	write := func(data string, age time.Duration) {
		if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("one", 0)
	wantContent(t, mustFetch(t, c, uri), "one")
	st, _ := os.Stat(name)
	if err := os.WriteFile(name, []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, st.ModTime(), st.ModTime()); err != nil { // the same step of the file system's clock
		t.Fatal(err)
	}
	wantContent(t, mustFetch(t, c, uri), "two")
	write("three", time.Hour)
	wantContent(t, mustFetch(t, c, uri), "three")
	if f := mustFetch(t, c, uri); f.FromCache {
		t.Fatalf("%+v", f)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if f := mustFetch(t, c, uri); !f.FromCache {
		t.Fatalf("%+v", f)
	}
	if _, err := c.Fetch(t.Context(), "file://"+filepath.ToSlash(filepath.Dir(name))); state.CodeOf(err) != state.Invalid {
		t.Fatal("a folder:", err)
	}
}

func TestFetchBucket(t *testing.T) {
	store := memstore.New()
	c := openCache(t, store, Options{})
	put := func(data string) {
		if _, err := state.Write(t.Context(), store, "artifacts/a b/x.bin", []byte(data), state.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	uri := "bucket:artifacts/a%20b/x.bin"
	if _, err := c.Fetch(t.Context(), uri); state.CodeOf(err) != state.NotFound || !strings.Contains(err.Error(), uri) {
		t.Fatal(err)
	}
	put("one")
	wantContent(t, mustFetch(t, c, uri), "one")
	if f := mustFetch(t, c, uri); f.FromCache {
		t.Fatalf("%+v", f)
	}
	put("two")
	wantContent(t, mustFetch(t, c, uri), "two")
	store.Fail(func(op, _ string) error { return errors.New("out of reach") })
	f := mustFetch(t, c, uri)
	if wantContent(t, f, "two"); !f.FromCache || !strings.Contains(f.Note, "out of reach") {
		t.Fatalf("%+v", f)
	}
	if _, err := openCache(t, nil, Options{}).Fetch(t.Context(), uri); state.CodeOf(err) != state.Unsupported {
		t.Fatal(err)
	}
}

func TestFetchShared(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "shared")
	})
	c := openCache(t, nil, Options{})
	leader, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := c.Fetch(leader, o.URL+"/a"); !errors.Is(err, context.Canceled) {
			t.Error("the one called off:", err)
		}
	})
	<-arrived
	for range 8 {
		group.Go(func() {
			if f, err := c.Fetch(t.Context(), o.URL+"/a"); err != nil || f.ETag != sumOf("shared") {
				t.Error(f, err)
			}
		})
	}
	cancel()
	<-arrived // one of the others took over
	close(release)
	group.Wait()
	if n := o.requests.Load(); n > 9 {
		t.Fatalf("%d requests", n)
	}
	leftovers(t, c)
}

func TestFetchDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full")
	}
	_ = full.Close()
	o, c := newOrigin(t, content("good", `"1"`)), openCache(t, nil, Options{})
	mustFetch(t, c, o.URL+"/known")
	c.create = func(string) (*os.File, error) {
		path := filepath.Join(t.TempDir(), "full")
		if err := os.Symlink("/dev/full", path); err != nil {
			return nil, err
		}
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	o.set(content("newer", `"2"`))
	if _, err := c.Fetch(t.Context(), o.URL+"/new"); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "is full") {
		t.Fatal(err)
	}
	f := mustFetch(t, c, o.URL+"/known")
	if wantContent(t, f, "good"); !f.FromCache || !strings.Contains(f.Note, "is full") {
		t.Fatalf("%+v", f)
	}
}

func TestFetchDamagedCache(t *testing.T) {
	o, c := newOrigin(t, content("good", `"1"`)), openCache(t, nil, Options{})
	f := mustFetch(t, c, o.URL+"/a")
	if err := os.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	wantContent(t, mustFetch(t, c, o.URL+"/a"), "good")
	all, _ := filepath.Glob(c.path("answers", "*"))
	if err := os.WriteFile(all[0], bytes.Repeat([]byte{0}, 50), 0o600); err != nil {
		t.Fatal(err)
	}
	wantContent(t, mustFetch(t, c, o.URL+"/a"), "good")
}

func TestBadURIs(t *testing.T) {
	c := openCache(t, memstore.New(), Options{})
	cases := map[string]state.Code{
		"":                                     state.Invalid,
		"app.zip":                              state.Invalid,
		"http://host":                          state.Invalid,
		"http://host/":                         state.Invalid,
		"http://host/dir/":                     state.Invalid,
		"http://host/a#frag":                   state.Invalid,
		"http://host/a#sha256=12":              state.Invalid,
		"http:///a":                            state.Invalid,
		"http:a":                               state.Invalid,
		"http://host/..":                       state.Invalid,
		"http://host/%2e%2e":                   state.Invalid,
		"http://host/a%2fb":                    state.Invalid,
		"http://host/a%5Cb":                    state.Invalid,
		"http://host/a%00":                     state.Invalid,
		"http://host/%zz":                      state.Invalid,
		"http://host/%ff":                      state.Invalid,
		"http://host/.stathub-1":               state.Invalid,
		"http://h/" + strings.Repeat("a", 256): state.Invalid,
		"file://other/a":                       state.Invalid,
		"file:a":                               state.Invalid,
		"bucket:apps/web.json":                 state.Invalid,
		"bucket:artifacts/../apps/a":           state.Invalid,
		"bucket:artifacts/":                    state.Invalid,
		"bucket:artifacts/a/":                  state.Invalid,
		"s3://bucket/key":                      state.Unsupported,
		"s3:///key":                            state.Invalid,
		"s3://bucket":                          state.Invalid,
		"s3://bucket/":                         state.Invalid,
		"gs://bucket/dir/":                     state.Invalid,
		"azblob://bucket/a/../b":               state.Invalid,
		"ftp://host/a":                         state.Unsupported,
	}
	for uri, code := range cases {
		if _, err := c.Fetch(t.Context(), uri); state.CodeOf(err) != code {
			t.Errorf("%q: %v, want code %s", uri, err, code)
		}
	}
}
