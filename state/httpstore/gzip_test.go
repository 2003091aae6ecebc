package httpstore_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
)

func gzipped(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(text)
	w.Close()
	return b.Bytes()
}

// Documents that are worth it go out packed to who takes them so; the ETag and the size stay those of the document.
func TestPackedDocuments(t *testing.T) {
	store := memstore.New()
	long := strings.Repeat("a manifest ", 1000)
	noise := make([]byte, 5000)
	rand.Read(noise)
	mustPut(t, store, "manifests/n1.json", long)
	mustPut(t, store, "manifests/small.json", "{}")
	mustPut(t, store, "artifacts/app.bin", long)
	mustPut(t, store, "crashes/n1/noise", string(noise))
	srv := serve(t, store, httpstore.Options{})
	for _, c := range []struct {
		name, method, key, accept string
		packed                    bool
	}{
		{"a document", "GET", "manifests/n1.json", "gzip", true},
		{"among others", "GET", "manifests/n1.json", "br;q=1.0, GZIP;q=0.8, *;q=0.1", true},
		{"not taken", "GET", "manifests/n1.json", "identity", false},
		{"refused", "GET", "manifests/n1.json", "gzip;q=0", false},
		{"something else", "GET", "manifests/n1.json", "x-gzip, br", false},
		{"HEAD", "HEAD", "manifests/n1.json", "gzip", false},
		{"a small one", "GET", "manifests/small.json", "gzip", false},
		{"an artifact", "GET", "artifacts/app.bin", "gzip", false},
		{"noise", "GET", "crashes/n1/noise", "gzip", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, _, _ := state.Read(t.Context(), store, c.key, "", 1<<20)
			resp, text := ask(t, srv, c.method, "/state/"+c.key, "", "Accept-Encoding", c.accept)
			if packed := resp.Header.Get("Content-Encoding") == "gzip"; packed != c.packed {
				t.Fatalf("packed: %v", packed)
			}
			if resp.Header.Get("Stathub-Size") != strconv.Itoa(len(want)) || c.method == "GET" && resp.ContentLength != int64(len(text)) {
				t.Errorf("size %s, length %d of %d", resp.Header.Get("Stathub-Size"), resp.ContentLength, len(text))
			}
			if c.packed {
				if len(text) > len(want)/10 {
					t.Errorf("%d bytes on the wire for %d", len(text), len(want))
				}
				r, err := gzip.NewReader(strings.NewReader(text))
				if err != nil {
					t.Fatal(err)
				}
				plain, err := io.ReadAll(r)
				if text = string(plain); err != nil {
					t.Fatal(err)
				}
			}
			if c.method == "GET" && text != string(want) {
				t.Errorf("%d bytes, want %d", len(text), len(want))
			}
			etag := resp.Header.Get("ETag")
			if resp, _ := ask(t, srv, "GET", "/state/"+c.key, "", "If-None-Match", etag, "Accept-Encoding", c.accept); resp.StatusCode != 304 {
				t.Errorf("If-None-Match %s: %s", etag, resp.Status)
			}
		})
	}
}

// A listing is packed too, and complete.
func TestPackedListing(t *testing.T) {
	store := memstore.New()
	for i := range 500 {
		mustPut(t, store, "apps/app-"+strconv.Itoa(i)+".json", "x")
	}
	srv := serve(t, store, httpstore.Options{})
	_, plain := ask(t, srv, "GET", "/state/?prefix=apps/", "")
	resp, packed := ask(t, srv, "GET", "/state/?prefix=apps/", "", "Accept-Encoding", "gzip")
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		t.Fatal(resp.Header, err)
	}
	text, err := io.ReadAll(r)
	if string(text) != plain || err != nil || len(packed) > len(plain)/3 {
		t.Errorf("%d bytes as %d, %v", len(text), len(packed), err)
	}
	n := 0
	for _, err := range open(t, srv.URL).List(t.Context(), "apps/") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 500 {
		t.Errorf("%d entries", n)
	}
}

// A document that unpacks to something else than its size, or not at all, is refused, and so is a bomb, of which no more
// than the said size is unpacked.
func TestPackedDocumentsOfAnAttacker(t *testing.T) {
	bomb := gzipped(make([]byte, 16<<20))
	for _, c := range []struct {
		name, coding, size string
		body               []byte
		want               state.Code
	}{
		{"fits", "gzip", "5", gzipped([]byte("12345")), ""},
		{"bomb", "gzip", "5", bomb, state.Unavailable},
		{"bomb that says so", "gzip", strconv.Itoa(16 << 20), bomb, state.TooLarge},
		{"longer", "gzip", "5", gzipped([]byte("123456")), state.Unavailable},
		{"shorter", "gzip", "5", gzipped([]byte("1234")), state.Unavailable},
		{"cut off", "gzip", "5", gzipped([]byte("12345"))[:20], state.Unavailable},
		{"empty", "gzip", "5", nil, state.Unavailable},
		{"no gzip", "gzip", "5", []byte("12345"), state.Unavailable},
		{"wrong sum", "gzip", "5", append(gzipped([]byte("12345"))[:22], 0, 0, 0, 0, 5, 0, 0, 0), state.Unavailable},
		{"no size", "gzip", "", gzipped([]byte("12345")), state.Unavailable},
		{"another coding", "br", "5", []byte("12345"), state.Unavailable},
		{"negative", "gzip", "-1", gzipped(nil), state.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("ETag", `"1"`)
				w.Header().Set("Content-Encoding", c.coding)
				if c.size != "" {
					w.Header().Set("Stathub-Size", c.size)
				}
				w.Write(c.body)
			}))
			defer srv.Close()
			data, _, err := state.Read(t.Context(), open(t, srv.URL), "a", "", 1000)
			if state.CodeOf(err) != c.want || err == nil && string(data) != "12345" {
				t.Errorf("%q, %v", data, err)
			}
			for _, err := range open(t, srv.URL).List(t.Context(), "") {
				if state.CodeOf(err) != state.Unavailable {
					t.Errorf("List: %v", err)
				}
			}
		})
	}
}

// What a client sends packed is kept as it was before. Broken packing, bombs and unknown codings leave nothing behind.
func TestPackedBodies(t *testing.T) {
	store := memstore.New()
	srv := serve(t, store, httpstore.Options{MaxBody: 100_000})
	text := strings.Repeat("a report ", 2000)
	for _, c := range []struct {
		name, coding, body string
		status             int
	}{
		{"packed", "gzip", string(gzipped([]byte(text))), 204},
		{"as it is", "identity", text, 204},
		{"bomb", "gzip", string(gzipped(make([]byte, 16<<20))), 413},
		{"just too long", "gzip", string(gzipped(make([]byte, 100_001))), 413},
		{"broken", "gzip", "no gzip at all", 400},
		{"cut off", "gzip", string(gzipped([]byte(text))[:30]), 400},
		{"empty", "gzip", "", 400},
		{"another coding", "br", text, 400},
		{"two codings", "gzip, gzip", text, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			key := "reports/" + strings.ReplaceAll(c.name, " ", "-") + ".json"
			resp, answer := ask(t, srv, "PUT", "/state/"+key, c.body, "Content-Encoding", c.coding)
			if resp.StatusCode != c.status {
				t.Errorf("%s, want %d: %s", resp.Status, c.status, answer)
			}
			data, _, err := state.Read(t.Context(), store, key, "", 1<<20)
			if c.status == 204 && string(data) != text || c.status != 204 && state.CodeOf(err) != state.NotFound {
				t.Errorf("in the store: %d bytes, %v", len(data), err)
			}
		})
	}
}

// A client packs what it sends once the gateway has said that it takes that; one that never said so gets it as it is.
func TestClientPacks(t *testing.T) {
	for _, old := range []bool{false, true} {
		store := memstore.New()
		handler := httpstore.Handler(store, httpstore.Options{})
		var sizes []int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				sizes = append(sizes, r.ContentLength)
			}
			if old {
				w = silentWriter{w}
			}
			handler.ServeHTTP(w, r)
		}))
		s := open(t, srv.URL)
		text := strings.Repeat("a report ", 2000)
		for i := range 3 {
			key := "reports/n" + strconv.Itoa(i) + ".json"
			mustPut(t, s, key, text)
			if data, _, err := state.Read(t.Context(), store, key, "", 1<<20); string(data) != text {
				t.Errorf("%d bytes, %v", len(data), err)
			}
		}
		if packed := sizes[2] < int64(len(text))/10; packed == old || sizes[0] != int64(len(text)) {
			t.Errorf("sent %d bytes for %d; the gateway said nothing: %v", sizes, len(text), old)
		}
		srv.Close()
	}
}

// silentWriter answers as a gateway that takes no packed bodies.
type silentWriter struct{ http.ResponseWriter }

func (w silentWriter) WriteHeader(status int) {
	w.Header().Del("Accept-Encoding")
	w.ResponseWriter.WriteHeader(status)
}

func (w silentWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
