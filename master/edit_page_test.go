package master

import (
	"strings"
	"testing"

	"stathub/state/memstore"
)

// The pages that edit an app show its document in both languages, hostile values as text, and one that cannot be read as
// it lies in the bucket.
func TestEditPages(t *testing.T) {
	r := startReady(t, memstore.New())
	r.want(201, "POST", "/v1/app", `{"name": "web", "toProcess": "run", "description": "</textarea><script>alert(1)</script>"}`)
	r.want(201, "PUT", "/v1/app/web/choreo", `{"query": "tags:ssd", "scale": 3}`)
	for path, parts := range map[string][]string{
		"/new":             {`data-method="POST"`, `data-api="/v1/app"`, `data-path="toProcess"`, `name="scale"`},
		"/new?from=web":    {`data-method="POST"`, `&#34;toProcess&#34;: &#34;run&#34;`, `value="3"`},
		"/apps/web/edit":   {`data-method="PUT"`, `data-api="/v1/app/web"`, `data-etag="`, `&lt;/textarea&gt;&lt;script&gt;`},
		"/apps/web/choreo": {`data-api="/v1/app/web/choreo"`, `&#34;query&#34;: &#34;tags:ssd&#34;`, `data-order="app query scale`},
	} {
		for _, lang := range []string{"en", "zh-CN"} {
			a := r.want(200, "GET", path, "", "Accept-Language", lang)
			for _, part := range parts {
				if !strings.Contains(a.body, part) {
					t.Errorf("%s in %s lacks %s", path, lang, part)
				}
			}
			if strings.Contains(a.body, "<script>alert") || !strings.Contains(a.body, `lang="`+lang+`"`) {
				t.Errorf("%s in %s is not what it should be", path, lang)
			}
		}
	}
	for _, path := range []string{"/new?from=none", "/apps/none/edit", "/apps/none/choreo"} {
		if status := r.do("GET", path, "").status; status != 404 {
			t.Errorf("%s: status %d", path, status)
		}
	}
	r.put("apps/torn.json", `{"name": "torn", "toProcess`)
	r.until("torn is seen", func() bool { return r.do("GET", "/apps/torn/edit", "").status == 200 })
	if a := r.want(200, "GET", "/apps/torn/edit", ""); !strings.Contains(a.body, `{&#34;name&#34;: &#34;torn&#34;, &#34;toProcess`) {
		t.Error("a document that cannot be read is not shown as it is")
	}
}
