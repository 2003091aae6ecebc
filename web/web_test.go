package web

import (
	"context"
	"io/fs"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

func view() Cluster {
	return Cluster{
		Problems: []string{"manifests/n1.json: line 3 <column> 4"}, Pins: []Pin{{"n1", "mine", 2, "ann"}, {Node: "n2"}},
		Bucket: "file:///b", Problem: "<script>gone", Frozen: "4 of 4 <nodes>",
		Apps: []App{{Name: "web", State: "degraded", Wanted: 3, Running: 1, Reasons: []string{"2 nodes lack <memory>"},
			Rollout: &state.Rollout{State: state.RolloutStalled, Old: 2, New: 1, Reason: "waits for n1/web.0: <backoff>"}}},
		Nodes: []state.Node{{ID: "n1", State: state.NodeUp, Tags: []string{"ssd"}, Facts: state.Facts{
			AgentAddress: "javascript:alert(1)", OS: state.OS{Name: "linux", CPUs: 2}, Memory: state.Memory{Total: 8 << 30}}}},
		Procs: []state.Proc{{PID: 7, App: "web", Node: "n1", State: state.Running, Ports: []int{8080}, RSS: 5 << 20, StartTime: time.Now().Add(-90 * time.Second)}},
	}
}

func get(t *testing.T, path, accept string) string {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept-Language", accept)
	w := httptest.NewRecorder()
	MasterPage(view).ServeHTTP(w, r)
	if w.Code != 200 {
		t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMasterPage(t *testing.T) {
	body := get(t, "/", "")
	for _, want := range []string{`lang="en"`, "1 / 3", "&lt;memory&gt;", "gets no further, new and healthy: 0 / 3: waits for n1/web.0: &lt;backoff&gt;", "&lt;script&gt;gone", "suspects itself", "line 3 &lt;column&gt; 4", "/v1/node/n1/manifest/mine/_release", "is paused", "4 of 4 &lt;nodes&gt;", "8.0 GiB", "5.0 MiB", `href="http://127.0.0.1:8080/"`, "1 min"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
	for _, banned := range []string{"<script", `href="javascript:`, "style=", "onclick"} {
		if strings.Contains(body, banned) {
			t.Errorf("the page has %q", banned)
		}
	}
	if !strings.Contains(get(t, "/assets/style.css", ""), ".table") {
		t.Error("no style sheet")
	}
}

func TestLanguage(t *testing.T) {
	for _, tt := range []struct{ path, accept, want string }{
		{"/", "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"}, {"/", "zh", "zh-CN"}, {"/", "fr, zh-TW", "zh-CN"}, {"/", "en-GB,zh", "en"},
		{"/", "fr", "en"}, {"/?lang=zh-CN", "en", "zh-CN"}, {"/?lang=en", "zh", "en"}, {"/?lang=xx", "", "en"},
	} {
		if body := get(t, tt.path, tt.accept); !strings.Contains(body, `lang="`+tt.want+`"`) {
			t.Errorf("GET %s with Accept-Language %q is not in %s", tt.path, tt.accept, tt.want)
		}
	}
}

// Every word of the templates is in every catalogue, and no catalogue has words that nothing uses.
func TestCatalogues(t *testing.T) {
	used := map[string]bool{}
	call := regexp.MustCompile(`\(?t \$?\.?[lL]L? "([^"]+)"`)
	names, _ := fs.Glob(files, "templates/*.html")
	for _, name := range names {
		text, _ := files.ReadFile(name)
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
		}
	}
	for _, m := range regexp.MustCompile(`t \.L "([^"]+)"`).FindAllStringSubmatch(mustRead(t, "templates/layout.html"), -1) {
		used[m[1]] = true
	}
	if len(used) < 20 {
		t.Fatalf("found only %d words in the templates", len(used))
	}
	for _, l := range languages {
		for key := range used {
			if l.words[key] == "" {
				t.Errorf("%s has no text for %q", l.Tag, key)
			}
		}
	}
	for key := range languages[0].words {
		if !used[key] {
			t.Errorf("%q is in the catalogue but not in the templates", key)
		}
	}
}

func mustRead(t *testing.T, name string) string {
	data, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAgentPage(t *testing.T) {
	serve := func(m Machine) string {
		w := httptest.NewRecorder()
		AgentPage(func(context.Context) Machine { return m }).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		return w.Body.String()
	}
	m := Machine{Node: state.Node{ID: "n1"}, Standalone: true, Manifest: "/data/manifests/n1.json", Problems: []string{"line 1 column 2: bad"}}
	if body := serve(m); !strings.Contains(body, "/data/manifests/n1.json") || !strings.Contains(body, "line 1 column 2") {
		t.Errorf("a standalone agent without a manifest does not say how to write one, or hides its problems:\n%s", body)
	}
	m.Node.AgentAddress = "http://10.0.0.7:51025"
	m.Procs = []state.Proc{{Instance: "n1/a.0", PID: 12, State: state.Backoff, Reason: "port 80 is in use", Ports: []int{80}}}
	if body := serve(m); !strings.Contains(body, "port 80 is in use") || !strings.Contains(body, "http://10.0.0.7:80/") {
		t.Errorf("the process is not shown well:\n%s", body)
	}
	m.Events = []Event{{Event: state.Event{At: time.Now().Add(-90 * time.Second), Kind: "instance.exit", Instance: "n1/a.0", Message: "exit code <1>"}, Bad: true}}
	m.Crashes = []string{"a.0-20260102T030405Z.txt"}
	for _, want := range []string{"instance.exit", "exit code &lt;1&gt;", "1 min", `href="/v1/crash/a.0-20260102T030405Z.txt"`} {
		if body := serve(m); !strings.Contains(body, want) {
			t.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
}

// A port is linked to the machine that has it, however the agent's address is written.
func TestLinks(t *testing.T) {
	for address, want := range map[string]string{
		"http://10.0.0.7:51025": "http://10.0.0.7:80/", "http://10.0.0.7": "http://10.0.0.7:80/", "https://n1.example/": "http://n1.example:80/",
		"http://[fd00::1]:51025": "http://[fd00::1]:80/", "": "http://127.0.0.1:80/",
	} {
		if got := links(address, []int{80}); len(got) != 1 || got[0].URL != want || got[0].Port != 80 {
			t.Errorf("%q: %+v, want %s", address, got, want)
		}
	}
}
