package agent

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"stathub/state/metric/metrictest"
)

func TestMetrics(t *testing.T) {
	a := newAgent(t)
	a.start()
	a.manifest(`{"node": "n", "apps": [{"app": {"name": "web", "toProcess": "sleep 1000", "start": true}, "count": 2}]}`)
	get := func(path string) (string, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Header.Get("Content-Type"), string(data)
	}
	eventually(t, "two instances are told", func() error {
		kind, text := get("/metrics")
		families := metrictest.Families(t, kind, []byte(text))
		for _, c := range []struct {
			name   string
			labels []string
			least  float64
		}{
			{"stathub_agent_instances", []string{"app", "web"}, 2},
			{"stathub_agent_restarts_total", []string{"app", "web"}, 0},
			{"stathub_agent_manifest_error", nil, 0},
			{"stathub_store_requests_total", []string{"store", "bucket", "op", "get", "kind", "manifests", "outcome", "ok"}, 1},
			{"stathub_store_circuit_open", nil, 0},
			{"stathub_build_info", []string{"program", "stathub-agent"}, 1},
			{"go_memstats_sys_bytes", nil, 1},
		} {
			if v, found := metrictest.Value(families, c.name, c.labels...); !found || v < c.least {
				return fmt.Errorf("%s%v is %v (found: %v), want at least %v", c.name, c.labels, v, found, c.least)
			}
		}
		return nil
	})
	if _, page := get("/"); !strings.Contains(page, "answers in") {
		t.Error("the page does not say how the bucket is")
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
}
