package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/agent/health"
	"stathub/state"
	"stathub/web/rest"
)

// fakeSupervisor runs nothing: it has one running instance, 42, and one that backs off.
type fakeSupervisor struct {
	dir string

	mu      sync.Mutex
	killed  []int // pid, signal, pid, signal…
	noApps  bool
	killErr error

	restarted int
}

func (f *fakeSupervisor) Report() state.Report {
	return state.Report{
		Node: "n1", AgentVersion: "1.2", Tags: []string{"ssd"}, Facts: state.Facts{Hostname: "host1", OS: state.OS{CPUs: 4}},
		Instances: []state.Instance{
			{ID: "n1/web.0", App: "web", PID: 42, Ports: []int{8080}, State: state.Running, Cmd: "web \xff"},
			{ID: "n1/web.1", App: "web", N: 1, State: state.Backoff, Reason: "port 8080 is in use"},
		},
	}
}

func (f *fakeSupervisor) Kill(_ context.Context, pid int, signal int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if pid != 42 {
		return state.Errorf(state.NotFound, "", "no instance has process %d", pid)
	}
	if f.killErr != nil {
		return f.killErr
	}
	f.killed = append(f.killed, pid, signal)
	return nil
}

func (f *fakeSupervisor) Restart(_ context.Context, name string) error {
	if name != "web.0" {
		return state.Errorf(state.Nonsense, "", "%s waits", name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restarted++
	return nil
}

func (f *fakeSupervisor) LogPath(name string, pid int, stream string) (string, error) {
	if name != "web.1" && pid != 42 {
		return "", state.Errorf(state.NotFound, "", "no instance has process %d", pid)
	}
	return filepath.Join(f.dir, stream+".log"), nil
}

func (f *fakeSupervisor) Health(pid int) ([]health.Status, error) {
	if pid != 42 {
		return nil, state.Errorf(state.NotFound, "", "no instance has process %d", pid)
	}
	if f.noApps {
		return []health.Status{}, nil
	}
	return []health.Status{{Protocol: health.TCP, Target: "127.0.0.1:8080", Health: state.HealthHealthy, MaxFailures: 3}}, nil
}

func (f *fakeSupervisor) Manifest() (*state.Manifest, state.ManifestStatus) {
	if f.noApps {
		return nil, state.ManifestStatus{}
	}
	return &state.Manifest{
		Node: "n1", Generation: 7, Envs: map[string]string{"ZONE": "a"},
		Apps: []state.ManifestEntry{{App: state.App{Name: "web", ToProcess: "./web", Start: true}, Count: 2}},
	}, state.ManifestStatus{Generation: 7, ETag: "e7", Error: "line 3"}
}

func ask(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+target, strings.NewReader(body))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func decode[T any](t *testing.T, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	var v T
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return v
}

func TestReads(t *testing.T) {
	sv := &fakeSupervisor{dir: t.TempDir()}
	h := Handler(sv, nil, Options{Secure: rest.SecureOptions{Loopback: true}})
	node := decode[state.Node](t, ask(h, "GET", "/v1/node", ""), 200)
	if node.ID != "n1" || node.Hostname != "host1" || node.Envs["ZONE"] != "a" || !slices.Equal(node.Tags, []string{"ssd"}) || !node.Schedulable || node.State != state.NodeUp {
		t.Errorf("%+v", node)
	}
	for _, part := range []string{`"hostname"`, `"os"`, `"memory"`, `"networks": []`, `"disks": []`, `"tags"`} {
		if body := ask(h, "GET", "/v1/node", "").Body.String(); !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
	if tags := decode[[]string](t, ask(h, "GET", "/v1/node/tag", ""), 200); !slices.Equal(tags, []string{"ssd"}) {
		t.Error(tags)
	}
	if envs := decode[map[string]string](t, ask(h, "GET", "/v1/node/env", ""), 200); envs["ZONE"] != "a" {
		t.Error(envs)
	}
	if names := decode[[]string](t, ask(h, "GET", "/v1/app", ""), 200); !slices.Equal(names, []string{"web"}) {
		t.Error(names)
	}
	if apps := decode[[]state.App](t, ask(h, "GET", "/v1/app?full=true", ""), 200); len(apps) != 1 || apps[0].ToProcess != "./web" {
		t.Error(apps)
	}
	if app := decode[state.App](t, ask(h, "GET", "/v1/app/web", ""), 200); app.Name != "web" {
		t.Error(app)
	}
	procs := decode[[]state.Proc](t, ask(h, "GET", "/v1/proc", ""), 200)
	if len(procs) != 2 || procs[0].PID != 42 || procs[0].Node != "n1" || procs[1].Reason == "" {
		t.Errorf("%+v", procs)
	}
	if p := decode[state.Proc](t, ask(h, "GET", "/v1/proc/42", ""), 200); p.Instance != "n1/web.0" {
		t.Errorf("%+v", p)
	}
	type manifestView struct {
		Node       string               `json:"node"`
		Generation int64                `json:"generation"`
		Status     state.ManifestStatus `json:"status"`
	}
	w := ask(h, "GET", "/v1/manifest", "")
	if m := decode[manifestView](t, w, 200); m.Node != "n1" || m.Generation != 7 || m.Status.Error != "line 3" || w.Header().Get("ETag") != `"e7"` {
		t.Errorf("%+v, %v", m, w.Header())
	}
	if w := ask(h, "HEAD", "/healthz", ""); w.Code != 200 {
		t.Error(w.Code)
	}
	sv.noApps = true
	for path, want := range map[string]string{"/v1/app": "[]\n", "/v1/app?full": "[]\n", "/v1/node/env": "{}\n"} {
		if w := ask(h, "GET", path, ""); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
	if w := ask(h, "GET", "/v1/manifest", ""); w.Code != 404 {
		t.Error(w.Code, w.Body)
	}
}

func TestOptions(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "page "+r.URL.Path) })
	var waits error
	h := Handler(&fakeSupervisor{}, page, Options{
		Ready: func() error { return waits },
	})
	for _, path := range []string{"/", "/assets/a.css"} {
		if w := ask(h, "GET", path, ""); w.Body.String() != "page "+path {
			t.Error(w.Code, w.Body)
		}
	}
	if w := ask(h, "GET", "/readyz", ""); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	waits = errors.New("adopting processes")
	if w := ask(h, "GET", "/readyz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "adopting") || w.Header().Get("Retry-After") == "" {
		t.Error(w.Code, w.Body)
	}
}

func TestErrors(t *testing.T) {
	sv := &fakeSupervisor{dir: t.TempDir()}
	h := Handler(sv, nil, Options{Secure: rest.SecureOptions{Loopback: true}})
	cases := []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/", "", 404},
		{"GET", "/v1", "", 404},
		{"GET", "/v1/none", "", 404},
		{"PUT", "/v1/node", "{}", 405},
		{"DELETE", "/v1/proc/42", "", 405},
		{"GET", "/v1/proc/42/_kill", "", 405},
		{"GET", "/v1/app/none", "", 404},
		{"GET", "/v1/app?full=maybe", "", 400},
		{"GET", "/v1/proc/0", "", 400},
		{"GET", "/v1/proc/x", "", 400},
		{"GET", "/v1/proc/43", "", 404},
		{"POST", "/v1/proc/43/_kill", "", 404},
		{"POST", "/v1/proc/-1/_kill", "", 400},
		{"POST", "/v1/proc/42/_kill", "nine", 400},
		{"POST", "/v1/proc/42/_kill", `{"signal": "9"}`, 400},
		{"POST", "/v1/proc/42/_kill", `{"sginal": 9}`, 400},
		{"POST", "/v1/proc/42/_kill", `{"signal": 0}`, 422},
		{"POST", "/v1/proc/42/_kill", `{"signal": 65}`, 422},
		{"POST", "/v1/proc/42/_kill", `{"pid": 1}`, 422},
		{"POST", "/v1/proc/42/_kill", strings.Repeat(" ", killBody+1), 413},
		{"GET", "/v1/proc/43/_health", "", 404},
		{"GET", "/v1/proc/x/_health", "", 400},
		{"GET", "/v1/proc/43/_stdout", "", 404},
		{"GET", "/v1/proc/web.7/_stdout", "", 404},
		{"GET", "/v1/proc/web/_stdout", "", 400},
		{"GET", "/v1/proc/web.1/_health", "", 404},
		{"POST", "/v1/proc/web.1/_kill", "", 404},
		{"GET", "/v1/proc/x/_stderr", "", 400},
		{"GET", "/v1/proc/42/_stdout?tail=-1", "", 400},
		{"GET", "/v1/proc/42/_stdout?tail=many", "", 400},
		{"GET", "/v1/proc/42/_stdout?offset=-1", "", 400},
		{"GET", "/v1/proc/42/_stdout?follow=2", "", 400},
	}
	for _, tc := range cases {
		w := ask(h, tc.method, tc.path, tc.body)
		p := decode[rest.Problem](t, w, tc.status)
		if p.Status != tc.status || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %+v %v", tc.method, tc.path, p, w.Header())
		}
	}
	if len(sv.killed) > 0 {
		t.Errorf("signals were sent: %v", sv.killed)
	}
	r := httptest.NewRequest("POST", "http://localhost/v1/proc/42/_kill", nil)
	r.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 403 || len(sv.killed) > 0 {
		t.Error("a page of another site can kill:", w.Code)
	}
	r = httptest.NewRequest("GET", "http://evil.example/v1/node", nil)
	w = httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 403 {
		t.Error("a foreign host name is served:", w.Code)
	}
}

func TestKill(t *testing.T) {
	sv := &fakeSupervisor{}
	h := Handler(sv, nil, Options{})
	for _, body := range []string{"", " \n", `{"signal": 15}`, `{"pid": 42, "signal": 1}`} {
		if w := ask(h, "POST", "/v1/proc/42/_kill", body); w.Code != 202 {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	if want := []int{42, 9, 42, 9, 42, 15, 42, 1}; !slices.Equal(sv.killed, want) {
		t.Errorf("%v, want %v", sv.killed, want)
	}
	sv.killErr = errors.New("the kernel refused")
	if w := ask(h, "POST", "/v1/proc/42/_kill", ""); w.Code != 500 {
		t.Error(w.Code)
	}
}

// An instance is named as in its manifest, too, and has no process (pid 0) while it waits for its next start.
func TestInstanceByName(t *testing.T) {
	h := Handler(&fakeSupervisor{dir: t.TempDir()}, nil, Options{Secure: rest.SecureOptions{Loopback: true}})
	for name, pid := range map[string]int{"web.0": 42, "web.1": 0} {
		if p := decode[state.Proc](t, ask(h, "GET", "/v1/proc/"+name, ""), 200); p.Instance != "n1/"+name || p.PID != pid {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if w := ask(h, "GET", "/v1/proc/web.0/_health", ""); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
	if w := ask(h, "POST", "/v1/proc/web.0/_kill", `{"signal": 15}`); w.Code != 202 || !strings.Contains(w.Body.String(), `"pid": 42`) {
		t.Error(w.Code, w.Body)
	}
}

func TestOutput(t *testing.T) {
	dir := t.TempDir()
	h := Handler(&fakeSupervisor{dir: dir}, nil, Options{})
	if w := ask(h, "GET", "/v1/proc/42/_stdout", ""); w.Code != 200 || w.Body.Len() > 0 {
		t.Error("no output yet:", w.Code, w.Body)
	}
	write(t, filepath.Join(dir, "stdout.log"), strings.Repeat("old\n", 300)+"last\n")
	write(t, filepath.Join(dir, "stderr.log"), "oops\n")
	w := ask(h, "GET", "/v1/proc/42/_stdout", "")
	if n := strings.Count(w.Body.String(), "\n"); n != 200 || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d lines, %v", n, w.Header())
	}
	if w := ask(h, "GET", "/v1/proc/42/_stdout?tail=1", ""); w.Body.String() != "last\n" {
		t.Errorf("%q", w.Body)
	}
	if w := ask(h, "GET", "/v1/proc/42/_stderr?follow=false", ""); w.Body.String() != "oops\n" {
		t.Errorf("%q", w.Body)
	}
	if w := ask(h, "GET", "/v1/proc/web.1/_stderr", ""); w.Body.String() != "oops\n" {
		t.Errorf("of an instance that has no process: %q", w.Body)
	}
	for query, want := range map[string]struct{ offsets, text string }{
		"tail=1":              {"1200-1205", "last\n"},
		"offset=1196":         {"1196-1205", "old\nlast\n"},
		"offset=1205&tail=10": {"1205-1205", ""},
		"offset=0&limit=6":    {"0-6", "old\nol"},
		"offset=1200&limit=9": {"1200-1205", "last\n"},
	} {
		w := ask(h, "GET", "/v1/proc/42/_stdout?"+query, "")
		if w.Header().Get("Stathub-Log-Offset") != want.offsets || w.Body.String() != want.text {
			t.Errorf("%s: %q, %v", query, w.Body, w.Header())
		}
	}
	if w := ask(h, "HEAD", "/v1/proc/42/_stdout?follow=true", ""); w.Code != 200 || w.Body.Len() > 0 {
		t.Error(w.Code, w.Body)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// TestFollow streams over TCP, past every time limit of the server, to two clients; one leaves, the other is ended by Stop.
func TestFollow(t *testing.T) {
	dir, stop := t.TempDir(), make(chan struct{})
	path := filepath.Join(dir, "stdout.log")
	h := Handler(&fakeSupervisor{dir: dir}, nil, Options{Secure: rest.SecureOptions{Loopback: true}, Stop: stop})
	server := httptest.NewUnstartedServer(h)
	server.Config.ReadTimeout, server.Config.WriteTimeout = time.Second, time.Second // a busy machine takes its time to ask
	server.Start()
	defer server.Close()
	open := func(ctx context.Context) *bufio.Reader {
		req, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/v1/proc/42/_stdout?tail=1&follow=true", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return bufio.NewReader(resp.Body)
	}
	leaves, cancel := context.WithCancel(t.Context())
	defer cancel()
	a, b := open(leaves), open(t.Context())
	want := func(r *bufio.Reader, line string) {
		t.Helper()
		if got, err := r.ReadString('\n'); err != nil || got != line {
			t.Fatalf("%q, %v; want %q", got, err, line)
		}
	}
	write(t, path, "first\n")
	want(a, "first\n")
	want(b, "first\n")
	began := time.Now()
	for time.Since(began) < 2500*time.Millisecond { // more than twice the limits of the server
		write(t, path, "more\n")
		want(a, "more\n")
		want(b, "more\n")
	}
	quiet := time.NewTimer(200 * time.Millisecond)
	<-quiet.C
	write(t, path, "after a silence\n")
	want(a, "after a silence\n")
	want(b, "after a silence\n")
	cancel()
	write(t, path, "still\n")
	want(b, "still\n")
	close(stop)
	if text, err := io.ReadAll(b); err != nil || len(text) > 0 {
		t.Fatalf("%q, %v", text, err)
	}
}

func TestHealthOfAProcess(t *testing.T) {
	sv := &fakeSupervisor{}
	h := Handler(sv, nil, Options{Secure: rest.SecureOptions{Loopback: true}})
	checks := decode[[]health.Status](t, ask(h, "GET", "/v1/proc/42/_health", ""), 200)
	if len(checks) != 1 || checks[0].Target != "127.0.0.1:8080" || checks[0].Health != state.HealthHealthy || checks[0].MaxFailures != 3 {
		t.Errorf("%+v", checks)
	}
	sv.noApps = true
	if body := ask(h, "GET", "/v1/proc/42/_health", "").Body.String(); strings.TrimSpace(body) != "[]" {
		t.Errorf("without checks: %s", body)
	}
}
