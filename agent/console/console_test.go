package console

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stathub/agent/crash"
	"stathub/agent/standalone"
	"stathub/state"
	"stathub/state/circuit"
	"stathub/state/guard"
	"stathub/state/memstore"
	"stathub/web/live"
)

const evil = "<script>alert(1)</script>"

// machine is a node with an app "web" of one instance, whose texts are hostile.
type machine struct{}

func (machine) Report() state.Report {
	return state.Report{
		Node: "n1", AgentVersion: "1", Errors: []string{"the disk is full " + evil}, Tags: state.Tags{"rack1"},
		Facts:     state.Facts{Hostname: "host", AgentAddress: "http://127.0.0.1:1"},
		Instances: []state.Instance{{ID: "n1/web.0", App: "web", PID: 7, State: state.Backoff, Reason: evil, Ports: []int{8080}}},
	}
}

func (machine) Manifest() (*state.Manifest, state.ManifestStatus) {
	return &state.Manifest{Node: "n1", Envs: state.Envs{"A": evil}, Apps: []state.ManifestEntry{
		{App: state.App{Name: "web", ToProcess: "run " + evil, KillSignal: 15, Start: true}, Count: 1}}}, state.ManifestStatus{}
}

func (machine) Events(int) []state.Event {
	return []state.Event{{ID: "1", At: time.Unix(0, 0), Kind: "instance.exit", App: "web", Instance: "n1/web.0", Message: evil}}
}

func (machine) Crashes() []crash.Kept {
	return []crash.Kept{{Name: "web.0-20260102T030405Z.txt", App: "web", Instance: "n1/web.0", Bytes: 1}}
}

func serve(t *testing.T, o Options) *httptest.Server {
	t.Helper()
	o.Supervisor, o.Node, o.Manifest, o.Live, o.Stop = machine{}, "n1", "manifests/n1.json", &live.Hub{}, make(chan struct{})
	o.Stores, o.Measured = func() []guard.State { return nil }, true
	srv := httptest.NewServer(Handler(o))
	t.Cleanup(srv.Close)
	return srv
}

func get(t *testing.T, url, lang string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Language", lang)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	if _, err := bufio.NewReader(resp.Body).WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

func TestPages(t *testing.T) {
	store := memstore.New()
	m, _ := machine{}.Manifest()
	if _, err := state.Write(t.Context(), store, state.KindManifest.Key("n1"), state.Encode(m), state.Condition{}); err != nil {
		t.Fatal(err)
	}
	alone := serve(t, Options{Editor: standalone.New(store, "n1", machine{})})
	led := serve(t, Options{Master: "http://master:51026"})
	for _, tt := range []struct {
		name, url string
		want      []string
		not       string
	}{
		{"standalone", alone.URL + "/", []string{`href="/new"`, `data-send="POST /v1/app/web/_stop"`, `href="/procs/web.0"`, `data-send="PUT /v1/node/tag"`, "the disk is full", `href="/v1/crash/web.0-20260102T030405Z.txt"`, "/v1/stat/cpu"}, "http://master"},
		{"with a master", led.URL + "/", []string{`href="http://master:51026"`, `href="/procs/web.0"`, "rack1"}, `data-send="P`},
		{"an app", alone.URL + "/apps/web", []string{`data-send="DELETE /v1/app/web"`, `data-type="web"`, `href="/apps/web/edit"`}, "http://master"},
		{"an app of a master", led.URL + "/apps/web", []string{`href="http://master:51026/apps/web"`}, `data-send=`},
		{"to edit", alone.URL + "/apps/web/edit", []string{`data-edit="app"`, `data-still`, `data-api="/v1/app/web"`}, "data-send="},
		{"a new one", alone.URL + "/new", []string{`data-api="/v1/app"`, `toProcess`}, "data-send="},
		{"how many", alone.URL + "/apps/web/choreo", []string{`data-api="/v1/app/web/choreo"`}, "data-send="},
		{"an instance", alone.URL + "/procs/web.0", []string{`/v1/proc/web.0`}, "/v1/node/n1"},
		{"help", led.URL + "/help", []string{`href="/help/`}, "data-send="},
		{"events", led.URL + "/events", []string{`href="/procs/web.0"`}, "data-send="},
	} {
		for _, lang := range []string{"en", "zh-CN"} {
			status, body := get(t, tt.url, lang)
			if status != 200 || strings.Contains(body, evil) || strings.Contains(body, tt.not) {
				t.Errorf("%s, in %s: status %d, or it has what it should not:\n%s", tt.name, lang, status, body)
			}
			for _, want := range tt.want {
				if !strings.Contains(body, want) {
					t.Errorf("%s, in %s: no %q", tt.name, lang, want)
				}
			}
		}
	}
	for _, url := range []string{led.URL + "/new", led.URL + "/apps/web/edit", alone.URL + "/apps/none", alone.URL + "/procs/none.0", alone.URL + "/nothing"} {
		if status, _ := get(t, url, "en"); status != 404 {
			t.Errorf("GET %s: status %d", url, status)
		}
	}
}

func TestNothingYet(t *testing.T) {
	var none empty
	h := Handler(Options{Supervisor: none, Node: "n1", Live: &live.Hub{}, Stores: func() []guard.State { return []guard.State{{State: circuit.State{Open: true, Err: "no route"}}} }})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "no route") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// empty is an agent that has never had a manifest.
type empty struct{ machine }

func (empty) Report() state.Report                              { return state.Report{Node: "n1"} }
func (empty) Manifest() (*state.Manifest, state.ManifestStatus) { return nil, state.ManifestStatus{} }
