package artifact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stathub/state"
)

// breaking is a source that has ranges, and breaks off after some bytes of each connection.
type breaking struct {
	mu      sync.Mutex
	data    []byte
	etag    string
	date    string // Last-Modified
	cuts    int    // connections that break off
	after   int    // bytes
	deaf    bool   // to ranges
	lies    string // Content-Range of each part
	refuses bool   // ranges, with 416
	asked   []string
}

func (b *breaking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wants := r.Header.Get("Range")
	b.asked = append(b.asked, strings.TrimPrefix(wants, "bytes="))
	from, data, code := 0, b.data, http.StatusOK
	validator := b.etag
	if validator == "" {
		validator = b.date
	}
	switch {
	case wants == "" || b.deaf || r.Header.Get("If-Range") != validator:
	case b.refuses:
		w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		return
	default:
		from, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(wants, "bytes="), "-"))
		data, code = data[from:], http.StatusPartialContent
		where := fmt.Sprintf("bytes %d-%d/%d", from, len(b.data)-1, len(b.data))
		if b.lies != "" {
			where = b.lies
		}
		w.Header().Set("Content-Range", where)
	}
	if b.etag != "" {
		w.Header().Set("ETag", b.etag)
	}
	if b.date != "" {
		w.Header().Set("Last-Modified", b.date)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(code)
	if b.cuts > 0 {
		b.cuts--
		_, _ = w.Write(data[:min(b.after, len(data))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(data)
}

func (b *breaking) requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.asked...)
}

func randomBytes(n int, seed int64) []byte {
	data := make([]byte, n)
	_, _ = rand.New(rand.NewSource(seed)).Read(data) // never fails
	return data
}

const cutAt = 100_000

func newBreaking(t *testing.T, cuts int) (*breaking, *origin) {
	b := &breaking{data: randomBytes(500_000, 1), etag: `"one"`, cuts: cuts, after: cutAt}
	return b, newOrigin(t, b.ServeHTTP)
}

func TestResume(t *testing.T) {
	tests := []struct {
		name  string
		set   func(b *breaking)
		asked string
		fails bool
	}{
		{"one cut", func(b *breaking) {}, " 100000-", false},
		{"three cuts", func(b *breaking) { b.cuts = 3 }, " 100000- 200000- 300000-", false},
		{"by date", func(b *breaking) { b.etag, b.date = "", "Wed, 21 Oct 2015 07:28:00 GMT" }, " 100000-", false},
		{"a date that may be shared", func(b *breaking) { b.etag, b.date = "", time.Now().UTC().Format(http.TimeFormat) }, "", true},
		{"weak ETag", func(b *breaking) { b.etag = `W/"one"` }, "", true},
		{"no validator", func(b *breaking) { b.etag = "" }, "", true},
		{"deaf to ranges", func(b *breaking) { b.deaf = true }, " 100000-", false},
		{"refuses ranges", func(b *breaking) { b.refuses = true }, " 100000- ", false},
		{"another part", func(b *breaking) { b.lies = "bytes 7-499999/500000" }, " 100000- ", false},
		{"of another size", func(b *breaking) { b.lies = "bytes 100000-499999/600000" }, " 100000- ", false},
		{"without a word", func(b *breaking) { b.lies = "nonsense" }, " 100000- ", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, o := newBreaking(t, 1)
			tt.set(b)
			c := openCache(t, nil, Options{})
			f, err := c.Fetch(t.Context(), o.URL+"/a")
			if tt.fails {
				if state.CodeOf(err) != state.Unavailable || !strings.Contains(err.Error(), "broke off after 100000 bytes") {
					t.Fatalf("%+v, %v", f, err)
				}
			} else if err != nil {
				t.Fatal(err)
			} else {
				wantContent(t, f, string(b.data))
			}
			leftovers(t, c)
			if got := strings.Join(b.requests(), " "); got != tt.asked {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
		})
	}
}

// fetchPart has a download called off after its first part came, and gives the cache.
func fetchPart(t *testing.T, b *breaking, o *origin) (c *Cache, uri string) {
	t.Helper()
	uri = o.URL + "/a"
	c = openCache(t, nil, Options{})
	b.mu.Lock()
	b.cuts = 1000
	b.mu.Unlock()
	was := b.after
	o.set(func(w http.ResponseWriter, r *http.Request) {
		if o.requests.Load() > 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		b.ServeHTTP(w, r)
	})
	if _, err := c.Fetch(t.Context(), uri); state.CodeOf(err) != state.Unavailable || !strings.Contains(err.Error(), "503") {
		t.Fatal(err)
	}
	o.set(b.ServeHTTP)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cuts, b.after, b.asked = 0, was, nil
	return c, uri
}

func TestResumeAfterRestart(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, b *breaking, part, meta string)
		asked  string
	}{
		{"as it was", func(*testing.T, *breaking, string, string) {}, "100000-"},
		{"longer than was noted", func(t *testing.T, _ *breaking, part, _ string) {
			f, err := os.OpenFile(part, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("what came last before the kill")
			}
			if err != nil || f.Close() != nil {
				t.Fatal(err)
			}
		}, "100000-"},
		{"the source changed", func(_ *testing.T, b *breaking, _, _ string) {
			b.data, b.etag = randomBytes(400_000, 2), `"two"`
		}, "100000-"},
		{"holes after a power cut", func(t *testing.T, _ *breaking, part, _ string) {
			if err := os.WriteFile(part, make([]byte, cutAt), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"cut short", func(t *testing.T, _ *breaking, part, _ string) {
			if err := os.Truncate(part, 10); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"without its note", func(t *testing.T, _ *breaking, _, meta string) {
			if err := os.Remove(meta); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"too old", func(t *testing.T, _ *breaking, part, _ string) {
			old := time.Now().Add(-keepParts - time.Minute)
			if err := os.Chtimes(part, old, old); err != nil {
				t.Fatal(err)
			}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // each waits for a source that does not come back
			b, o := newBreaking(t, 1)
			before, uri := fetchPart(t, b, o)
			src, err := parseURI(uri)
			if err != nil {
				t.Fatal(err)
			}
			part := before.path("partial", partName(src)+".part")
			tt.change(t, b, part, strings.TrimSuffix(part, ".part")+".json")
			c, err := OpenWith(before.dir, nil, Options{})
			if err != nil {
				t.Fatal(err)
			}
			wantContent(t, mustFetch(t, c, uri), string(b.data))
			leftovers(t, c)
			if got := strings.Join(b.requests(), " "); got != tt.asked {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
		})
	}
}

// Two contents under one strong ETag are a fault of the source; the sum that the URI demands finds it out.
func TestResumeOfAnotherContent(t *testing.T) {
	b, o := newBreaking(t, 1)
	good := randomBytes(500_000, 2)
	first := openCache(t, nil, Options{})
	uri := o.URL + "/a#sha256=" + sumOf(string(good))
	ctx, cancel := context.WithCancel(t.Context())
	o.set(func(w http.ResponseWriter, r *http.Request) {
		if o.requests.Load() > 1 {
			cancel()
			<-r.Context().Done()
			return
		}
		b.ServeHTTP(w, r)
	})
	if _, err := first.Fetch(ctx, uri); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.data = good
	b.mu.Unlock()
	o.set(b.ServeHTTP)
	wantContent(t, mustFetch(t, first, uri), string(good))
	if got := b.requests(); len(got) != 3 || got[1] != "100000-" || got[2] != "" {
		t.Errorf("asked for %q", got)
	}
}

func TestResumeIsBounded(t *testing.T) {
	b, o := newBreaking(t, 1<<30)
	b.after = 1000
	c := openCache(t, nil, Options{})
	if _, err := c.Fetch(t.Context(), o.URL+"/a"); state.CodeOf(err) != state.Unavailable || !strings.Contains(err.Error(), "broke off after 21000 bytes") {
		t.Fatal(err)
	}
	if n := len(b.requests()); n != maxCuts+1 {
		t.Errorf("%d requests", n)
	}
}

// A source that is updated while it is read gives the old content or the new one, never both in one.
func TestResumeNeverMixes(t *testing.T) {
	b, o := newBreaking(t, 0)
	b.cuts = 1
	other := randomBytes(500_000, 3)
	first := true
	o.set(func(w http.ResponseWriter, r *http.Request) {
		if !first {
			b.mu.Lock()
			b.data, b.etag = other, `"two"`
			b.mu.Unlock()
		}
		first = false
		b.ServeHTTP(w, r)
	})
	f := mustFetch(t, openCache(t, nil, Options{}), o.URL+"/a")
	if data, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(data, other) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestProgress(t *testing.T) {
	b, o := newBreaking(t, 0)
	more, came := make(chan struct{}), make(chan struct{})
	o.set(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(b.data)))
		_, _ = w.Write(b.data[:cutAt])
		_ = http.NewResponseController(w).Flush()
		close(came)
		<-more
		_, _ = w.Write(b.data[cutAt:])
	})
	c, uri := openCache(t, nil, Options{}), o.URL+"/a"
	done := make(chan error, 1)
	go func() {
		_, err := c.Fetch(t.Context(), uri)
		done <- err
	}()
	<-came
	deadline := time.Now().Add(time.Minute)
	for p, ok := c.Progress(uri); !ok || p != (Progress{Done: cutAt, Total: 500_000}); p, ok = c.Progress(uri) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %v", p, ok)
		}
		time.Sleep(time.Millisecond)
	}
	close(more)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if p, ok := c.Progress(uri); ok {
		t.Errorf("after the end: %+v", p)
	}
}
