package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/blobstore/s3"
)

func wantCode(t *testing.T, what string, err error, want state.Code) {
	t.Helper()
	if got := state.CodeOf(err); got != want {
		t.Errorf("%s: code %q (%v), want %q", what, got, err, want)
	}
}

// wantAll calls every method; none may say that there is no document.
func wantAll(t *testing.T, ctx context.Context, s state.Store, want state.Code) {
	t.Helper()
	_, err := s.Get(ctx, "k", "")
	wantCode(t, "Get", err, want)
	for _, c := range []state.Condition{{}, {IfAbsent: true}, {IfMatch: "x"}} {
		_, err = state.Write(ctx, s, "k", []byte("x"), c)
		wantCode(t, fmt.Sprintf("Put %+v", c), err, want)
	}
	wantCode(t, "Delete", s.Delete(ctx, "k", ""), want)
	wantCode(t, "conditional Delete", s.Delete(ctx, "k", "x"), want)
	n := 0
	for _, err := range s.List(ctx, "") {
		wantCode(t, "List", err, want)
		n++
	}
	if n != 1 {
		t.Errorf("List gave %d values, want one error", n)
	}
}

// serve opens a store on a server that a test plays.
func serve(t *testing.T, h http.HandlerFunc) state.Store {
	t.Helper()
	return serveNamed(t, "b", "", h)
}

func serveNamed(t *testing.T, bucket, prefix string, h http.HandlerFunc) state.Store {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	s := openURL(t, "s3://"+bucket+"?endpoint="+url.QueryEscape(srv.URL)+"&prefix="+url.QueryEscape(prefix))
	t.Cleanup(func() { s.Close() })
	return s
}

func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead && status != http.StatusNotModified {
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
	}
}

func TestMissingBucket(t *testing.T) {
	needServer(t)
	s := openURL(t, server.StateURL("no-such-bucket"))
	defer s.Close()
	wantAll(t, t.Context(), s, state.Unavailable)
	if _, err := s.Get(t.Context(), "k", ""); !strings.Contains(fmt.Sprint(err), "create it") {
		t.Errorf("the message does not help: %v", err)
	}
}

func TestWrongCredentials(t *testing.T) {
	needServer(t)
	bucket := newBucket(t)
	for name, env := range map[string][2]string{
		"unknown key":  {"nobody", "secret-secret"},
		"wrong secret": {server.AccessKey, "wrong-secret"},
		"none at all":  {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", env[0])
			t.Setenv("AWS_SECRET_ACCESS_KEY", env[1])
			s := openURL(t, server.StateURL(bucket))
			defer s.Close()
			wantAll(t, t.Context(), s, state.Denied)
			if _, err := s.Get(t.Context(), "k", ""); !strings.Contains(fmt.Sprint(err), "AWS_ACCESS_KEY_ID") {
				t.Errorf("the message does not say where credentials come from: %v", err)
			}
		})
	}
}

func TestServerFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   state.Code
	}{
		"slow down":    {func(w http.ResponseWriter, r *http.Request) { refuse(w, r, 503, "SlowDown") }, state.Unavailable},
		"broken":       {func(w http.ResponseWriter, r *http.Request) { refuse(w, r, 500, "InternalError") }, state.Unavailable},
		"forbidden":    {func(w http.ResponseWriter, r *http.Request) { refuse(w, r, 403, "AccessDenied") }, state.Denied},
		"other region": {func(w http.ResponseWriter, r *http.Request) { refuse(w, r, 301, "PermanentRedirect") }, state.Unavailable},
		"no bucket":    {func(w http.ResponseWriter, r *http.Request) { refuse(w, r, 404, "NoSuchBucket") }, state.Unavailable},
		"other server": {http.NotFound, state.Unavailable},
		"hangs up":     {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, state.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantAll(t, t.Context(), serve(t, c.answer), c.want)
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	s := openURL(t, "s3://b?endpoint=http://"+l.Addr().String())
	defer s.Close()
	wantAll(t, t.Context(), s, state.Unavailable)
}

func TestDeadlineAgainstAHangingServer(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	for name, call := range map[string]func(context.Context) error{
		"Get": func(ctx context.Context) error { _, err := s.Get(ctx, "k", ""); return err },
		"Put": func(ctx context.Context) error {
			_, err := state.Write(ctx, s, "k", nil, state.Condition{})
			return err
		},
		"Delete": func(ctx context.Context) error { return s.Delete(ctx, "k", "") },
		"List": func(ctx context.Context) (err error) {
			for _, err = range s.List(ctx, "") {
			}
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		start := time.Now()
		err := call(ctx)
		cancel()
		wantCode(t, name, err, state.Unavailable)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v does not name the deadline", name, err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s came back after %s", name, d)
		}
	}
}

func TestBodyCutOff(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(strings.Repeat("x", 500)))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	_, _, err := state.Read(t.Context(), s, "k", "", state.MaxDocument)
	wantCode(t, "Read of half a body", err, state.Unavailable)
}

// A lost answer to a conditional write must not come back as somebody else's win.
func TestConditionalWriteIsSentOnce(t *testing.T) {
	for name, cond := range map[string]state.Condition{"if absent": {IfAbsent: true}, "if match": {IfMatch: "x"}} {
		var sent atomic.Int32
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if sent.Add(1) == 1 { // turned away: to be sent again
				refuse(w, r, http.StatusServiceUnavailable, "SlowDown")
				return
			}
			io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler) // perhaps applied: not to be sent again
		})
		_, err := state.Write(t.Context(), s, "k", []byte("x"), cond)
		wantCode(t, name, err, state.Unavailable)
		if n := sent.Load(); n != 2 {
			t.Errorf("%s: %d requests, want the one that was turned away and one more", name, n)
		}
	}
}

// AWS answers 409 when two conditional writes of a key meet.
func TestConflictIsALostRace(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { refuse(w, r, 409, "ConditionalRequestConflict") })
	_, err := state.Write(t.Context(), s, "k", nil, state.Condition{IfAbsent: true})
	wantCode(t, "if absent", err, state.Exists)
	_, err = state.Write(t.Context(), s, "k", nil, state.Condition{IfMatch: "x"})
	wantCode(t, "if match", err, state.Stale)
	wantCode(t, "delete", s.Delete(t.Context(), "k", "x"), state.Stale)
}

func TestURLs(t *testing.T) {
	for raw, want := range map[string]state.Code{
		"s3://b": "", "s3://b/": "", "s3://b?region=eu-west-1": "", "s3://b?endpoint=https://s3.example.com&use_path_style=false": "",
		"s3://b?endpoint=http://127.0.0.1:1&prefix=a/b": "", "s3://b?anonymous=true": "", "s3://b?ssetype=aws:kms&kmskeyid=1": "",
		"s3://": state.Invalid, "s3://b/path": state.Invalid, "s3://key:secret@b": state.Invalid, "s3://b?endpoint=host:9000": state.Invalid,
		"s3://b?nonsense=1": state.Invalid, "s3://b?use_path_style=maybe": state.Invalid, "s3://b?prefix=a//b": state.Invalid,
		"s3://b?prefix=../b": state.Invalid,
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		s, err := s3.Open(t.Context(), u)
		wantCode(t, raw, err, want)
		if err == nil {
			s.Close()
		}
	}
}
