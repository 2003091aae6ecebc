package master

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/master/control"
	"stathub/state/memstore"
)

type tried struct {
	Document map[string]any   `json:"document"`
	Warnings []string         `json:"warnings"`
	Preview  *control.Preview `json:"preview"`
}

func (r *running) try(method, path, body string, headers ...string) tried {
	r.t.Helper()
	var got tried
	if err := json.Unmarshal([]byte(r.want(200, method, path, body, headers...).body), &got); err != nil {
		r.t.Fatal(err)
	}
	return got
}

// A dry run is checked as the edit is, says what would come of it, and leaves everything as it is.
func TestDryRun(t *testing.T) {
	store := memstore.New()
	r := startReady(t, store)
	for _, n := range []string{"n1", "n2"} {
		r.agent(n)
	}
	const doc = `{"name": "web", "toProcess": "run", "envs": {}, "start": true}`
	got := r.try("POST", "/v1/app?dryRun=true&query=host-n1&scale=3", doc)
	if p := got.Preview; p == nil || p.Matching != 1 || p.Wanted != 3 || p.Placed != 3 || len(p.Nodes) != 1 || p.Nodes[0].Then != 3 || p.Nodes[0].Hostname != "host-n1" {
		t.Errorf("preview of a new app: %+v", got.Preview)
	}
	if got.Document["killSignal"] != 15.0 {
		t.Errorf("what would be stored is %v", got.Document)
	}
	r.want(404, "GET", "/v1/app/web", "")
	r.want(400, "POST", "/v1/app?dryRun=true", `{"name": "web", "toProces": "run"}`)
	r.want(422, "POST", "/v1/app?dryRun", `{"name": "web", "toProcess": ""}`)
	r.want(400, "POST", "/v1/app?dryRun=perhaps", doc)
	if a := r.want(200, "POST", "/v1/app?dryRun=report", `{"name": "web", "toProcess": ""}`); !strings.Contains(a.body, `"path": "toProcess"`) || !strings.Contains(a.body, `"problems"`) {
		t.Errorf("a report: %s", a.body)
	}
	if got := r.try("POST", "/v1/app?dryRun=report", doc); got.Document == nil {
		t.Error("a report of a good document lacks it")
	}
	r.want(404, "GET", "/v1/app/web", "")
	if a := r.want(400, "POST", "/v1/app?dryRun=true&query=a+AND+(", doc); !strings.Contains(a.body, `"column": 8`) {
		t.Errorf("a bad query: %s", a.body)
	}
	if got := r.try("POST", "/v1/app?dryRun=true&query=nosuch", doc); got.Preview.Matching != 0 || len(got.Preview.Reasons) == 0 {
		t.Errorf("a query that finds nothing: %+v", got.Preview)
	}

	etag := r.want(201, "POST", "/v1/app", doc).header.Get("ETag")
	r.want(409, "POST", "/v1/app?dryRun=true", doc)
	r.want(412, "PUT", "/v1/app/web?dryRun=true", doc, "If-Match", `"other"`)
	if a := r.want(200, "PUT", "/v1/app/web?dryRun=true", `{"toProcess": "other"}`, "If-Match", etag); a.header.Get("ETag") != etag || strings.Contains(a.body, "preview") {
		t.Errorf("an app without choreography: %v %s", a.header, a.body)
	}
	r.want(404, "PUT", "/v1/app/none/choreo?dryRun=true", `{"scale": 1}`)
	r.want(422, "PUT", "/v1/app/web/choreo?dryRun=true", `{"scale": -1}`)
	r.want(404, "GET", "/v1/app/web/choreo", "")
}

// The preview of a choreography is the plan that follows.
func TestDryRunOfAChoreography(t *testing.T) {
	store := memstore.New()
	r := startReady(t, store)
	r.agent("n1")
	r.agent("n2")
	r.want(201, "POST", "/v1/app", `{"name": "web", "toProcess": "run"}`)
	got := r.try("PUT", "/v1/app/web/choreo?dryRun=true", `{"scale": 4, "schedule": {"cron": "0 3 * * *", "timezone": "Asia/Shanghai"}}`)
	p := got.Preview
	if p.Started || p.Wanted != 4 || p.Arriving != 4 || p.Changing != 2 || len(p.Runs) != 5 || p.Runs[0].Format("15:04 -0700") != "03:00 +0800" || !p.Runs[0].After(time.Now()) {
		t.Errorf("preview %+v", p)
	}
	r.want(404, "GET", "/v1/app/web/choreo", "")
	r.want(201, "PUT", "/v1/app/web/choreo", `{"scale": 4}`)
	r.want(200, "POST", "/v1/app/web/_start", "")
	r.until("placed", func() bool {
		return r.do("GET", "/v1/node/n1/manifest", "").status == 200 && r.do("GET", "/v1/node/n2/manifest", "").status == 200
	})
	if p := r.try("PUT", "/v1/app/web/choreo?dryRun=true", `{"query": "host-n2", "scale": 3}`).Preview; p.Arriving != 1 || p.Leaving != 2 || !p.Started || p.Matching != 1 {
		t.Errorf("preview of a move: %+v", p)
	}
	if p := r.try("PUT", "/v1/app/web?dryRun=true", `{"toProcess": "other"}`).Preview; p == nil || p.Arriving+p.Leaving != 0 || p.Placed != 4 {
		t.Errorf("preview of an app: %+v", p)
	}
	if w := r.try("PUT", "/v1/app/web/choreo?dryRun=true", `{"query": "tag:ssd"}`).Warnings; len(w) != 1 || !strings.Contains(w[0], "tags") {
		t.Errorf("warnings %v", w)
	}
}

func TestDryRunOfManifestsAndKeys(t *testing.T) {
	store := memstore.New()
	r := startReady(t, store)
	r.agent("n1")
	const m = `{"node": "n1", "apps": [{"app": {"name": "mine", "toProcess": "run"}, "count": 1}]}`
	if got := r.try("PUT", "/v1/node/n1/manifest?dryRun=true", m); got.Document["apps"] == nil {
		t.Errorf("got %v", got.Document)
	}
	r.want(422, "PUT", "/v1/node/n1/manifest?dryRun=true", `{"node": "n1"}`)
	r.want(404, "GET", "/v1/node/n1/manifest", "")
	const key = "/v1/bucket/apps/web.json"
	r.try("PUT", key+"?dryRun=true", `{"name": "web", "toProcess": "run"}`)
	r.want(404, "GET", key, "")
	r.want(400, "PUT", key+"?dryRun=true", `{"x": 1}`)
	r.want(412, "PUT", key+"?dryRun=true", `{"toProcess": "run"}`, "If-Match", `"x"`)
	r.want(400, "PUT", "/v1/bucket/artifacts/a?dryRun=true", "x")
}
