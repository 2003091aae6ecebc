package s3_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"stathub/state"
)

// events answers as MinIO does.
func events(w http.ResponseWriter, lines ...string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, line := range lines {
		io.WriteString(w, line+"\n")
		w.(http.Flusher).Flush()
		time.Sleep(20 * time.Millisecond) // so that it is a read of its own to the client
	}
}

// Changes reach those who watch them, and nobody else, by the names within the prefix of the URL.
func TestEvents(t *testing.T) {
	keys, asked := make(chan string), make(chan url.Values, 10)
	s := serveNamed(t, "bucket", "team a/hub", func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("events") {
			return
		}
		asked <- r.URL.Query()
		events(w, `{"Records": null}`, `{"Records": null}`)
		for {
			select {
			case key := <-keys:
				events(w, `{"Records": [{"eventName": "s3:ObjectCreated:Put", "s3": {"object": {"key": "`+key+`"}}}]}`)
			case <-r.Context().Done():
				return
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	apps, node := s.Watch(ctx, "apps/"), s.Watch(ctx, "apps/a b+c&编排%.json")
	if q := <-asked; q.Get("prefix") != "team a/hub/apps/" {
		t.Errorf("asked for %v", q)
	}
	for range 2 { // the connection
		select {
		case <-apps:
		case <-node:
		case <-time.After(10 * time.Second):
			t.Fatal("no hint of the connection")
		}
	}
	if !state.Hinting(s) {
		t.Error("not hinting")
	}
	keys <- "team a/hub/apps/plain.json"
	wantHint(t, apps, "a document")
	keys <- "team a/hub/apps/a b+c&编排%.json"
	wantHint(t, apps, "an odd name, to who watches the folder")
	wantHint(t, node, "an odd name")
	keys <- "team+a%2Fhub%2Fapps%2Fa+b%2Bc%26%E7%BC%96%E6%8E%92%25.json" // as other versions have it
	wantHint(t, node, "an escaped name")
	cancel()
	for range apps {
	}
	for range node {
	}
	if state.Hinting(s) {
		t.Error("hinting without watches")
	}
}

func wantHint(t *testing.T, hints <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-hints:
	case <-time.After(10 * time.Second):
		t.Fatalf("no hint of %s", what)
	}
}

// A person with mc changes a document; whoever watches hears of it. Builds of MinIO of the winter of 2025 to 2026 flush
// nothing on such a connection: they are as a server without notifications.
func TestNotificationsOfMinIO(t *testing.T) {
	needServer(t)
	t.Parallel()
	bucket, c := newBucket(t), minioClient(t)
	s := openURL(t, server.StateURL(bucket)+"&prefix=team a/hub")
	defer s.Close()
	hints := s.Watch(t.Context(), "apps/")
	deadline := time.After(time.Minute)
	for !state.Hinting(s) {
		select {
		case <-deadline:
			t.Fatal("nothing is heard of changes")
		case <-hints:
		case <-time.After(50 * time.Millisecond):
			put(t, c, bucket, "team a/hub/apps/first.json")
		}
	}
	for _, key := range []string{"apps/plain.json", "apps/a b+c&编排%.json"} {
		quiet(hints)
		began := time.Now()
		put(t, c, bucket, "team a/hub/"+key)
		wantHint(t, hints, key)
		t.Logf("%s: heard after %s", key, time.Since(began))
	}
}

func put(t *testing.T, c *minio.Client, bucket, name string) {
	t.Helper()
	if _, err := c.PutObject(t.Context(), bucket, name, strings.NewReader("{}\n"), 3, minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

// quiet waits until nothing is heard for a while.
func quiet(hints <-chan struct{}) {
	for {
		select {
		case <-hints:
		case <-time.After(300 * time.Millisecond):
			return
		}
	}
}

// Servers without notifications are asked once, whatever they say to it.
func TestServersWithoutNotifications(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"listing": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			io.WriteString(w, `<?xml version="1.0"?><ListBucketResult><Name>b</Name></ListBucketResult>`)
		},
		"not implemented": func(w http.ResponseWriter, r *http.Request) {
			refuse(w, r, http.StatusNotImplemented, "NotImplemented")
		},
		"bad request": func(w http.ResponseWriter, r *http.Request) { refuse(w, r, http.StatusBadRequest, "InvalidArgument") },
		"forbidden":   func(w http.ResponseWriter, r *http.Request) { refuse(w, r, http.StatusForbidden, "AccessDenied") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			first := make(chan struct{}, 1)
			s := serveNamed(t, "bucket", "", func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("events") {
					asked.Add(1)
					answer(w, r)
					select {
					case first <- struct{}{}:
					default:
					}
				}
			})
			hints := s.Watch(t.Context(), "apps/")
			select {
			case <-first:
			case <-time.After(10 * time.Second):
				t.Fatal("not asked")
			}
			select {
			case <-hints:
				t.Error("a hint from a server that sends none")
			case <-time.After(4 * time.Second): // it would have been asked again by now
			}
			if asked.Load() != 1 || state.Hinting(s) {
				t.Errorf("asked %d times, hinting %v", asked.Load(), state.Hinting(s))
			}
		})
	}
}

// A connection that breaks is made again, and that is a hint: something may have been missed.
func TestNotificationsBreak(t *testing.T) {
	var connections atomic.Int32
	s := serveNamed(t, "bucket", "", func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("events") {
			return
		}
		n := connections.Add(1)
		events(w, `{"Records": null}`, `{"Records": null}`)
		if n == 1 {
			io.WriteString(w, `{"Records": [`) // cut off
			return
		}
		<-r.Context().Done()
	})
	hints := s.Watch(t.Context(), "apps/")
	for range 2 {
		select {
		case <-hints:
		case <-time.After(10 * time.Second):
			t.Fatal("no hint")
		}
	}
	if connections.Load() != 2 || !state.Hinting(s) {
		t.Errorf("%d connections, hinting %v", connections.Load(), state.Hinting(s))
	}
}
