package master

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"stathub/state/memstore"
)

func TestBucketAPI(t *testing.T) {
	r := startReady(t, memstore.New())
	const doc = `{"name": "web", "toProcess": "run"}`
	a := r.want(200, "PUT", "/v1/bucket/apps/web.json", doc, "If-None-Match", "*")
	etag := a.header.Get("ETag")
	r.want(409, "PUT", "/v1/bucket/apps/web.json", doc, "If-None-Match", "*")
	r.want(200, "GET", "/v1/app/web", "") // at once
	got := r.want(200, "GET", "/v1/bucket/apps/web.json", "")
	if got.body != doc || got.header.Get("ETag") != etag {
		t.Errorf("got %q, %v", got.body, got.header)
	}
	if s := r.do("GET", "/v1/bucket/apps/web.json", "", "If-None-Match", etag).status; s != http.StatusNotModified {
		t.Errorf("with its ETag: status %d", s)
	}
	r.want(200, "PUT", "/v1/bucket/apps/web.json", doc+"\n", "If-Match", etag)
	r.want(412, "PUT", "/v1/bucket/apps/web.json", doc, "If-Match", etag)
	r.want(412, "DELETE", "/v1/bucket/apps/web.json", "", "If-Match", etag)
	r.want(400, "PUT", "/v1/bucket/apps/web.json", `{"toProces": "run"}`)
	r.want(422, "PUT", "/v1/bucket/apps/web.json", `{"name": "other", "toProcess": "run"}`)
	r.want(400, "PUT", "/v1/bucket/apps/.web.json.swp", `{}`)
	r.want(400, "PUT", "/v1/bucket/choreos/web.json", `{"query": "("}`)
	r.want(400, "PUT", "/v1/bucket/nodes/n.json", `[]`)
	r.want(400, "PUT", "/v1/bucket/reports/n.json", `{"x": 1}`)
	r.want(422, "PUT", "/v1/bucket/manifests/n.json", `{"node": "m"}`)
	r.want(413, "PUT", "/v1/bucket/apps/big.json", strings.Repeat(" ", 1<<20+1))
	r.want(400, "GET", "/v1/bucket/apps//x", "")
	r.want(404, "GET", "/v1/bucket/apps/none.json", "")
	r.want(404, "DELETE", "/v1/bucket/apps/none.json", "")
	r.want(204, "DELETE", "/v1/bucket/apps/web.json", "")
	r.want(404, "GET", "/v1/app/web", "")

	big := strings.Repeat("artifact ", 1<<18)
	r.want(200, "PUT", "/v1/bucket/artifacts/a%20b.zip", big)
	if got := r.want(200, "GET", "/v1/bucket/artifacts/a%20b.zip", ""); got.body != big || got.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("artifact of %d bytes came back with %d: %v", len(big), len(got.body), got.header)
	}
	r.put("apps/broken.json", "{")
	r.put("apps/x.swp", "")
	var list struct {
		Entries []struct{ Key, ETag, Error string }
		More    bool
	}
	r.until("seen", func() bool { return strings.Contains(r.do("GET", "/v1/bucket?prefix=apps/", "").body, "too early") })
	r.want(200, "GET", "/v1/bucket?prefix=apps/", "").into(t, &list)
	if len(list.Entries) != 2 || list.Entries[1].Error == "" || list.More {
		t.Errorf("listing %+v", list)
	}
	r.want(200, "GET", "/v1/bucket?limit=1&after=apps/broken.json", "").into(t, &list)
	if len(list.Entries) != 1 || list.Entries[0].Key != "apps/x.swp" || !list.More {
		t.Errorf("page %+v", list)
	}
	r.want(400, "GET", "/v1/bucket?limit=x", "")
	r.want(422, "GET", "/v1/app/broken", "")
	if got := r.want(200, "GET", "/v1/app?full=true", "").body; !strings.Contains(got, `"broken"`) || !strings.Contains(got, "too early") {
		t.Errorf("list with a broken app: %s", got)
	}
	r.want(200, "POST", "/v1/app/broken/_scale", "3")
	r.want(422, "POST", "/v1/app/broken/_start", "")
	r.want(200, "PUT", "/v1/app/broken", `{"toProcess": "mended"}`)
}

func TestNoSuchRoute(t *testing.T) {
	r := startReady(t, memstore.New())
	r.want(404, "GET", "/v1/nothing", "")
	r.want(404, "GET", "/nothing", "")
	for _, c := range [][2]string{{"DELETE", "/v1/app"}, {"POST", "/v1/app/x"}, {"GET", "/v1/app/x/_start"}, {"PATCH", "/v1/bucket/x"}, {"POST", "/healthz"}} {
		if a := r.want(405, c[0], c[1], ""); a.header.Get("Allow") == "" {
			t.Errorf("%v: no Allow header", c)
		}
	}
	r.want(200, "GET", "/healthz", "")
	r.want(200, "GET", "/", "")
	r.want(403, "POST", "/v1/app", "{}", "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site")
}

func TestBucketOutOfReach(t *testing.T) {
	store := memstore.New()
	down := func(op, key string) error { return errors.New("out of reach, for a test") }
	store.Fail(down)
	r := start(t, store)
	r.want(200, "GET", "/healthz", "")
	if a := r.want(503, "GET", "/readyz", ""); !strings.Contains(a.body, "not ready; missing") {
		t.Errorf("readyz says %s", a.body)
	}
	r.want(503, "POST", "/v1/app", seed(t, "seed-app.json"))
	store.Fail(nil)
	r.until("ready", func() bool { return r.do("GET", "/readyz", "").status == 200 })
	r.want(201, "POST", "/v1/app", seed(t, "seed-app.json"))
	store.Fail(down)
	for _, c := range [][3]string{
		{"POST", "/v1/app/http_server/_start", ""}, {"POST", "/v1/app/http_server/_scale", "3"}, {"DELETE", "/v1/app/http_server", ""},
		{"GET", "/v1/bucket", ""}, {"GET", "/v1/bucket/apps/http_server.json", ""}, {"PUT", "/v1/bucket/artifacts/x", "x"},
	} {
		if a := r.want(503, c[0], c[1], c[2]); a.header.Get("Retry-After") == "" {
			t.Errorf("%v: no Retry-After", c)
		}
	}
	r.want(200, "GET", "/v1/app/http_server", "")
	r.want(200, "GET", "/v1/app", "")
	r.want(200, "GET", "/readyz", "")
	store.Fail(nil)
	r.until("back", func() bool { return r.do("POST", "/v1/app/http_server/_start", "").status == 200 })
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
