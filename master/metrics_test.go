package master

import (
	"errors"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"stathub/state/memstore"
	"stathub/state/metric/metrictest"
)

func (r *running) metrics() map[string]*dto.MetricFamily {
	r.t.Helper()
	a := r.want(200, "GET", "/metrics", "")
	return metrictest.Families(r.t, a.header.Get("Content-Type"), []byte(a.body))
}

func TestMetrics(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	r.want(201, "POST", "/v1/app", `{"name": "web", "toProcess": "sleep 1000", "start": true}`)
	r.want(200, "POST", "/v1/app/web/_scale", "2")
	r.until("planned, and written", func() bool {
		families := r.metrics()
		v, _ := metrictest.Value(families, "stathub_instances_wanted")
		_, written := metrictest.Value(families, "stathub_store_bytes_total", "op", "put", "kind", "manifests", "direction", "sent")
		return v == 2 && written
	})
	families := r.metrics()
	for _, c := range []struct {
		name   string
		labels []string
		least  float64
	}{
		{"stathub_nodes", []string{"state", "up"}, 1},
		{"stathub_nodes", []string{"state", "down"}, 0},
		{"stathub_apps", nil, 1},
		{"stathub_instances_running", nil, 0},
		{"stathub_schedule_frozen", nil, 0},
		{"stathub_plan_duration_seconds", nil, 1},
		{"stathub_store_requests_total", []string{"store", "bucket", "op", "put", "kind", "apps", "outcome", "ok"}, 1},
		{"stathub_store_requests_total", []string{"op", "list", "kind", "heartbeats"}, 1},
		{"stathub_store_bytes_total", []string{"op", "put", "kind", "manifests", "direction", "sent"}, 10},
		{"stathub_store_request_duration_seconds", []string{"op", "list"}, 1},
		{"stathub_store_circuit_open", []string{"store", "bucket"}, 0},
		{"stathub_store_away_since_seconds", []string{"store", "bucket"}, 0},
		{"stathub_build_info", []string{"program", "stathub-master"}, 1},
		{"go_goroutines", nil, 1},
	} {
		if v, found := metrictest.Value(families, c.name, c.labels...); !found || v < c.least {
			t.Errorf("%s%v is %v (found: %v), want at least %v", c.name, c.labels, v, found, c.least)
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// While the bucket is away the master reads on from memory, refuses edits at once, says so everywhere, and goes on when
// the bucket is back.
func TestCircuitOfTheBucket(t *testing.T) {
	store := memstore.New()
	r := startReady(t, store)
	r.want(201, "POST", "/v1/app", `{"name": "web", "toProcess": "sleep 1000"}`)
	store.Fail(func(op, key string) error { return errors.New("away, for a test") })
	r.until("open", func() bool {
		v, _ := metrictest.Value(r.metrics(), "stathub_store_circuit_open")
		return v == 1
	})
	r.until("refusing edits at once", func() bool { // unless this very edit is the one that asks the bucket again
		began := time.Now()
		a := r.want(503, "PUT", "/v1/app/web", `{"toProcess": "sleep 1"}`)
		return time.Since(began) < time.Second && a.header.Get("Retry-After") != "" && strings.Contains(a.body, "the bucket is out of reach since ")
	})
	r.want(200, "GET", "/v1/app/web", "")
	if got := r.want(200, "GET", "/readyz", "").body; !strings.Contains(got, "out of reach since") {
		t.Errorf("readyz: %s", got)
	}
	for lang, words := range map[string][]string{"en": {"out of reach for", "asked again at"}, "zh-CN": {"无法访问，已持续", "下次重试时间"}} {
		page := r.want(200, "GET", "/?lang="+lang, "").body
		for _, want := range words {
			if !strings.Contains(page, want) {
				t.Errorf("the page in %s does not say %q", lang, want)
			}
		}
	}
	store.Fail(nil)
	r.until("back", func() bool { return r.do("POST", "/v1/app/web/_start", "").status == 200 })
	if v, _ := metrictest.Value(r.metrics(), "stathub_store_circuit_open"); v != 0 {
		t.Error("still open")
	}
	if page := r.want(200, "GET", "/", "").body; !strings.Contains(page, "answers in") {
		t.Error("the page does not say how fast the bucket answers")
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
