package master

import (
	"fmt"
	"html"
	"strings"
	"testing"

	"stathub/state/memstore"
)

func TestBucketPages(t *testing.T) {
	r := startReady(t, memstore.New())
	r.put("apps/web.json", `{"toProcess": "run", "uris": ["bucket:artifacts/a%20b.zip#sha256=`+strings.Repeat("0", 64)+`", "bucket:artifacts/x.zip"]}`)
	r.put("apps/bad.json", `{`)
	r.put("artifacts/x.zip", "PK\x00")
	r.put("crashes/n1/<b>.txt", "<script>alert(1)</script>\n")
	for i := range 250 {
		r.put(fmt.Sprintf("events/2026-01-02/n%03d/x.jsonl", i), "{}\n")
	}
	r.until("read", func() bool {
		return strings.Contains(r.do("GET", "/bucket?prefix=apps/", "").body, "too early") && r.do("GET", "/v1/app/web", "").status == 200
	})
	for _, tt := range []struct {
		name, path string
		want       []string
		not        string
	}{
		{"folders", "/bucket", []string{`href="/bucket?prefix=apps/"`, ">250<", `href="/bucket?prefix=leases/"`}, "<b>"},
		{"where the seed had it", "/_plugin/head", []string{`href="/bucket?prefix=apps/"`}, "<b>"},
		{"a folder", "/bucket?prefix=apps/", []string{`href="/bucket/apps/web.json"`, `href="/bucket/apps/bad.json"`}, "rel=\"next\""},
		{"a page", "/bucket?prefix=events/&q=2026", []string{"n099/x.jsonl", `rel="next"`, "after=events%2F2026-01-02%2Fn099%2Fx.jsonl"}, "n100/"},
		{"the last page", "/bucket?prefix=events/&after=events/2026-01-02/n199/x.jsonl", []string{"n249/x.jsonl"}, "rel=\"next\""},
		{"all keys", "/bucket?after=", []string{"apps/bad.json", `rel="next"`}, "<script>alert"},
		{"nothing there", "/bucket?prefix=apps/&q=none", []string{"There is nothing here"}, "web.json"},
		{"a document", "/bucket/apps/web.json", []string{`data-kind="app"`, `href="/apps/web"`, `href="/bucket?prefix=history/web/"`, `data-send="DELETE /v1/bucket/apps/web.json"`, "a%20b.zip"}, "field-error\">"},
		{"one that is broken", "/bucket/apps/bad.json", []string{"too early"}, "<script>alert"},
		{"text", "/bucket/crashes/n1/%3Cb%3E.txt", []string{`href="/nodes/n1"`, html.EscapeString("<script>alert(1)</script>"), `download="&lt;b&gt;.txt"`}, "<script>alert"},
		{"an artifact", "/bucket/artifacts/x.zip", []string{"bucket:artifacts/x.zip", `href="/apps/web"`}, "<textarea"},
		{"a new document", "/bucket?new=choreos/", []string{`data-kind="choreo"`, `value="choreos/"`}, "data-send="},
	} {
		for _, lang := range []string{"en", "zh-CN"} {
			a := r.want(200, "GET", tt.path, "", "Accept-Language", lang)
			for _, want := range tt.want {
				if lang == "en" && !strings.Contains(a.body, want) {
					t.Errorf("%s: no %q in %s", tt.name, want, a.body)
				}
			}
			if strings.Contains(a.body, tt.not) {
				t.Errorf("%s, in %s, has %q", tt.name, lang, tt.not)
			}
		}
	}
	for path, want := range map[string]int{"/bucket/apps/none.json": 404, "/bucket/apps//x": 400} {
		if a := r.do("GET", path, ""); a.status != want || !strings.Contains(a.body, `class="alert bad"`) {
			t.Errorf("GET %s: status %d", path, a.status)
		}
	}
	r.want(200, "PUT", "/v1/bucket/apps/web.json?dryRun=true", `{"toProcess": "other"}`)
	r.want(400, "PUT", "/v1/bucket/apps/web.json?dryRun=true", `{"toProces": "other"}`)
	if got := r.want(200, "GET", "/v1/bucket/apps/web.json", "").body; strings.Contains(got, "other") {
		t.Errorf("a dry run wrote %s", got)
	}
	const sum = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	if got := r.want(200, "PUT", "/v1/bucket/artifacts/t", "test").body; !strings.Contains(got, sum) {
		t.Errorf("an upload answers %s", got)
	}
	r.want(200, "POST", "/diff", `{"base": "a\n", "theirs": "b\n", "mine": "c\n"}`)
}
