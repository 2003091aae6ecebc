package master

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

func TestNodeAPI(t *testing.T) {
	r := startReady(t, memstore.New())
	api := r.agent("n1")
	seedNode := strings.Replace(strings.Replace(seed(t, "seed-node.json"), "http://192.168.1.165:51025", api.URL, 1), "hostname1", "host-n1", 1)
	got := r.want(200, "GET", "/v1/node/n1", "")
	wantMembers(t, strings.Replace(seedNode, `"appserver",`, "", 1), got.body)
	r.want(404, "GET", "/v1/node/none", "")

	tags := r.want(200, "GET", "/v1/node/n1/tag", "")
	if tags.body != "[\n  \"ssd\"\n]\n" {
		t.Errorf("tags %s", tags.body)
	}
	r.want(200, "PUT", "/v1/node/n1/tag", `["a", "b"]`, "If-Match", tags.header.Get("ETag"))
	r.want(412, "PUT", "/v1/node/n1/tag", `["c"]`, "If-Match", tags.header.Get("ETag"))
	r.want(400, "PUT", "/v1/node/n1/tag", `{"a": 1}`)
	r.want(422, "PUT", "/v1/node/n1/tag", `["a", "a"]`)
	r.want(404, "PUT", "/v1/node/none/tag", `[]`)
	r.want(404, "GET", "/v1/node/none/tag", "")
	r.want(200, "PUT", "/v1/node/n1/env", `{"A": "1"}`)
	if got := r.want(200, "GET", "/v1/node/n1/env", "").body; got != "{\n  \"A\": \"1\"\n}\n" {
		t.Errorf("envs %s", got)
	}
	r.want(422, "PUT", "/v1/node/n1/env", `{"STATHUB_X": "1"}`)
	r.want(400, "PUT", "/v1/node/n1/env", `[]`)
	if got := r.want(200, "POST", "/v1/node/n1/_drain", "").body; !strings.Contains(got, `"draining"`) {
		t.Errorf("drained %s", got)
	}
	if got := r.want(200, "POST", "/v1/node/n1/_undrain", "").body; !strings.Contains(got, `"state": "up"`) {
		t.Errorf("undrained %s", got)
	}
	r.want(404, "POST", "/v1/node/none/_drain", "")
	r.want(422, "DELETE", "/v1/node/n1", "")
	r.want(404, "DELETE", "/v1/node/none", "")
	r.put("nodes/dead.json", `{"hostname": "gone", "tags": ["a"], "state": "down"}`)
	r.until("known", func() bool { return r.do("GET", "/v1/node/dead", "").status == 200 })
	r.want(204, "DELETE", "/v1/node/dead", "")
	r.want(404, "GET", "/v1/node/dead", "")
}

func TestNodeSearch(t *testing.T) {
	r := startReady(t, memstore.New())
	for i := range 3 {
		r.agent(fmt.Sprintf("n%d", i))
	}
	r.put("nodes/dead.json", `{"hostname": "gone", "tags": ["ssd"], "state": "down"}`)
	r.until("known", func() bool { return r.do("GET", "/v1/node/dead", "").status == 200 })
	r.want(200, "PUT", "/v1/node/n1/tag", `["hdd"]`)
	for _, c := range []struct {
		params, query string
		total, rows   int
	}{
		{"", "*", 3, 3}, {"", "", 3, 3}, {"?size=2", "*", 3, 2}, {"?from=2&size=2", "*", 3, 1}, {"?size=0", "*", 3, 0},
		{"?includeDownNode=true", "*", 4, 4}, {"", "ssd", 2, 2}, {"?includeDownNode=true", "tags:ssd", 3, 3},
		{"", "hostname:host*", 3, 3}, {"", "nothing", 0, 0}, {"", "tags:hdd", 1, 1},
	} {
		var got struct {
			Total int
			Rows  []state.Node
		}
		r.until(c.query+c.params, func() bool {
			r.want(200, "POST", "/v1/node/_search"+c.params, c.query).into(t, &got)
			return got.Total == c.total && len(got.Rows) == c.rows
		})
	}
	r.want(400, "POST", "/v1/node/_search", "tags:(")
	r.want(400, "POST", "/v1/node/_search", "tags:\xff")
	r.want(400, "POST", "/v1/node/_search?size=10001", "*")
	r.want(400, "POST", "/v1/node/_search?from=-1", "*")
	r.want(400, "POST", "/v1/node/_search?includeDownNode=7", "*")
	r.want(413, "POST", "/v1/node/_search", strings.Repeat("a", 1<<17))
}

func TestManifestAPI(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	r.want(404, "GET", "/v1/node/n1/manifest", "")
	r.want(404, "PUT", "/v1/node/none/manifest", `{}`)
	a := r.want(201, "PUT", "/v1/node/n1/manifest", `{"apps": [{"app": {"name": "mine", "toProcess": "sleep 1"}}]}`)
	if !strings.Contains(a.body, `"node": "n1"`) {
		t.Errorf("manifest %s", a.body)
	}
	r.want(412, "PUT", "/v1/node/n1/manifest", `{}`, "If-Match", `"old"`)
	r.want(400, "PUT", "/v1/node/n1/manifest", `{"aps": []}`)
	r.want(422, "PUT", "/v1/node/n1/manifest", `{"node": "n2"}`)
	r.want(404, "POST", "/v1/node/n1/manifest/none/_release", "")
	r.want(200, "POST", "/v1/node/n1/manifest/mine/_release", "")
	r.put("manifests/n1.json", `{"node": `)
	broken := func() bool { return strings.Contains(r.do("GET", "/v1/node/n1/manifest", "").body, `"line": 1`) }
	r.until("seen as broken", broken)
	a = r.want(200, "GET", "/v1/node/n1/manifest", "")
	if !strings.Contains(a.body, `"mine"`) || !strings.Contains(a.body, `"key": "manifests/n1.json"`) {
		t.Errorf("the last good one, with what is wrong: %s", a.body)
	}
	for path, want := range map[string]string{"/v1/node/n1": `"key": "manifests/n1.json"`, "/": "manifests/n1.json: line 1"} {
		if a := r.want(200, "GET", path, ""); !strings.Contains(a.body, want) {
			t.Errorf("GET %s lacks %q: %s", path, want, a.body)
		}
	}
	r.want(422, "POST", "/v1/node/n1/manifest/mine/_release", "")
	r.want(422, "PUT", "/v1/node/n1/manifest", `{}`)                                     // written back it would read as "run nothing"
	r.want(200, "PUT", "/v1/node/n1/manifest", a.body, "If-Match", a.header.Get("ETag")) // mended by who saw it
	if broken() {
		t.Error("still broken")
	}
	r.put("manifests/n1.json", `{}`)
	r.until("without a list as broken", broken)
	r.want(200, "PUT", "/v1/node/n1/manifest", `{"apps": []}`)
	r.put("manifests/n9.json", `[`)
	r.until("never read", func() bool { return r.do("GET", "/v1/node/n9/manifest", "").status == 422 })
}

func TestProxyToTheAgent(t *testing.T) {
	r := startReady(t, memstore.New())
	api := r.agent("n1")
	if got := r.want(200, "GET", "/v1/node/n1/proc/7/_stdout?tail=20", "", "Cookie", "secret=1").body; got != "GET /v1/proc/7/_stdout?tail=20 " {
		t.Errorf("the agent got %q", got)
	}
	r.want(200, "GET", "/v1/node/n1/proc/7/_stderr", "")
	if got := r.want(200, "GET", "/v1/node/n1/proc/7/_health", "").body; got != "GET /v1/proc/7/_health " {
		t.Errorf("the agent got %q", got)
	}
	if got := r.want(200, "POST", "/v1/node/n1/proc/7/_kill", `{"signal": 9}`).body; got != `POST /v1/proc/7/_kill {"signal": 9}` {
		t.Errorf("the agent got %q", got)
	}
	r.want(400, "POST", "/v1/node/n1/proc/x/_kill", "")
	r.want(404, "POST", "/v1/node/none/proc/7/_kill", "")

	resp, err := http.Get(r.url + "/v1/node/n1/proc/7/_stdout?follow=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	part := make([]byte, 4)
	if _, err := bufio.NewReader(resp.Body).Read(part); err != nil || string(part) != "GET " {
		t.Errorf("the stream's first part is %q, %v", part, err)
	}
	resp.Body.Close()

	api.Close()
	if a := r.want(503, "POST", "/v1/node/n1/proc/7/_kill", ""); a.header.Get("Retry-After") == "" {
		t.Error("a 503 without Retry-After")
	}
	// What the report tells of is killed through the bucket.
	gone := r.agent("n2", state.Instance{ID: "n2/web.0", App: "web", PID: 7, StartTime: time.Unix(1e9, 0).UTC(), State: state.Running})
	gone.Close()
	r.want(503, "POST", "/v1/node/n2/proc/7/_kill", "") // it has no manifest
	r.put("manifests/n2.json", `{"apps": [{"app": {"name": "web", "toProcess": "run"}}]}`)
	r.until("seen", func() bool { return r.do("GET", "/v1/node/n2/manifest", "").status == 200 })
	for range 2 {
		if a := r.want(202, "POST", "/v1/node/n2/proc/7/_kill", ""); !strings.Contains(a.body, "manifests/n2.json") {
			t.Errorf("the answer is %s", a.body)
		}
	}
	r.want(503, "POST", "/v1/node/n2/proc/7/_kill", `{"signal": 15}`)
	r.want(503, "POST", "/v1/node/n2/proc/8/_kill", "")
	var m state.Manifest
	r.want(200, "GET", "/v1/node/n2/manifest", "").into(t, &m)
	if len(m.Kill) != 1 || m.Kill[0].Instance != "n2/web.0" || m.Kill[0].PID != 7 || !m.Kill[0].StartTime.Equal(time.Unix(1e9, 0)) || len(m.Apps) != 1 {
		t.Errorf("the manifest is %s", state.Encode(&m))
	}
	r.put("nodes/odd.json", `{"agentAddress": "file:///etc/passwd"}`)
	r.until("known", func() bool { return r.do("GET", "/v1/node/odd", "").status == 200 })
	r.want(503, "GET", "/v1/node/odd/proc/7/_stdout", "")
}

func TestProxyTrustsNoAgent(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	var got *http.Request
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		got = req
		w.Header().Set("Set-Cookie", "session=mine")
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Content-Security-Policy", "default-src *")
		if strings.HasSuffix(req.URL.Path, "_stderr") {
			http.Redirect(w, req, "http://elsewhere.example/", http.StatusFound)
			return
		}
		io.WriteString(w, "<script>alert(1)</script>")
	}))
	defer evil.Close()
	address := strings.Replace(evil.URL, "http://", "http://user:secret@", 1) + "/any/path?delete=all#x"
	r.put("nodes/evil.json", `{"agentAddress": "`+address+`"}`)
	r.until("known", func() bool { return r.do("GET", "/v1/node/evil", "").status == 200 })
	a := r.want(200, "GET", "/v1/node/evil/proc/7/_stdout?tail=5", "", "Authorization", "Bearer x", "X-Token", "x", "Accept", "text/plain")
	if uri := got.URL.RequestURI(); uri != "/v1/proc/7/_stdout?tail=5" {
		t.Errorf("the agent's address chose the path %s", uri)
	}
	for _, name := range []string{"Authorization", "X-Token", "X-Forwarded-For"} {
		if got.Header.Get(name) != "" {
			t.Errorf("%s went out to the agent", name)
		}
	}
	if media := a.header.Get("Content-Type"); media != "text/plain; charset=utf-8" || a.header.Get("Set-Cookie") != "" {
		t.Errorf("a page or a cookie came through: %v", a.header)
	}
	if policies := a.header.Values("Content-Security-Policy"); len(policies) != 1 || strings.Contains(policies[0], "*") {
		t.Errorf("policies %v", policies)
	}
	r.want(503, "GET", "/v1/node/evil/proc/7/_stderr", "")
	r.want(413, "POST", "/v1/node/evil/proc/7/_kill", strings.Repeat("a", 2<<20))
}
