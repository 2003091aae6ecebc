package master

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// An instance's name stands where a pid does, so that one without a process can be looked at.
func TestInstanceByName(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1", state.Instance{ID: "n1/web.0", App: "web", PID: 7, State: state.Running},
		state.Instance{ID: "n1/my.app.1", App: "my.app", N: 1, State: state.Backoff, Reason: "exit code 1"})
	var p state.Proc
	r.until("reported", func() bool { return r.do("GET", "/v1/node/n1/proc/web.0", "").status == 200 })
	if r.want(200, "GET", "/v1/node/n1/proc/web.0", "").into(t, &p); p.PID != 7 {
		t.Errorf("web.0 is %+v", p)
	}
	if r.want(200, "GET", "/v1/node/n1/proc/my.app.1", "").into(t, &p); p.Reason != "exit code 1" {
		t.Errorf("my.app.1 is %+v", p)
	}
	r.want(404, "GET", "/v1/node/n1/proc/web.1", "")
	r.want(404, "GET", "/v1/node/none/proc/web.0", "")
	for _, name := range []string{"web.", ".0", "web.x", "web.00", "..", "a%2f..%2fb.0", "web.-1"} {
		if a := r.do("GET", "/v1/node/n1/proc/"+name+"/_stdout", ""); a.status < 400 || a.status >= 500 {
			t.Errorf("%s: status %d: %s", name, a.status, a.body)
		}
	}
	for path, want := range map[string]string{
		"GET _stdout?tail=5": "GET /v1/proc/my.app.1/_stdout?tail=5 ", "GET _stderr": "GET /v1/proc/my.app.1/_stderr ",
		"GET _health": "GET /v1/proc/my.app.1/_health ", "POST _restart": "POST /v1/proc/my.app.1/_restart ", "POST _kill": "POST /v1/proc/my.app.1/_kill ",
	} {
		method, what, _ := strings.Cut(path, " ")
		if got := r.want(200, method, "/v1/node/n1/proc/my.app.1/"+what, "").body; got != want {
			t.Errorf("%s: the agent got %q, want %q", path, got, want)
		}
	}
}

func TestInstanceOfAnAgentThatIsAway(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1", state.Instance{ID: "n1/web.0", App: "web", PID: 7, StartTime: time.Unix(1e9, 0).UTC(), State: state.Running},
		state.Instance{ID: "n1/web.1", App: "web", N: 1, State: state.Backoff}).Close()
	r.put("manifests/n1.json", `{"apps": [{"app": {"name": "web", "toProcess": "run"}, "count": 2}]}`)
	r.until("seen", func() bool {
		return r.do("GET", "/v1/node/n1/manifest", "").status == 200 && r.do("GET", "/v1/node/n1/proc/web.1", "").status == 200
	})
	if a := r.want(503, "POST", "/v1/node/n1/proc/web.0/_restart", ""); !strings.Contains(a.body, "/v1/app/{name}/_restart") {
		t.Errorf("it does not say what to do: %s", a.body)
	}
	r.want(404, "POST", "/v1/node/none/proc/web.0/_restart", "")
	if a := r.want(202, "POST", "/v1/node/n1/proc/web.0/_kill", ""); !strings.Contains(a.body, `"pid": 7`) {
		t.Errorf("the answer is %s", a.body)
	}
	if a := r.want(503, "POST", "/v1/node/n1/proc/web.1/_kill", ""); !strings.Contains(a.body, "had no process") {
		t.Errorf("the answer is %s", a.body)
	}
}

// A client of the master follows a log over lost connections, as one of the agent does.
func TestLogOffsetsPassThroughTheMaster(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Stathub-Log-Offset", "5-9")
		_, _ = io.WriteString(w, "text")
	}))
	defer agent.Close()
	r.put("nodes/n2.json", `{"agentAddress": "`+agent.URL+`"}`)
	r.until("known", func() bool { return r.do("GET", "/v1/node/n2", "").status == 200 })
	if got := r.want(200, "GET", "/v1/node/n2/proc/web.0/_stdout?offset=5&limit=4", "").header.Get("Stathub-Log-Offset"); got != "5-9" {
		t.Errorf("the offsets are %q", got)
	}
}

func TestCrashesOfANode(t *testing.T) {
	r := startReady(t, memstore.New())
	r.put("crashes/n1/web.0-20260102T030405Z.txt", "first \xff")
	r.put("crashes/n1/web.0-20260103T030405Z.txt", "second")
	r.put("crashes/n1/web.0-x.1-20260103T030405Z.txt", "of another app")
	r.put("crashes/n1/notes.txt", "no crash")
	r.put("crashes/n2/web.0-20260102T030405Z.txt", "of another node")
	var got []struct{ Name, App, Instance string }
	r.want(200, "GET", "/v1/node/n1/crash", "").into(t, &got)
	if len(got) != 3 || got[2].Name != "web.0-20260102T030405Z.txt" || got[2].Instance != "n1/web.0" {
		t.Errorf("crashes %+v", got)
	}
	r.want(200, "GET", "/v1/node/n1/crash?instance=web.0", "").into(t, &got)
	if len(got) != 2 || got[0].Name != "web.0-20260103T030405Z.txt" || got[0].App != "web" {
		t.Errorf("crashes of web.0: %+v", got)
	}
	a := r.want(200, "GET", "/v1/node/n1/crash/web.0-20260102T030405Z.txt", "")
	if a.body != "first \xff" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%q of type %s", a.body, a.header.Get("Content-Type"))
	}
	if got := r.want(200, "GET", "/v1/node/none/crash", "").body; got != "[]\n" {
		t.Errorf("of a node without any: %s", got)
	}
	for path, status := range map[string]int{
		"/v1/node/n1/crash?instance=web": 400, "/v1/node/n1/crash/web.0-20260104T030405Z.txt": 404, "/v1/node/n1/crash/notes.txt": 404,
		"/v1/node/n1/crash/..%2fn2%2fweb.0-20260102T030405Z.txt": 404, "/v1/node/a%2fb/crash": 400,
	} {
		r.want(status, "GET", path, "")
	}
}
