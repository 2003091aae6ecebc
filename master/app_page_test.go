package master

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// page is a page with what must be on it, in English, and what must not, in any language.
type page struct {
	name, path string
	want       []string
	not        []string
}

func (r *running) wantPages(t *testing.T, pages []page) {
	t.Helper()
	for _, p := range pages {
		for _, lang := range []string{"en", "zh-CN"} {
			a := r.want(http.StatusOK, "GET", p.path, "", "Accept-Language", lang)
			for _, want := range p.want {
				if lang == "en" && !strings.Contains(a.body, want) {
					t.Errorf("%s: no %q on the page", p.name, want)
				}
			}
			for _, not := range append(p.not, hostile, "%!", "ZgotmplZ") {
				if strings.Contains(a.body, not) {
					t.Errorf("%s, in %s, has %q", p.name, lang, not)
				}
			}
		}
	}
}

const hostile = `<script>alert("x")</script>`

// instanceOf is an instance that runs and is healthy.
func instanceOf(node, app string, n int) state.Instance {
	return state.Instance{
		ID: state.InstanceID(node, app, n), App: app, N: n, PID: 1000 + n, State: state.Running, Health: state.HealthHealthy, Ports: []int{8080 + n},
		StartTime: time.Now().Add(-time.Hour), CPU: 0.25, RSS: 48 << 20, Restarts: 7,
	}
}

func TestAppPages(t *testing.T) {
	r := startReady(t, memstore.New())
	r.wantPages(t, []page{{"no app", "/apps", []string{"There is no app yet", `href="/new"`, "/v1/app/hello/_scale"}, nil}})
	bad := instanceOf("n1", "web", 1)
	bad.State, bad.PID, bad.Reason, bad.Health = state.Backoff, 0, hostile, state.HealthUnhealthy
	r.agent("n1", instanceOf("n1", "web", 0), bad)
	r.want(http.StatusCreated, "POST", "/v1/app", `{"name": "web", "toProcess": "run v1", "start": true, "description": `+string(state.EncodeLine(hostile))+`,
		"ports": [0], "resAlloc": {"cpus": 0.5, "mem": "64MiB"}, "healthChecks": [{"intervalSeconds": 1, "timeoutSeconds": 1, "maxConsecutiveFailures": 1, "protocol": "TCP", "portIndex": 0}]}`)
	r.want(http.StatusCreated, "PUT", "/v1/app/web/choreo", `{"app": "web", "query": "tags:ssd", "scale": 2, "update": {"paused": true}}`)
	r.want(http.StatusCreated, "POST", "/v1/app", `{"name": "nowhere", "toProcess": "x", "start": true}`)
	r.want(http.StatusCreated, "PUT", "/v1/app/nowhere/choreo", `{"app": "nowhere", "query": "tags:gpu", "scale": 3}`)
	r.want(http.StatusCreated, "POST", "/v1/app", `{"name": "idle", "toProcess": "x"}`)
	r.put("apps/broken.json", "{")
	r.put("apps/broken.json", "{") // and again: what cannot be read is told once
	r.until("the apps are there", func() bool {
		return strings.Contains(r.do("GET", "/apps?q=status.state:degraded", "").body, `id="app-nowhere"`) && strings.Contains(r.do("GET", "/apps", "").body, `id="app-broken"`)
	})
	v1 := int64(0)
	r.until("the revision with its choreography is written", func() bool {
		all := r.history(t, "web")
		if len(all) > 0 && all[0].Choreo != nil {
			v1 = all[0].Revision
		}
		return v1 > 0
	})
	r.want(http.StatusOK, "PUT", "/v1/app/web", `{"name": "web", "toProcess": "run v2", "start": true, "resAlloc": {"cpus": 0.5, "mem": "64MiB"}}`)
	v2 := v1 + 1
	r.until("so is the next one", func() bool { return strings.Contains(r.do("GET", "/apps/web", "").body, fmt.Sprint("?rev=", v2)) })
	r.wantPages(t, []page{
		{"apps", "/apps", []string{`href="/apps/web"`, `href="/nodes?q=tags%3assd"`, "no node matches the query", `data-send="POST /v1/app/web/_scale" data-body="3"`,
			`data-send="POST /v1/app/idle/_start"`, `href="/apps/idle/choreo"`, `aria-sort="ascending"`, "unreadable · 1"}, nil},
		{"one state", "/apps?state=stopped&sort=-state", []string{`id="app-idle"`, `href="/apps?sort=-state"`}, []string{`id="app-web"`}},
		{"a query", "/apps?q=name:no*", []string{`id="app-nowhere"`}, []string{`id="app-web"`}},
		{"no app found", "/apps?q=name:none", []string{"No app matches."}, nil},
		{"a query that cannot be read", "/apps?q=name:(", []string{"query-fault", "<mark>"}, nil},
		{"past the end", "/apps?from=1000", []string{"No app matches."}, nil},
		{"an app", "/apps/web", []string{
			html.EscapeString(hostile), `data-send="POST /v1/app/web/_restart"`, `data-type="web" data-then="/apps"`, `data-send="POST /v1/app/web/_resume"`,
			`href="/apps/web/edit"`, `href="/apps/web/choreo"`, `href="/nodes/n1/procs/web.0"`, `0.25 <span class="soft">/ 0.5</span>`, "48.0 MiB", "/ 64.0 MiB",
			fmt.Sprintf(`href="/apps/web?rev=%d#revisions"`, v2), fmt.Sprintf(`data-body="{&quot;revision&quot;: %d}"`, v1), "<code>description: ", "is created", `href="/events?app=web"`},
			[]string{"_pause"}},
		{"a difference", fmt.Sprintf("/apps/web?rev=%d&with=%d", v2, v1), []string{"<del>", "run v1", "<ins>", "run v2"}, nil},
		{"to the one before", fmt.Sprint("/apps/web?rev=", v2), []string{fmt.Sprintf("From revision %d to %d", v1, v2), "<del>"}, nil},
		{"to one that is not there", "/apps/web?rev=99&with=1", []string{"One of the two is not there"}, nil},
		{"why it is nowhere", "/apps/nowhere?explain=true", []string{"does not match the query", `href="/nodes/n1"`}, nil},
		{"one that is broken", "/apps/broken", []string{"cannot be read", `href="/bucket/apps/broken.json"`, "DELETE /v1/app/broken?force=true"}, []string{"_scale"}},
		{"one without a choreography", "/apps/idle", []string{"it runs nowhere", `data-send="POST /v1/app/idle/_start"`}, nil},
	})
	for path, status := range map[string]int{"/apps/none": 404, "/apps/..": 404, "/apps/web?from=x": 400, "/apps?from=-1": 400, "/apps/web?explain=perhaps": 400} {
		if a := r.do("GET", path, ""); a.status != status || !strings.Contains(a.body, `class="alert bad"`) {
			t.Errorf("GET %s: status %d", path, a.status)
		}
	}
}

// The page of an app whose document is gone offers to put it back, and what it offers does that.
func TestLostAppPage(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	r.want(http.StatusCreated, "POST", "/v1/app", `{"name": "web", "toProcess": "run", "start": true, "args": ["`+"a b"+`", "\"&amp;<"]}`)
	r.want(http.StatusOK, "POST", "/v1/app/web/_scale", "1")
	r.until("it is placed", func() bool { return strings.Contains(r.do("GET", "/v1/node/n1/manifest", "").body, `"web"`) })
	if err := r.store.Delete(t.Context(), "apps/web.json", ""); err != nil {
		t.Fatal(err)
	}
	r.until("it is lost", func() bool { return strings.Contains(r.do("GET", "/v1/app/web", "").body, `"lost"`) })
	body := r.want(http.StatusOK, "GET", "/apps/web", "").body
	_, after, found := strings.Cut(body, `data-send="PUT /v1/app/web" data-body="`)
	if !found {
		t.Fatal(body)
	}
	document, _, _ := strings.Cut(after, `"`)
	r.want(http.StatusCreated, "PUT", "/v1/app/web", html.UnescapeString(document))
	if a := r.want(http.StatusOK, "GET", "/v1/app/web", ""); !strings.Contains(a.body, `"\"&amp;<"`) || strings.Contains(a.body, `"lost"`) {
		t.Error(a.body)
	}
}

func TestProcPages(t *testing.T) {
	r := startReady(t, memstore.New())
	r.wantPages(t, []page{{"none", "/procs", []string{"No process runs"}, nil}})
	var many []state.Instance
	for n := range 60 {
		many = append(many, instanceOf("n1", "web", n))
	}
	many[3].Cmd, many[3].Reason = hostile, hostile
	r.agent("n1", many...)
	r.until("they are found", func() bool { return strings.Contains(r.do("GET", "/procs", "").body, "1–50 of 60") })
	r.wantPages(t, []page{
		{"a page", "/procs", []string{`href="/nodes/n1/procs/web.0"`, `href="/apps/web"`, `href="/nodes/n1"`, `href="/procs?from=50"`, "host-n1", html.EscapeString(hostile)}, []string{"web.50<"}},
		{"the next one", "/procs?from=50", []string{"web.50<", `href="/procs"`}, []string{"web.49<"}},
		{"a query", "/procs?q=pid:1007", []string{"web.7<"}, []string{"web.8<"}},
		{"nothing", "/procs?q=state:unhealthy", []string{"No process matches"}, nil},
		{"a warning", "/procs?q=" + url.QueryEscape("stat:x"), []string{"stat"}, nil},
		{"a fault", "/procs?q=" + url.QueryEscape("a:["), []string{"<mark>"}, nil},
	})
}

func TestEventPages(t *testing.T) {
	r := startReady(t, memstore.New())
	at := time.Now().Add(-time.Hour)
	var lines []byte
	for n := range 70 {
		e := state.Event{ID: fmt.Sprintf("01JQ0000000000000000000%03d", n), At: at.Add(time.Duration(n) * time.Second), Writer: "n1", Node: "n1", App: "web", Kind: "instance.exit", Message: fmt.Sprintf("number-%d.", n)}
		switch n {
		case 69:
			e.Count, e.Instance = 12, "n1/web.3"
		case 68:
			e.Message, e.Kind, e.Node, e.App = hostile, hostile, hostile, hostile
		case 67:
			e.Kind = "rollout.done"
		}
		lines = append(lines, state.EncodeLine(&e)...)
	}
	r.put(state.EventKey(at, "n1", "01JQ0000000000000000000000"), string(lines))
	r.until("they are found", func() bool { return strings.Contains(r.do("GET", "/events", "").body, "number-60.") })
	r.wantPages(t, []page{
		{"newest first", "/events", []string{"× 12", `href="/nodes/n1/procs/web.3"`, `href="/nodes/n1"`, `href="/apps/web"`, `class="chip bad" title="instance.exit"`, `class="chip good" title="rollout.done"`,
			`<svg viewBox`, html.EscapeString(hostile), `href="/events?from=50"`}, []string{"number-5."}},
		{"the next page", "/events?from=50", []string{"number-5."}, []string{"number-60."}},
		{"of a node", "/events?node=n1", []string{"number-60."}, []string{"the master starts"}},
		{"of an app with a strange name", "/events?app=" + url.QueryEscape(`x" OR "web`), []string{"No event matches"}, nil},
		{"trouble", "/events?kind=bad", []string{"number-66."}, []string{"number-67."}},
		{"a family", "/events?kind=rollout.*", []string{"number-67."}, []string{"number-66."}},
		{"lately", "/events?since=15m", []string{"the master starts"}, []string{"number-66."}},
		{"all of it", "/events?q=number-66&node=n1&app=web&kind=instance.*&since=24h", []string{"number-66.", `selected>processes`, `selected>last 24 hours`}, []string{"number-65."}},
		{"a fault", "/events?node=n1&q=" + url.QueryEscape("a:["), []string{"<mark>", "Column 4"}, nil},
	})
	r.want(http.StatusCreated, "POST", "/v1/app", `{"name": "fresh", "toProcess": "x"}`)
	r.until("what was just done is told", func() bool {
		return strings.Contains(r.do("GET", "/events?app=fresh", "").body, "app fresh is created")
	})
}
