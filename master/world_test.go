package master

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/state"
	"stathub/state/memstore"
	"stathub/web/rest"
)

// running is a whole master over a bucket in memory.
type running struct {
	t     testing.TB
	store *memstore.Store
	url   string
	stop  func() error
}

func start(t testing.TB, store *memstore.Store) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	addr, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{
			MasterName: "master", Store: store, StateURL: "mem://", Poll: 100 * time.Millisecond, NodeTimeout: 35 * time.Second,
			Log: slog.New(slog.DiscardHandler), Started: func(a net.Addr) { addr <- a },
		})
	}()
	r := &running{t: t, store: store, stop: func() error { cancel(); return <-ended }}
	t.Cleanup(cancel)
	select {
	case a := <-addr:
		r.url = "http://" + a.String()
	case err := <-ended:
		t.Fatal(err)
	}
	return r
}

// startReady waits until the master has read the bucket.
func startReady(t testing.TB, store *memstore.Store) *running {
	t.Helper()
	r := start(t, store)
	r.until("ready", func() bool { return r.do("GET", "/readyz", "").status == http.StatusOK })
	return r
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers are pairs.
func (r *running) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(data)}
}

// want is do with the status that must come back. Errors must be problem JSON.
func (r *running) want(status int, method, path, body string, headers ...string) answer {
	r.t.Helper()
	a := r.do(method, path, body, headers...)
	if a.status != status {
		r.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.body)
	}
	if status >= 400 {
		var p rest.Problem
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Status != status || p.Title == "" || p.Detail == "" ||
			a.header.Get("Content-Type") != "application/problem+json" {
			r.t.Fatalf("%s %s: not a problem document: %s", method, path, a.body)
		}
	}
	return a
}

func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v, json.MatchCaseInsensitiveNames(true)); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
}

// until polls a condition.
func (r *running) until(what string, condition func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			r.t.Fatalf("not %s within 10 s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (r *running) put(key, text string) {
	r.t.Helper()
	if _, err := state.Write(r.t.Context(), r.store, key, []byte(text), state.Condition{}); err != nil {
		r.t.Fatal(err)
	}
}

// agent puts report and heartbeat of a node into the bucket, and gives the agent's own API, which answers with the
// request's path and query.
func (r *running) agent(id string, instances ...state.Instance) *httptest.Server {
	r.t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, req.Method+" "+req.URL.RequestURI()+" "+string(body)+req.Header.Get("Cookie"))
		if req.URL.Query().Get("follow") == "true" {
			http.NewResponseController(w).Flush()
			<-req.Context().Done()
		}
	}))
	r.t.Cleanup(api.Close)
	report := state.Report{Node: id, Facts: seedFacts(r.t, api.URL), Tags: []string{"ssd"}, Instances: instances}
	report.Facts.Hostname = "host-" + id
	r.put(state.KindHeartbeat.Key(id), time.Now().String())
	r.put(state.KindReport.Key(id), string(state.Encode(&report)))
	r.until("node "+id+" up", func() bool {
		return strings.Contains(r.do("GET", "/v1/node/"+id, "").body, `"state": "up"`)
	})
	return api
}
