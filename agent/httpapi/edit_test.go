package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"stathub/agent/standalone"
	"stathub/state"
	"stathub/state/memstore"
	"stathub/web/rest"
)

// follower is a supervisor that follows the manifest in a store, at once, and whose processes do so too.
type follower struct {
	fakeSupervisor
	store state.Store

	seen sync.Mutex
	last *state.Manifest
	told state.ManifestStatus
}

func (f *follower) Manifest() (*state.Manifest, state.ManifestStatus) {
	f.seen.Lock()
	defer f.seen.Unlock()
	data, entry, err := state.Read(context.Background(), f.store, "manifests/n1.json", "", state.MaxDocument)
	if err == nil {
		m, err := state.Decode[state.Manifest]("manifests/n1.json", data)
		if f.told.Error = ""; err != nil {
			f.told.Error = err.Error()
		} else {
			f.last, f.told.ETag = m, entry.ETag
		}
	}
	return f.last, f.told
}

func (f *follower) Report() state.Report {
	r := f.fakeSupervisor.Report()
	m, status := f.Manifest()
	if r.Instances, r.Manifest = nil, status; m == nil {
		return r
	}
	for i, e := range m.Apps {
		for n := range e.Count {
			one := state.Instance{ID: state.InstanceID("n1", e.App.Name, n), App: e.App.Name, N: n, State: state.Stopped}
			if e.App.Start {
				one.State, one.PID = state.Running, 100*(i+1)+n
			}
			r.Instances = append(r.Instances, one)
		}
	}
	return r
}

func alone(t *testing.T) (http.Handler, state.Store) {
	t.Helper()
	store := memstore.New()
	sv := &follower{fakeSupervisor: fakeSupervisor{dir: t.TempDir()}, store: store}
	return Handler(sv, nil, Options{Secure: rest.SecureOptions{Loopback: true}, Editor: standalone.New(store, "n1", sv)}), store
}

// shown is what the tests look at in an app as the API gives it.
type shown struct {
	Args   []string        `json:"args"`
	Status state.AppStatus `json:"status"`
}

func wantApp(t *testing.T, w *httptest.ResponseRecorder, status int, summary string) shown {
	t.Helper()
	got := decode[shown](t, w, status)
	if text := fmt.Sprintf("%s %d/%d", got.Status.State, got.Status.Running, got.Status.Wanted); text != summary {
		t.Errorf("the app is %s, want %s", text, summary)
	}
	return got
}

func TestAppsOfAStandaloneAgent(t *testing.T) {
	h, store := alone(t)
	w := ask(h, "POST", "/v1/app", `{"name": "web", "toProcess": "./web"}`)
	wantApp(t, w, 201, "stopped 0/1") // as on a master: an app runs once it is started
	if w.Header().Get("Location") != "/v1/app/web" || w.Header().Get("ETag") == "" {
		t.Error(w.Header())
	}
	wantApp(t, ask(h, "POST", "/v1/app/web/_start", ""), 200, "running 1/1")
	if n := decode[state.Choreo](t, ask(h, "POST", "/v1/app/web/_scale", "3\n"), 200); n.Scale != 3 || n.Dist[0].Count != 3 {
		t.Errorf("%+v", n)
	}
	w = ask(h, "GET", "/v1/app/web", "")
	wantApp(t, w, 200, "running 3/3")
	// What was read can be sent back, status and all.
	edited := strings.Replace(w.Body.String(), `"args": []`, `"args": ["-v"]`, 1)
	if got := wantApp(t, askIf(h, "PUT", "/v1/app/web", edited, w.Header().Get("ETag")), 200, "running 3/3"); !slices.Equal(got.Args, []string{"-v"}) {
		t.Errorf("%+v", got)
	}
	if w := askIf(h, "PUT", "/v1/app/web", edited, w.Header().Get("ETag")); w.Code != 412 {
		t.Errorf("a stale edit: %d %s", w.Code, w.Body)
	}
	wantApp(t, ask(h, "PUT", "/v1/app/web", `{"toProcess": "./other"}`), 200, "running 3/3") // says nothing of start
	wantApp(t, ask(h, "POST", "/v1/app/web/_restart", ""), 200, "running 3/3")
	wantApp(t, ask(h, "POST", "/v1/app/web/_stop", ""), 200, "stopped 0/3")
	if body := ask(h, "GET", "/v1/app", "").Body.String(); !strings.Contains(body, `"web"`) {
		t.Errorf("a stopped app is not listed: %s", body)
	}
	if body := ask(h, "GET", "/v1/app/web/_scale", "").Body.String(); body != "3\n" {
		t.Errorf("a stopped app has scale %s", body)
	}
	wantApp(t, ask(h, "PUT", "/v1/app/new", `{"toProcess": "x", "start": true}`), 201, "running 1/1")
	short := decode[[]map[string]any](t, ask(h, "GET", "/v1/app/new/proc", ""), 200)
	if len(short) != 1 || len(short[0]) != 3 || short[0]["app"] != "new" {
		t.Errorf("%v", short)
	}
	if all := decode[[]state.Proc](t, ask(h, "GET", "/v1/app/web/proc?full=true", ""), 200); len(all) != 3 || all[0].State != state.Stopped {
		t.Errorf("%+v", all)
	}
	job := `{"app": "new", "query": "*", "scale": 1, "schedule": {"cron": "@daily"}}`
	if ch := decode[state.Choreo](t, ask(h, "PUT", "/v1/app/new/choreo", job), 200); ch.Schedule.Cron != "@daily" {
		t.Errorf("%+v", ch)
	}
	if ch := decode[state.Choreo](t, ask(h, "PUT", "/v1/app/new/choreo", `{"schedule": {"cron": "@hourly"}}`), 200); ch.Scale != 1 || ch.Schedule.Cron != "@hourly" {
		t.Errorf("without a scale it is %+v", ch)
	}
	if w := ask(h, "DELETE", "/v1/app/web", ""); w.Code != 204 {
		t.Error(w.Code, w.Body)
	}
	if w := ask(h, "DELETE", "/v1/app/web", ""); w.Code != 404 {
		t.Error(w.Code, w.Body)
	}
	data, _, err := state.Read(t.Context(), store, "manifests/n1.json", "", state.MaxDocument)
	if err != nil || strings.Contains(string(data), `"web"`) || strings.Contains(string(data), `"status"`) {
		t.Errorf("left is %s, %v", data, err)
	}
}

func askIf(h http.Handler, method, target, body, etag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+target, strings.NewReader(body))
	r.Header.Set("If-Match", etag)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestNodeAndManifestOfAStandaloneAgent(t *testing.T) {
	h, _ := alone(t)
	for path, body := range map[string]string{"/v1/node/tag": `["hdd", "old"]`, "/v1/node/env": `{"ZONE": "b"}`} {
		before := ask(h, "GET", path, "")
		if w := askIf(h, "PUT", path, body, before.Header().Get("ETag")); w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w := askIf(h, "PUT", path, body, before.Header().Get("ETag")); w.Code != 412 {
			t.Errorf("%s, stale: %d %s", path, w.Code, w.Body)
		}
	}
	if n := decode[state.Node](t, ask(h, "GET", "/v1/node", ""), 200); !slices.Equal(n.Tags, []string{"hdd", "old"}) || n.Envs["ZONE"] != "b" {
		t.Errorf("%+v", n)
	}
	w := ask(h, "GET", "/v1/manifest", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"status"`) {
		t.Fatal(w.Code, w.Body)
	}
	// What was read can be sent back.
	next := strings.Replace(w.Body.String(), `"apps": []`, `"apps": [{"app": {"name": "a", "toProcess": "x"}}]`, 1)
	if again := askIf(h, "PUT", "/v1/manifest", next, w.Header().Get("ETag")); again.Code != 200 || strings.Contains(again.Body.String(), "unknown") {
		t.Error(again.Code, again.Body)
	}
	if again := askIf(h, "PUT", "/v1/manifest", next, w.Header().Get("ETag")); again.Code != 412 {
		t.Error(again.Code, again.Body)
	}
	wantApp(t, ask(h, "GET", "/v1/app/a", ""), 200, "running 1/1")
}

func TestBadEdits(t *testing.T) {
	h, store := alone(t)
	ask(h, "PUT", "/v1/app/web", `{"toProcess": "x", "start": true}`)
	before, _, _ := state.Read(t.Context(), store, "manifests/n1.json", "", state.MaxDocument)
	for _, tc := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/v1/app", "{\"name\": \"a\",\n \"toProces\": \"x\"}", 400, `line 2 column 2: toProces: unknown field "toProces": did you mean "toProcess"?`},
		{"POST", "/v1/app", `{"name": "a"`, 400, "line 1"},
		{"POST", "/v1/app", `{"name": "a"}`, 422, "toProcess"},
		{"POST", "/v1/app", `{"name": "../a", "toProcess": "x"}`, 422, "name"},
		{"POST", "/v1/app", `{"name": "web", "toProcess": "x"}`, 409, `"web"`},
		{"POST", "/v1/app", strings.Repeat(" ", rest.MaxEdit+1), 413, "larger"},
		{"PUT", "/v1/app/web", `{"name": "other", "toProcess": "x"}`, 422, "other"},
		{"PUT", "/v1/app/a%20b", `{"toProcess": "x"}`, 400, "a b"},
		{"POST", "/v1/app/none/_start", "", 404, "none"},
		{"POST", "/v1/app/none/_stop", "", 404, "none"},
		{"POST", "/v1/app/none/_restart", "", 404, "none"},
		{"POST", "/v1/app/none/_scale", "1", 404, "none"},
		{"POST", "/v1/app/web/_scale", "many", 400, "number"},
		{"POST", "/v1/app/web/_scale", "-1", 422, "-1"},
		{"POST", "/v1/app/web/_scale", "100001", 422, "100000"},
		{"PUT", "/v1/app/web/choreo", `{"query": "ssd", "scale": 1}`, 422, "query"},
		{"PUT", "/v1/app/web/choreo", `{"scal": 1}`, 400, `"scale"`},
		{"PUT", "/v1/app/none/choreo", `{"scale": 1}`, 404, "none"},
		{"GET", "/v1/app/none/choreo", "", 404, "none"},
		{"GET", "/v1/app/none/_scale", "", 404, "none"},
		{"GET", "/v1/app/none/proc", "", 404, "none"},
		{"PUT", "/v1/node/tag", `["a", "a"]`, 422, "twice"},
		{"PUT", "/v1/node/tag", `{}`, 400, "list"},
		{"PUT", "/v1/node/env", `{"STATHUB_X": "1"}`, 422, "STATHUB_"},
		{"PUT", "/v1/manifest", `{}`, 422, "apps"},
		{"PUT", "/v1/manifest", `{"apps": [{"ap": 1}]}`, 400, `did you mean "app"?`},
		{"PUT", "/v1/manifest", `{"node": "n2", "apps": []}`, 422, "n2"},
		{"POST", "/v1/manifest", `{}`, 405, "not possible"},
	} {
		p := decode[rest.Problem](t, ask(h, tc.method, tc.path, tc.body), tc.status)
		if !strings.Contains(p.Detail, tc.says) {
			t.Errorf("%s %s %.50s: %q does not say %q", tc.method, tc.path, tc.body, p.Detail, tc.says)
		}
	}
	if after, _, _ := state.Read(t.Context(), store, "manifests/n1.json", "", state.MaxDocument); string(after) != string(before) {
		t.Errorf("the manifest became %s", after)
	}
	for _, origin := range []string{"https://evil.example", "null", "http://localhost:1"} {
		r := httptest.NewRequest("POST", "http://localhost/v1/app/web/_stop", nil)
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 403 {
			t.Errorf("a page of %s can stop: %d", origin, w.Code)
		}
	}
}

// The place of a mistake in the file is told to whoever edits through the API, and reads go on with the last good manifest.
func TestEditOverABrokenFile(t *testing.T) {
	h, store := alone(t)
	ask(h, "PUT", "/v1/app/web", `{"toProcess": "x", "start": true}`)
	wantApp(t, ask(h, "GET", "/v1/app/web", ""), 200, "running 1/1")
	broken := "{\"apps\": [\n  {\"app\": {\"name\" \"web\"}}]}"
	if _, err := state.Write(t.Context(), store, "manifests/n1.json", []byte(broken), state.Condition{}); err != nil {
		t.Fatal(err)
	}
	p := decode[rest.Problem](t, ask(h, "POST", "/v1/app/web/_stop", ""), 422)
	if len(p.Errors) != 1 || p.Errors[0].Line != 2 || p.Errors[0].Column == 0 || !strings.Contains(p.Detail, "manifests/n1.json") {
		t.Errorf("%+v", p)
	}
	wantApp(t, ask(h, "GET", "/v1/app/web", ""), 200, "running 1/1")
	if w := ask(h, "GET", "/v1/manifest", ""); w.Code != 200 || w.Header().Get("ETag") != "" || !strings.Contains(w.Body.String(), "line 2") {
		t.Error(w.Code, w.Header(), w.Body)
	}
	if data, _, _ := state.Read(t.Context(), store, "manifests/n1.json", "", state.MaxDocument); string(data) != broken {
		t.Errorf("the file became %s", data)
	}
}

// An agent with a master, or on a shared bucket, says where edits belong.
func TestEditsBelongToTheMaster(t *testing.T) {
	for master, says := range map[string][2]string{
		"http://m:51026/": {"PUT http://m:51026/v1/node/n1/tag", "POST http://m:51026/v1/app/web/_stop"},
		"":                {"manifests/n1.json", "bucket"},
	} {
		h := Handler(&fakeSupervisor{}, nil, Options{Secure: rest.SecureOptions{Loopback: true}, Master: master})
		for i, p := range []rest.Problem{
			decode[rest.Problem](t, ask(h, "PUT", "/v1/node/tag", `[]`), 403),
			decode[rest.Problem](t, ask(h, "POST", "/v1/app/web/_stop", ""), 403),
		} {
			if !strings.Contains(p.Detail, says[i]) {
				t.Errorf("%q does not say %q", p.Detail, says[i])
			}
		}
		for path, method := range map[string]string{
			"/v1/app": "POST", "/v1/app/web": "PUT", "/v1/app/web/_scale": "POST", "/v1/app/web/choreo": "PUT", "/v1/node/env": "PUT", "/v1/manifest": "PUT",
		} {
			if w := ask(h, method, path, "{}"); w.Code != 403 {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
}
