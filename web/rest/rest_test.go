package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"stathub/state"
)

// ask sends a request to h without a network.
func ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%v in %q", err, w.Body)
	}
	if w.Code != status || p.Status != status || p.Title == "" || p.Type == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("got %d %v %+v, want %d", w.Code, w.Header(), p, status)
	}
	return p
}

func failing(err error) http.Handler {
	return HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("ETag", `"left over"`)
		return err
	})
}

func TestWriteError(t *testing.T) {
	cases := []struct {
		err    error
		status int
		typ    string
	}{
		{state.Errorf(state.Invalid, "k", "bad"), 400, "urn:stathub:problem:invalid"},
		{state.Errorf(state.Denied, "", "no"), 403, "urn:stathub:problem:denied"},
		{state.Errorf(state.NotFound, "", "none"), 404, "urn:stathub:problem:not-found"},
		{state.Errorf(state.Exists, "", "there"), 409, "urn:stathub:problem:exists"},
		{state.Errorf(state.Stale, "", "old"), 412, "urn:stathub:problem:stale"},
		{state.Errorf(state.TooLarge, "", "big"), 413, "urn:stathub:problem:too-large"},
		{state.Errorf(state.Nonsense, "", "odd"), 422, "urn:stathub:problem:nonsense"},
		{state.Errorf(state.Internal, "", "ours"), 500, "urn:stathub:problem:internal"},
		{errors.New("plain"), 500, "urn:stathub:problem:internal"},
		{state.Errorf(state.Unsupported, "", "cannot"), 501, "urn:stathub:problem:unsupported"},
		{fmt.Errorf("cannot x: %w", state.Errorf(state.Unavailable, "", "away")), 503, "urn:stathub:problem:unavailable"},
		{fmt.Errorf("cannot x: %w", context.DeadlineExceeded), 503, "urn:stathub:problem:unavailable"},
		{fmt.Errorf("cannot x: %w", &http.MaxBytesError{Limit: 3}), 413, "urn:stathub:problem:too-large"},
	}
	for _, tc := range cases {
		w := ask(failing(tc.err), "GET", "/", "")
		p := wantProblem(t, w, tc.status)
		if p.Type != tc.typ || p.Detail != tc.err.Error() || w.Header().Get("ETag") != "" {
			t.Errorf("%v: %+v %v", tc.err, p, w.Header())
		}
		if retry := w.Header().Get("Retry-After"); (retry != "") != (tc.status == 503) {
			t.Errorf("%v: Retry-After %q", tc.err, retry)
		}
	}
	w := ask(failing(state.Errorf(state.NotModified, "", "same")), "GET", "/", "")
	if w.Code != 304 || w.Body.Len() > 0 || w.Header().Get("ETag") == "" {
		t.Error(w.Code, w.Body)
	}
	p := wantProblem(t, ask(failing(&state.Error{Code: state.Invalid, Problems: []state.Problem{
		{Path: "a[0].b", Line: 3, Column: 7, Message: "is wrong \xff"},
	}}), "GET", "/", ""), 400)
	if len(p.Errors) != 1 || p.Errors[0].Line != 3 || p.Errors[0].Column != 7 || p.Errors[0].Path != "a[0].b" {
		t.Errorf("%+v", p)
	}
}

func TestRouter(t *testing.T) {
	ok := func(w http.ResponseWriter, r *http.Request) error {
		WriteJSON(w, r, 200, []string{}, "")
		return nil
	}
	mux := NewRouter([]Route{{"GET", "/v1/a/{id}", ok}, {"PUT", "/v1/a/{id}", ok}, {"POST", "/v1/b", ok}})
	if w := ask(mux, "HEAD", "/v1/a/1", ""); w.Code != 200 {
		t.Error("HEAD:", w.Code)
	}
	wantProblem(t, ask(mux, "GET", "/v1/none", ""), 404)
	w := ask(mux, "DELETE", "/v1/a/1", "")
	wantProblem(t, w, 405)
	if allow := strings.Join(w.Header().Values("Allow"), " "); allow != "GET HEAD PUT" {
		t.Errorf("Allow: %q", allow)
	}
}

func TestWriteJSON(t *testing.T) {
	h := HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		WriteJSON(w, r, 200, map[string]int{"a": 1}, `x"y`)
		return nil
	})
	w := ask(h, "GET", "/", "")
	etag := w.Header().Get("ETag")
	if w.Code != 200 || etag != `"x%22y"` || w.Body.String() != "{\n  \"a\": 1\n}\n" || w.Header().Get("Content-Type") != "application/json" {
		t.Fatal(w.Code, w.Header(), w.Body)
	}
	for _, match := range []string{etag, "W/" + etag, `"other", ` + etag, "*"} {
		if w := ask(h, "GET", "/", "", "If-None-Match", match); w.Code != 304 || w.Body.Len() > 0 || w.Header().Get("ETag") != etag {
			t.Errorf("%s: %d %q", match, w.Code, w.Body)
		}
	}
	for _, other := range []string{`"x"`, `"`, ","} {
		if w := ask(h, "GET", "/", "", "If-None-Match", other); w.Code != 200 {
			t.Errorf("%s: %d", other, w.Code)
		}
	}
	if w := ask(h, "PUT", "/", "", "If-None-Match", etag); w.Code != 200 {
		t.Error("PUT:", w.Code)
	}
}

func TestConditionsOfARequest(t *testing.T) {
	r := httptest.NewRequest("PUT", "/", nil)
	r.Header.Add("If-Match", `"a"`)
	if got, err := IfMatch(r); err != nil || got != (state.Condition{IfMatch: "a"}) {
		t.Errorf("%+v, %v", got, err)
	}
	r.Header.Add("If-Match", `"b"`)
	if got, err := IfMatch(r); state.CodeOf(err) != state.Invalid {
		t.Errorf("two lines of If-Match: %+v, %v", got, err)
	}
	for text, want := range map[string]state.ETag{`W/"q"`: "q", `"q", "r"`: "", "*": "", "": ""} {
		r := httptest.NewRequest("GET", "/", nil)
		if r.Header.Set("If-None-Match", text); IfNoneMatch(r) != want {
			t.Errorf("%s: %q", text, IfNoneMatch(r))
		}
	}
}

func TestReadBody(t *testing.T) {
	h := HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		data, err := ReadBody(w, r, 4)
		if err == nil {
			_, _ = w.Write(data)
		}
		return err
	})
	if w := ask(h, "PUT", "/", "1234"); w.Code != 200 || w.Body.String() != "1234" {
		t.Error(w.Code, w.Body)
	}
	wantProblem(t, ask(h, "PUT", "/", "12345"), 413)
	r := httptest.NewRequest("PUT", "/", io.MultiReader(strings.NewReader("1"), brokenReader{}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	wantProblem(t, w, 400)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestSecureRefuses(t *testing.T) {
	ok := HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		WriteJSON(w, r, 200, "ok", "")
		return nil
	})
	local := Secure(ok, SecureOptions{Loopback: true, Hosts: []string{"hub.corp"}, Origins: []string{"https://friend.example"}})
	for host, want := range map[string]int{
		"localhost": 200, "localhost:51026": 200, "LOCALHOST.": 200, "a.localhost:1": 200, "127.0.0.1:51026": 200, "127.1.2.3": 200,
		"[::1]:80": 200, "[::1]": 200, "hub.corp": 200, "HUB.corp:443": 200,
		"evil.example": 403, "evil.example:51026": 403, "192.168.1.1": 403, "localhost.evil.example": 403, "notlocalhost": 403, "127.0.0.1.evil.example": 403,
	} {
		if w := ask(local, "GET", "/", "", "Host", host); w.Code != want {
			t.Errorf("host %s: %d, want %d", host, w.Code, want)
		} else if want != 200 {
			wantProblem(t, w, want)
		}
	}
	if w := ask(Secure(ok, SecureOptions{}), "GET", "/", "", "Host", "master.corp"); w.Code != 200 {
		t.Error("a server on the network must take any name:", w.Code)
	}
	cases := []struct {
		method, origin, site string
		want                 int
	}{
		{"GET", "https://evil.example", "cross-site", 200},
		{"POST", "https://evil.example", "cross-site", 403},
		{"POST", "http://localhost:1234", "same-site", 403},
		{"DELETE", "https://evil.example", "", 403},
		{"PUT", "null", "", 403},
		{"POST", "http://localhost", "same-origin", 200},
		{"POST", "", "", 200},
		{"POST", "https://friend.example", "cross-site", 200},
		{"TRACE", "", "", 405},
		{"BREW", "", "", 405},
	}
	for _, tc := range cases {
		headers := []string{"Host", "localhost"}
		if tc.origin != "" {
			headers = append(headers, "Origin", tc.origin)
		}
		if tc.site != "" {
			headers = append(headers, "Sec-Fetch-Site", tc.site)
		}
		w := ask(local, tc.method, "/", "", headers...)
		if w.Code != tc.want {
			t.Errorf("%+v: %d", tc, w.Code)
		} else if tc.want != 200 {
			wantProblem(t, w, tc.want)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%+v: %v", tc, w.Header())
		}
	}
}

func TestSecureRecoversAndLogs(t *testing.T) {
	var text bytes.Buffer
	opts := SecureOptions{Log: slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	p := wantProblem(t, ask(Secure(HandlerFunc(func(http.ResponseWriter, *http.Request) error { panic("secret") }), opts), "GET", "/boom", ""), 500)
	if strings.Contains(p.Detail, "secret") || !strings.Contains(text.String(), "secret") || !strings.Contains(text.String(), "rest_test.go") {
		t.Errorf("%+v\n%s", p, &text)
	}
	text.Reset()
	ask(Secure(failing(errors.New("the cause")), opts), "GET", "/failed", "")
	if log := text.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "the cause") || !strings.Contains(log, "/failed") {
		t.Error(log)
	}
	text.Reset()
	ask(Secure(failing(state.Errorf(state.NotFound, "", "none")), opts), "GET", "/x", "")
	if log := text.String(); !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "status=404") {
		t.Error(log)
	}
}

// TestServer checks over TCP what only a connection shows: half an answer is broken off, and streams reach the client.
func TestServer(t *testing.T) {
	next := make(chan struct{})
	mux := NewRouter([]Route{
		{"GET", "/half", func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic("in the middle")
		}},
		{"GET", "/stream", func(w http.ResponseWriter, r *http.Request) error {
			LiftDeadlines(w)
			for range 2 {
				if _, err := io.WriteString(w, "tick\n"); err != nil {
					return err
				}
				if err := http.NewResponseController(w).Flush(); err != nil {
					return err
				}
				<-next
			}
			return r.Context().Err()
		}},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if !LoopbackAddr(listener.Addr()) || LoopbackAddr(&net.TCPAddr{IP: net.IPv4zero, Port: 1}) {
		t.Error("LoopbackAddr")
	}
	server := NewServer(Secure(mux, SecureOptions{Loopback: true}), nil)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	base := "http://" + listener.Addr().String()
	resp, err := http.Get(base + "/half")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("half an answer was taken for whole: %q", data)
	}
	_ = resp.Body.Close()
	resp, err = http.Get(base + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 5)
	for range 2 {
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "tick\n" {
			t.Fatalf("%q, %v", buf, err)
		}
		next <- struct{}{}
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Fatalf("%q, %v", rest, err)
	}
}
