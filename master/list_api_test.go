package master

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

// Apps are found as soon as they are written, by their document, their choreography and their status.
func TestFindApps(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	names := func(q string) string {
		var all []string
		r.want(200, "GET", "/v1/app?q="+url.QueryEscape(q), "").into(t, &all)
		return strings.Join(all, " ")
	}
	r.want(201, "POST", "/v1/app", `{"name":"web","toProcess":"run --fast","start":true,"ports":[8080]}`)
	r.want(201, "POST", "/v1/app", `{"name":"api","toProcess":"run"}`)
	for q, want := range map[string]string{"": "api web", "*": "api web", "name:w*": "web", "fast": "web", "ports:8080": "web", "choreo.query:tags*": "", "NOT web": "api"} {
		if got := names(q); got != want {
			t.Errorf("%q finds %q at once, want %q", q, got, want)
		}
	}
	r.want(201, "PUT", "/v1/app/web/choreo", `{"app":"web","query":"tags:ssd","scale":1}`)
	if got := names("choreo.query:tags*"); got != "web" {
		t.Errorf("by the choreography: %q", got)
	}
	r.until("the status", func() bool { return names("status.wanted:1") == "web" && names("status.state:stopped") == "api" })
	r.want(204, "DELETE", "/v1/app/api", "")
	if got := names("*"); got != "web" {
		t.Errorf("after a deletion: %q", got)
	}
	if got := r.want(200, "GET", "/v1/app?full=true&q=web", "").body; !strings.Contains(got, `"toProcess": "run --fast"`) || !strings.Contains(got, `"wanted": 1`) {
		t.Errorf("documents: %s", got)
	}
	if a := r.want(200, "GET", "/v1/app?q=nmae:web", ""); !strings.Contains(a.header.Get("Warning"), `did you mean \"name\"?`) {
		t.Errorf("Warning: %q", a.header.Get("Warning"))
	}
	r.want(400, "GET", "/v1/app?q=(", "")
}

func TestFindProcs(t *testing.T) {
	r := startReady(t, memstore.New())
	var all []state.Instance
	for i := range 12 {
		all = append(all, state.Instance{ID: state.InstanceID("n1", "web", i), App: "web", N: i, PID: 100 + i, State: state.Running,
			Health: state.HealthHealthy, Ports: []int{8000 + i}, RSS: state.Bytes(i) << 30})
	}
	all[3].State, all[3].Reason, all[3].PID = state.Backoff, "exit code 1", 0
	r.agent("n1", all...)
	r.agent("n2", state.Instance{ID: state.InstanceID("n2", "api", 0), App: "api", PID: 7, State: state.Running, Health: state.HealthUnknown})
	type page struct {
		Total    int
		Rows     []state.Proc
		Warnings []string
	}
	find := func(params string) (p page) {
		r.want(200, "GET", "/v1/proc?"+params, "").into(t, &p)
		return p
	}
	r.until("all are found", func() bool { return find("size=0").Total == 13 })
	for _, tt := range []struct {
		q, params string
		total     int
		first     string
	}{
		{"app:web", "", 12, "n1/web.0"}, {"app:web", "from=10&size=1", 12, "n1/web.10"}, {"node:n2", "", 1, "n2/api.0"},
		{"state:backoff", "", 1, "n1/web.3"}, {`"exit code 1"`, "", 1, "n1/web.3"}, {"ports:8005", "", 1, "n1/web.5"}, {"nothing", "", 0, ""},
	} {
		p := find(tt.params + "&q=" + url.QueryEscape(tt.q))
		if p.Total != tt.total || p.Total > 0 && (len(p.Rows) == 0 || p.Rows[0].Instance != tt.first) {
			t.Errorf("%s %s: %d, %+v", tt.q, tt.params, p.Total, p.Rows)
		}
	}
	var plain []state.Proc
	r.want(200, "GET", "/v1/proc", "").into(t, &plain)
	if len(plain) != 13 {
		t.Errorf("%d processes without a query", len(plain))
	}
	for i, p := range find("size=100").Rows {
		if p.Instance != plain[i].Instance {
			t.Errorf("row %d is %s, want %s", i, p.Instance, plain[i].Instance)
		}
	}
	if p := find("q=ap:web"); p.Total != 0 || fmt.Sprint(p.Warnings) != `[unknown field "ap": did you mean "app"?]` {
		t.Errorf("warnings %v", p.Warnings)
	}
	r.want(400, "GET", "/v1/proc?q=a+AND", "")
	r.want(400, "GET", "/v1/proc?size=-1", "")
}
