package master

import (
	"net/http"
	"strings"
	"testing"

	"stathub/state/memstore"
)

// Each page of the help is there in both languages, and the API's page has every request.
func TestHelpPages(t *testing.T) {
	m := startReady(t, memstore.New())
	for path, parts := range map[string][]string{
		"/help":          {"stathub-agent --master.address=" + m.url, "/v1/app/hello/_start"},
		"/help/query":    {`href="/nodes?q=tags%3assd"`, "_exists_"},
		"/help/console":  {"<kbd>g</kbd>"},
		"/help/states":   {`id="instance-backoff"`, `id="reason-memory"`},
		"/help/glossary": {"编排"},
		"/help/app":      {`id="type-HealthCheck"`, "toProcess", "killSignal", "1 … 64"},
		"/help/manifest": {`id="type-ManifestEntry"`},
		"/help/tags":     {"list of", "/v1/schema/tags.json"},
		"/help/lease":    {"leases/master.json"},
		"/api":           {`id="getApp"`, `id="postNodeSearch"`, "curl -X POST " + m.url + "/v1/app/http_server/_start", `id="type-AppStatus"`},
	} {
		body := m.want(http.StatusOK, "GET", path, "", "Accept-Language", "en").body
		for _, part := range parts {
			if !strings.Contains(body, part) {
				t.Errorf("%s has no %s", path, part)
			}
		}
		chinese := m.want(http.StatusOK, "GET", path, "", "Accept-Language", "zh-CN").body
		if !strings.Contains(chinese, `lang="zh-CN"`) || chinese == body {
			t.Errorf("%s is not in Chinese", path)
		}
	}
	if a := m.do("GET", "/help/banana", ""); a.status != http.StatusNotFound || !strings.Contains(a.body, "no page") {
		t.Errorf("a page of the help that there is not: %d", a.status)
	}
}
