package master

import (
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

func TestNodePage(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1", state.Instance{ID: "n1/web.0", App: "web", PID: 4711, State: state.Running})
	r.want(200, "PUT", "/v1/node/n1/tag", `["ssd", "<i>t</i>"]`)
	r.want(200, "PUT", "/v1/node/n1/env", `{"REGION": "\"><script>"}`)
	r.put("manifests/n1.json", `{"node": "n1", "envs": {}, "apps": [{"app": {"name": "web", "toProcess": "sleep <1>", "args": ["9"]}, "count": 2}]}`)
	r.put("crashes/n1/web.0-20260102T030405Z.txt", "boom")
	r.put(state.RejectedKey("n1", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), []byte("{")), "{")
	r.until("the manifest is read", func() bool {
		return strings.Contains(r.do("GET", "/nodes/n1?tab=manifest", "").body, "_release")
	})
	for _, tt := range []struct {
		name, path, language string
		want                 []string
		not                  string
	}{
		{"facts", "/nodes/n1", "en", []string{"host-n1", `data-tag="ssd"`, "&lt;i&gt;t&lt;/i&gt;", `data-env="REGION"`, "/v1/node/n1/_drain", "/v1/node/n1/_cordon", "/v1/stat/node/cpu?node=n1"}, "<script>\""},
		{"no forgetting of what is up", "/nodes/n1", "en", nil, "data-type=\"n1\""},
		{"an unknown tab is the first", "/nodes/n1?tab=none", "en", []string{`data-tag="ssd"`}, ""},
		{"in Chinese", "/nodes/n1", "zh-CN", []string{"环境变量"}, "Environment"},
		{"processes", "/nodes/n1?tab=procs", "en", []string{"/nodes/n1/procs/web.0", "4711"}, `data-tag="`},
		{"a manifest", "/nodes/n1?tab=manifest", "en", []string{"sleep &lt;1&gt; 9", "pinned", "/v1/node/n1/manifest/web/_release", "written by hand"}, "<textarea"},
		{"a manifest to edit", "/nodes/n1?tab=manifest&edit=true", "en", []string{`data-put="/v1/node/n1/manifest"`, "<textarea", "data-still", "sleep &lt;1&gt;"}, ""},
		{"events", "/nodes/n1?tab=events", "en", []string{"n1"}, "<textarea"},
		{"what is kept", "/nodes/n1?tab=crashes", "en", []string{"/bucket/crashes/n1/web.0-", "/bucket/rejected/n1/", "Last output of web.0"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := r.do("GET", tt.path, "", "Accept-Language", tt.language)
			for _, want := range tt.want {
				if a.status != 200 || !strings.Contains(a.body, want) {
					t.Errorf("GET %s: status %d without %q: %s", tt.path, a.status, want, a.body)
				}
			}
			if tt.not != "" && strings.Contains(a.body, tt.not) {
				t.Errorf("GET %s has %q: %s", tt.path, tt.not, a.body)
			}
		})
	}
	if a := r.do("GET", "/nodes/none", ""); a.status != 404 {
		t.Errorf("a node that is not there has status %d", a.status)
	}
}

// A manifest that cannot be read is shown with the place, and edited as it lies in the bucket.
func TestNodePageOfAnUnreadableManifest(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	r.put("manifests/n1.json", "{\n  \"node\": \"n1\",\n  \"apps\": [}\n")
	r.until("the manifest is found unreadable", func() bool {
		return strings.Contains(r.do("GET", "/nodes/n1", "", "Accept-Language", "en").body, "line 3, column")
	})
	a := r.do("GET", "/nodes/n1?tab=manifest&edit=true", "", "Accept-Language", "en")
	if !strings.Contains(a.body, "&#34;apps&#34;: [}") {
		t.Errorf("the text cannot be mended: %s", a.body)
	}
	r.want(200, "GET", "/nodes/n1?tab=manifest", "")
	r.put("nodes/n2.json", `{"id": "n2"}`) // without a manifest that ever was readable
	r.put("manifests/n2.json", "{")
	r.until("the node is known", func() bool {
		a := r.do("GET", "/nodes/n2?tab=manifest", "", "Accept", "text/html", "Accept-Language", "en")
		return a.status != 404 && strings.Contains(a.body, "/bucket/manifests/n2.json")
	})
	r.want(200, "GET", "/nodes/n2?tab=manifest", "")
}

// A node of which nothing is heard may be forgotten; its name has to be typed.
func TestNodePageOfANodeThatIsDown(t *testing.T) {
	store := memstore.New()
	record(t, store, machine("n1", "alpha", "10.0.0.9", 4, 8<<30))
	r := startReady(t, store)
	a := r.do("GET", "/nodes/n1", "", "Accept-Language", "en")
	if a.status != 200 || !strings.Contains(a.body, `data-send="DELETE /v1/node/n1"`) || !strings.Contains(a.body, `data-type="n1"`) {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	edit := r.do("GET", "/nodes/n1?tab=manifest&edit=true", "", "Accept-Language", "en")
	if !strings.Contains(edit.body, "&#34;apps&#34;: []") || !strings.Contains(edit.body, `data-etag=""`) {
		t.Errorf("without a manifest there is none to begin with: %s", edit.body)
	}
}
