package s3_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"stathub/state"
)

// People with mc or aws s3 see the same names.
func TestNamesInTheBucketAreTheKeys(t *testing.T) {
	needServer(t)
	bucket, c := newBucket(t), minioClient(t)
	s := openURL(t, server.StateURL(bucket)+"&prefix=hub")
	defer s.Close()
	keys := []string{"a../b", "a b", "a%20b", "a#b?c", "a+b&c=d", "a__0x2f__b", `"quoted"`, "编排/é", "~a*(b)'"}
	for _, key := range keys {
		if _, err := state.Write(t.Context(), s, key, []byte(key), state.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	for o := range c.ListObjects(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true}) {
		seen = append(seen, strings.TrimPrefix(o.Key, "hub/"))
	}
	slices.Sort(keys)
	if slices.Sort(seen); !slices.Equal(seen, keys) {
		t.Errorf("in the bucket: %q, want %q", seen, keys)
	}
}

func TestPrefixIsAWall(t *testing.T) {
	needServer(t)
	bucket := newBucket(t)
	one := openURL(t, server.StateURL(bucket)+"&prefix=one")
	defer one.Close()
	other := openURL(t, server.StateURL(bucket)+"&prefix=/one-more/")
	defer other.Close()
	whole := openURL(t, server.StateURL(bucket))
	defer whole.Close()
	for _, s := range []state.Store{one, other} {
		if _, err := state.Write(t.Context(), s, "apps/a.json", []byte("{}\n"), state.Condition{IfAbsent: true}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		s    state.Store
		want []string
	}{
		"one": {one, []string{"apps/a.json"}}, "other": {other, []string{"apps/a.json"}},
		"whole": {whole, []string{"one-more/apps/a.json", "one/apps/a.json"}},
	} {
		var got []string
		for e, err := range c.s.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.Key)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s lists %q, want %q", name, got, c.want)
		}
	}
	if err := one.Delete(t.Context(), "apps/a.json", ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := state.Read(t.Context(), other, "apps/a.json", "", 100); err != nil {
		t.Errorf("deleted through the wall: %v", err)
	}
}

// Folder markers and other people's names do not stop a listing.
func TestForeignObjectsAreLeftOut(t *testing.T) {
	needServer(t)
	bucket, c := newBucket(t), minioClient(t)
	for _, name := range []string{"apps/", "apps/a.json"} {
		if _, err := c.PutObject(t.Context(), bucket, name, bytes.NewReader(nil), 0, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s := openURL(t, server.StateURL(bucket))
	defer s.Close()
	for e, err := range s.List(t.Context(), "") {
		if err != nil || e.Key != "apps/a.json" {
			t.Errorf("listed %q, %v", e.Key, err)
		}
	}
}

// A deleter that died between its two steps leaves a tombstone: the document is gone all the same, and can be made anew
// once that is old enough.
func TestAbandonedTombstone(t *testing.T) {
	needServer(t)
	bucket := newBucket(t)
	var dies, later atomic.Bool
	s := serveThrough(t, bucket, func(r *http.Request) bool {
		return dies.Load() && r.Method == http.MethodDelete && !strings.Contains(r.URL.Path, ".probe-")
	}, &later)
	ctx := t.Context()
	etag, err := state.Write(ctx, s, "k", []byte("x"), state.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	dies.Store(true)
	wantCode(t, "Delete that dies half-way", s.Delete(ctx, "k", etag), state.Unavailable)
	dies.Store(false)

	_, err = s.Get(ctx, "k", "")
	wantCode(t, "Get", err, state.NotFound)
	_, err = s.Get(ctx, "k", etag)
	wantCode(t, "Get if none match", err, state.NotFound)
	wantCode(t, "Delete", s.Delete(ctx, "k", ""), state.NotFound)
	wantCode(t, "conditional Delete", s.Delete(ctx, "k", etag), state.Stale)
	_, err = state.Write(ctx, s, "k", []byte("y"), state.Condition{IfMatch: etag})
	wantCode(t, "Put if match", err, state.Stale)
	for e, err := range s.List(ctx, "") {
		t.Errorf("listed %q, %v", e.Key, err)
	}
	later.Store(true)
	if _, err = state.Write(ctx, s, "k", []byte("y"), state.Condition{IfAbsent: true}); err != nil {
		t.Errorf("Put if absent over an abandoned tombstone: %v", err)
	}
	_, err = state.Write(ctx, s, "k", []byte("z"), state.Condition{IfAbsent: true})
	wantCode(t, "Put if absent over a document", err, state.Exists)
}

// serveThrough opens a store on MinIO behind a proxy that drops some requests, and that can make all objects
// an hour older. (The other way, a later clock, the client would notice and follow.)
func serveThrough(t *testing.T, bucket string, drop func(*http.Request) bool, later *atomic.Bool) state.Store {
	t.Helper()
	back, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { // the Host header is signed: it stays
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = back.Scheme, back.Host, r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if date, err := http.ParseTime(r.Header.Get("Last-Modified")); err == nil && later.Load() {
				r.Header.Set("Last-Modified", date.Add(-time.Hour).Format(http.TimeFormat))
			}
			return nil
		},
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if drop(r) {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	s := openURL(t, "s3://"+bucket+"?endpoint="+url.QueryEscape(front.URL))
	t.Cleanup(func() { s.Close() })
	return s
}
