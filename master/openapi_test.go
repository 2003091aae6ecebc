package master

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"stathub/state"
	"stathub/state/memstore"
)

// described is the OpenAPI document of a running master, and what compiles its schemas.
type described struct {
	paths    map[string]any
	compiler *jsonschema.Compiler
}

func readDescription(t *testing.T, m *running) described {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(m.want(http.StatusOK, "GET", "/v1/openapi.json", "").body))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:api", doc); err != nil {
		t.Fatal(err)
	}
	return described{doc.(map[string]any)["paths"].(map[string]any), c}
}

// check holds an answer against what is said of it.
func (d described) check(method, path string, a answer) error {
	op, ok := d.paths[path].(map[string]any)[strings.ToLower(method)].(map[string]any)
	if !ok {
		return fmt.Errorf("not described")
	}
	responses := op["responses"].(map[string]any)
	status := fmt.Sprint(a.status)
	if responses[status] == nil {
		if a.status < 400 {
			return fmt.Errorf("status %d is not described", a.status)
		}
		status = "default"
	}
	content, _ := responses[status].(map[string]any)["content"].(map[string]any)
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if content[media] == nil {
		if a.body == "" || content["*/*"] != nil {
			return nil
		}
		return fmt.Errorf("status %d comes as %s, which is not described", a.status, media)
	}
	if !strings.HasSuffix(media, "json") {
		return nil
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	s, err := d.compiler.Compile("urn:api#/paths/" + escape.Replace(path) + "/" + strings.ToLower(method) + "/responses/" + status + "/content/" + escape.Replace(media) + "/schema")
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// What a running master answers is as its description says.
func TestAnswersAreAsDescribed(t *testing.T) {
	m := startReady(t, memstore.New())
	m.agent("n1", state.Instance{ID: "n1/web.0", App: "web", Spec: "s", PID: 7, State: state.Running, Health: state.HealthUnknown})
	d := readDescription(t, m)
	const app = `{"name": "web", "toProcess": "sleep", "args": ["9"]}`
	for _, q := range []struct{ method, path, of, body string }{
		{"POST", "/v1/app", "", app}, {"POST", "/v1/app", "", app}, {"POST", "/v1/app", "", `{"name": 1}`}, {"POST", "/v1/app", "", `{"nam": "x"}`},
		{"GET", "/v1/app", "", ""}, {"GET", "/v1/app?full=true", "/v1/app", ""}, {"GET", "/v1/app?full=x", "/v1/app", ""},
		{"PUT", "/v1/app/web/choreo", "/v1/app/{name}/choreo", `{"app": "web", "query": "*", "scale": 1}`},
		{"GET", "/v1/app/web/choreo", "/v1/app/{name}/choreo", ""}, {"GET", "/v1/choreo", "", ""},
		{"POST", "/v1/app/web/_start", "/v1/app/{name}/_start", ""}, {"GET", "/v1/app/web", "/v1/app/{name}", ""}, {"GET", "/v1/app/x", "/v1/app/{name}", ""},
		{"PUT", "/v1/app/web", "/v1/app/{name}", app}, {"GET", "/v1/app/web/_scale", "/v1/app/{name}/_scale", ""}, {"POST", "/v1/app/web/_scale", "/v1/app/{name}/_scale", "2"},
		{"POST", "/v1/app/web/_scale", "/v1/app/{name}/_scale", "many"}, {"GET", "/v1/app/web/_query", "/v1/app/{name}/_query", ""}, {"POST", "/v1/app/web/_query", "/v1/app/{name}/_query", "tags:ssd"},
		{"GET", "/v1/app/web/_explain", "/v1/app/{name}/_explain", ""}, {"GET", "/v1/app/web/history", "/v1/app/{name}/history", ""},
		{"GET", "/v1/app/web/proc", "/v1/app/{name}/proc", ""}, {"GET", "/v1/app/web/proc?full=true", "/v1/app/{name}/proc", ""},
		{"POST", "/v1/app/web/_restart", "/v1/app/{name}/_restart", ""}, {"POST", "/v1/app/web/_stop", "/v1/app/{name}/_stop", ""},
		{"POST", "/v1/node/_search", "", "*"}, {"POST", "/v1/node/_search", "", "(("}, {"GET", "/v1/node/n1", "/v1/node/{id}", ""}, {"GET", "/v1/node/nx", "/v1/node/{id}", ""},
		{"GET", "/v1/node/n1/tag", "/v1/node/{id}/tag", ""}, {"PUT", "/v1/node/n1/tag", "/v1/node/{id}/tag", `["a"]`}, {"PUT", "/v1/node/n1/tag", "/v1/node/{id}/tag", `[""]`},
		{"GET", "/v1/node/n1/env", "/v1/node/{id}/env", ""}, {"PUT", "/v1/node/n1/env", "/v1/node/{id}/env", `{"A": "b"}`},
		{"POST", "/v1/node/n1/_drain", "/v1/node/{id}/_drain", ""}, {"POST", "/v1/node/n1/_undrain", "/v1/node/{id}/_undrain", ""},
		{"GET", "/v1/node/n1/manifest", "/v1/node/{id}/manifest", ""}, {"GET", "/v1/node/n1/proc", "/v1/node/{id}/proc", ""}, {"GET", "/v1/node/n1/proc/7", "/v1/node/{id}/proc/{pid}", ""},
		{"GET", "/v1/node/n1/crash", "/v1/node/{id}/crash", ""}, {"GET", "/v1/node/n1/proc/7/_stdout", "/v1/node/{id}/proc/{pid}/_stdout", ""},
		{"GET", "/v1/proc", "", ""}, {"GET", "/v1/proc?q=app:web", "/v1/proc", ""}, {"GET", "/v1/event/_search", "", ""}, {"POST", "/v1/event/_search", "", "*"},
		{"GET", "/v1/event/_count", "", ""}, {"GET", "/v1/node/_suggest?q=ta", "/v1/node/_suggest", ""}, {"GET", "/v1/node/_suggest?q=((", "/v1/node/_suggest", ""},
		{"GET", "/v1/bucket", "", ""}, {"GET", "/v1/bucket/apps/web.json", "/v1/bucket/{key}", ""}, {"PUT", "/v1/bucket/apps/web.json", "/v1/bucket/{key}", app}, {"PUT", "/v1/bucket/apps/web.json", "/v1/bucket/{key}", `{`},
		{"GET", "/v1/master", "", ""}, {"GET", "/v1/schema", "", ""}, {"GET", "/v1/schema/app.json", "/v1/schema/{kind}.json", ""}, {"GET", "/v1/schema/x.json", "/v1/schema/{kind}.json", ""},
		{"GET", "/healthz", "", ""}, {"GET", "/readyz", "", ""}, {"GET", "/metrics", "", ""}, {"DELETE", "/v1/node/n1", "/v1/node/{id}", ""}, {"DELETE", "/v1/app/web", "/v1/app/{name}", ""},
	} {
		if q.of == "" {
			q.of = q.path
		}
		a := m.do(q.method, q.path, q.body)
		if err := d.check(q.method, q.of, a); err != nil {
			t.Errorf("%s %s: %v\n%.600s", q.method, q.path, err, a.body)
		}
	}
}
