package master

import (
	"errors"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"stathub/state"
	"stathub/state/memstore"
)

func seed(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func seedFacts(t testing.TB, address string) state.Facts {
	t.Helper()
	n, err := state.Decode[state.Node]("nodes/seed.json", []byte(seed(t, "seed-node.json")))
	if err != nil {
		t.Fatal(err)
	}
	n.AgentAddress = address
	return n.Facts
}

// wantMembers fails unless got has every member of want with an equal value.
func wantMembers(t *testing.T, want, got string) {
	t.Helper()
	var w, g map[string]any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatal(err)
	}
	for name := range w {
		if !reflect.DeepEqual(w[name], g[name]) {
			t.Errorf("%s: %v came back as %v", name, w[name], g[name])
		}
	}
}

func TestSeedAppRoundTrip(t *testing.T) {
	r := startReady(t, memstore.New())
	app := seed(t, "seed-app.json")
	a := r.want(http.StatusCreated, "POST", "/v1/app", app)
	if a.header.Get("Location") != "/v1/app/http_server" || a.header.Get("ETag") == "" {
		t.Errorf("headers %v", a.header)
	}
	got := r.want(http.StatusOK, "GET", "/v1/app/http_server", "")
	wantMembers(t, app, got.body)
	// What was read can be sent back as it is.
	again := r.want(http.StatusOK, "PUT", "/v1/app/http_server", got.body, "If-Match", got.header.Get("ETag"))
	wantMembers(t, app, again.body)
	if again.header.Get("ETag") != got.header.Get("ETag") {
		t.Error("sending the same document back changed it")
	}
	r.want(http.StatusConflict, "POST", "/v1/app", app)
}

func TestAppEdits(t *testing.T) {
	r := startReady(t, memstore.New())
	app := seed(t, "seed-app.json")
	r.want(http.StatusNotFound, "GET", "/v1/app/http_server", "")
	r.want(http.StatusCreated, "PUT", "/v1/app/http_server", app)
	r.want(http.StatusConflict, "PUT", "/v1/app/http_server", app, "If-None-Match", "*")
	r.want(http.StatusPreconditionFailed, "PUT", "/v1/app/http_server", app, "If-Match", `"old"`)
	r.want(http.StatusPreconditionFailed, "DELETE", "/v1/app/http_server", "", "If-Match", `"old"`)

	r.want(http.StatusOK, "POST", "/v1/app/http_server/_start", "")
	a := r.want(http.StatusOK, "PUT", "/v1/app/http_server", app)
	if !strings.Contains(a.body, `"start": true`) {
		t.Error("a body without start stopped the app")
	}
	first := r.want(http.StatusOK, "POST", "/v1/app/http_server/_restart", "")
	second := r.want(http.StatusOK, "PUT", "/v1/app/http_server", app)
	if !strings.Contains(first.body, `"restartToken"`) || !strings.Contains(second.body, `"restartToken"`) {
		t.Error("the restart token got lost")
	}
	a = r.want(http.StatusOK, "POST", "/v1/app/http_server/_stop", "")
	if !strings.Contains(a.body, `"start": false`) {
		t.Error("stop did not stop")
	}
	for _, verb := range []string{"_start", "_stop", "_restart"} {
		r.want(http.StatusNotFound, "POST", "/v1/app/none/"+verb, "")
	}
	if got := r.want(http.StatusOK, "GET", "/v1/app", "").body; got != "[\n  \"http_server\"\n]\n" {
		t.Errorf("names: %s", got)
	}
	var full []map[string]any
	r.want(http.StatusOK, "GET", "/v1/app?full=true", "").into(t, &full)
	if len(full) != 1 || full[0]["toProcess"] != "python" || full[0]["status"] == nil {
		t.Errorf("full list: %v", full)
	}
	r.want(http.StatusBadRequest, "GET", "/v1/app?full=perhaps", "")
	r.want(http.StatusNotFound, "DELETE", "/v1/app/none", "")
	r.want(http.StatusNoContent, "DELETE", "/v1/app/http_server", "")
	r.want(http.StatusNotFound, "GET", "/v1/app/http_server", "")
}

func TestBadAppBodies(t *testing.T) {
	r := startReady(t, memstore.New())
	r.want(http.StatusCreated, "POST", "/v1/app", seed(t, "seed-app.json"))
	for _, c := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"empty", "", 400, "empty"},
		{"truncated", `{"name": "x"`, 400, "too early"},
		{"unknown member", "{\n  \"name\": \"x\",\n  \"toProces\": \"y\"\n}", 400, `did you mean \"toProcess\"?`},
		{"wrong type", `{"name": "x", "toProcess": "y", "ports": "80"}`, 400, "must be a list"},
		{"no program", `{"name": "x"}`, 422, "must name the program"},
		{"bad name", `{"name": "../x", "toProcess": "y"}`, 422, "a name is"},
		{"a rule", `{"name": "x", "toProcess": "y", "ports": [70000]}`, 422, "ports[0]"},
		{"too large", `{"name": "x", "toProcess": "` + strings.Repeat("y", 1<<20) + `"}`, 413, "larger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			if a := r.want(c.status, "POST", "/v1/app", c.body); !strings.Contains(a.body, c.says) {
				t.Errorf("says %s", a.body)
			}
			if a := r.want(c.status, "PUT", "/v1/app/x", c.body); !strings.Contains(a.body, c.says) && c.name != "bad name" {
				t.Errorf("PUT says %s", a.body)
			}
		})
	}
	r.t = t
	r.want(http.StatusUnprocessableEntity, "PUT", "/v1/app/other", seed(t, "seed-app.json"))
	a := r.want(400, "POST", "/v1/app", "{\n  \"status\": {\"x\": [1,\n 2]},\n  \"nmae\": \"x\"\n}")
	if !strings.Contains(a.body, `"line": 4`) || !strings.Contains(a.body, `"column": 3`) {
		t.Errorf("the place of the error is wrong: %s", a.body)
	}
}

func TestChoreo(t *testing.T) {
	r := startReady(t, memstore.New())
	r.want(http.StatusCreated, "POST", "/v1/app", seed(t, "seed-app.json"))
	const app = "/v1/app/http_server"
	r.want(http.StatusNotFound, "GET", app+"/choreo", "")
	if got := r.want(200, "GET", app+"/_scale", "").body; got != "0\n" {
		t.Errorf("scale without choreo %q", got)
	}
	var ch state.Choreo
	r.want(200, "POST", app+"/_scale", " 5\n").into(t, &ch)
	if ch.Scale != 5 || ch.Query != "*" || ch.App != "http_server" {
		t.Errorf("choreo %+v", ch)
	}
	r.want(200, "POST", app+"/_query", "tags:ssd").into(t, &ch)
	if got := r.want(200, "GET", app+"/_query", "").body; got != "tags:ssd\n" {
		t.Errorf("query %q", got)
	}
	if got := r.want(200, "GET", app+"/_scale", "").body; got != "5\n" {
		t.Errorf("scale %q", got)
	}
	for body, status := range map[string]int{"five": 400, "": 400, "1.5": 400, "-1": 422, "99999999": 422} {
		r.want(status, "POST", app+"/_scale", body)
	}
	a := r.want(400, "POST", app+"/_query", "tags:(ssd")
	if !strings.Contains(a.body, `"column":`) {
		t.Errorf("a bad query: %s", a.body)
	}
	r.want(404, "POST", "/v1/app/none/_scale", "1")
	r.want(400, "POST", app+"/_query", "\xff\xfe")
	r.want(404, "POST", "/v1/app/none/_query", "*")
	r.want(404, "GET", "/v1/app/none/_scale", "")
	r.want(404, "GET", "/v1/app/none/choreo", "")
	r.want(404, "PUT", "/v1/app/none/choreo", `{"scale": 1}`)
	got := r.want(200, "GET", app+"/choreo", "")
	etag := got.header.Get("ETag")
	r.want(200, "PUT", app+"/choreo", got.body, "If-Match", etag)
	r.want(200, "PUT", app+"/choreo", `{"scale": 2, "dist": [{"node": "x", "count": 1}]}`, "If-Match", etag)
	r.want(412, "PUT", app+"/choreo", got.body, "If-Match", etag)
	r.want(400, "PUT", app+"/choreo", `{"scael": 2}`)
	r.want(400, "PUT", app+"/choreo", `{"query": "("}`)
	r.want(422, "PUT", app+"/choreo", `{"app": "other"}`)
	if data := r.want(200, "GET", "/v1/bucket/choreos/http_server.json", "").body; strings.Contains(data, "dist") {
		t.Errorf("dist was stored: %s", data)
	}
	var all []state.Choreo
	r.want(200, "GET", "/v1/choreo", "").into(t, &all)
	if len(all) != 1 || all[0].Scale != 2 {
		t.Errorf("choreos %+v", all)
	}
}

func TestDeployedApp(t *testing.T) {
	r := startReady(t, memstore.New())
	inst := state.Instance{ID: "n1/http_server.0", App: "http_server", State: state.Running, PID: 4711, Ports: []int{8080}, Health: state.HealthHealthy}
	waiting := state.Instance{ID: "n1/http_server.1", App: "http_server", N: 1, State: state.Backoff, Reason: "port 80 is in use"}
	r.want(201, "POST", "/v1/app", seed(t, "seed-app.json"))
	r.agent("n1", inst, waiting)
	r.want(200, "POST", "/v1/app/http_server/_scale", "2")
	r.want(200, "POST", "/v1/app/http_server/_start", "")
	r.until("placed", func() bool { return r.do("GET", "/v1/node/n1/manifest", "").status == 200 })
	var app struct {
		Status struct {
			State                            string
			Wanted, Placed, Running, Healthy int
			Reasons                          []struct{ Message string }
		}
	}
	r.until("planned", func() bool {
		r.want(200, "GET", "/v1/app/http_server", "").into(t, &app)
		return app.Status.Placed == 2
	})
	if s := app.Status; s.State != "degraded" || s.Wanted != 2 || s.Running != 1 || s.Healthy != 1 ||
		len(s.Reasons) != 1 || s.Reasons[0].Message != "an instance does not run: port 80 is in use" {
		t.Errorf("status %+v", s)
	}
	if got := r.want(200, "GET", "/v1/app/http_server/choreo", "").body; !strings.Contains(got, `"dist"`) {
		t.Errorf("choreo without dist: %s", got)
	}
	if got := r.want(200, "GET", "/v1/app/http_server/_explain", "").body; !strings.Contains(got, `"chosen": true`) {
		t.Errorf("explain: %s", got)
	}
	r.want(404, "GET", "/v1/app/none/_explain", "")
	var short []map[string]any
	r.want(200, "GET", "/v1/app/http_server/proc", "").into(t, &short)
	if want := []map[string]any{{"pid": 4711.0, "node": "n1", "app": "http_server"}}; !reflect.DeepEqual(short, want) {
		t.Errorf("procs %v", short)
	}
	for _, path := range []string{"/v1/app/http_server/proc?full=true", "/v1/proc", "/v1/node/n1/proc"} {
		var full []state.Proc
		r.want(200, "GET", path, "").into(t, &full)
		if len(full) != 2 || full[0].Instance != inst.ID || full[1].Reason != waiting.Reason {
			t.Errorf("%s: %+v", path, full)
		}
	}
	r.want(404, "GET", "/v1/app/none/proc", "")
	var one state.Proc
	r.want(200, "GET", "/v1/node/n1/proc/"+strconv.Itoa(inst.PID), "").into(t, &one)
	if one.Instance != inst.ID {
		t.Errorf("proc %+v", one)
	}
	r.want(404, "GET", "/v1/node/n1/proc/1", "")
	r.want(400, "GET", "/v1/node/n1/proc/x", "")
	r.want(404, "GET", "/v1/node/none/proc/1", "")
}

// A master that has not read the bucket yet says that, and not that something is missing.
func TestNothingIsMissingBeforeTheBucketIsRead(t *testing.T) {
	store := memstore.New()
	store.Fail(func(op, key string) error {
		if op == "list" {
			return errors.New("broken for a test")
		}
		return nil
	})
	r := start(t, store)
	for _, path := range []string{"/v1/app", "/v1/app/web", "/v1/app/web/choreo", "/v1/node/n1", "/v1/proc"} {
		if a := r.want(http.StatusServiceUnavailable, "GET", path, ""); a.header.Get("Retry-After") == "" {
			t.Errorf("GET %s does not say when to try again", path)
		}
	}
	r.want(http.StatusOK, "GET", "/healthz", "")
}

// Whoever scales from what a page showed does not undo what others did meanwhile.
func TestScaleOfARevision(t *testing.T) {
	r := startReady(t, memstore.New())
	r.want(201, "POST", "/v1/app", `{"name": "web", "toProcess": "sleep"}`)
	seen := r.want(200, "POST", "/v1/app/web/_scale", "3").header.Get("ETag")
	r.want(200, "POST", "/v1/app/web/_scale", "10")
	r.want(412, "POST", "/v1/app/web/_scale", "4", "If-Match", seen)
	a := r.want(200, "GET", "/v1/app/web/_scale", "")
	if a.body != "10\n" {
		t.Errorf("the scale is %s", a.body)
	}
	if shown := strings.Trim(a.header.Get("ETag"), `"`); !strings.Contains(r.want(200, "GET", "/apps/web", "").body, `data-body="11" data-etag="`+shown+`"`) {
		t.Error("the button does not say what it is of")
	}
	r.want(200, "POST", "/v1/app/web/_scale", "11", "If-Match", a.header.Get("ETag"))
}
