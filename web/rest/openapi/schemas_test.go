package openapi

import (
	"net/http/httptest"
	"strings"
	"testing"

	"stathub/web/rest"
)

func TestSchemas(t *testing.T) {
	api := rest.NewRouter(SchemaRoutes())
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		api.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	if list := get("/v1/schema").Body.String(); !strings.Contains(list, `"/v1/schema/choreo.json"`) {
		t.Errorf("the list is %s", list)
	}
	app := get("/v1/schema/app.json")
	for _, part := range []string{`"$schema": "https://json-schema.org/draft/2020-12/schema"`, `"additionalProperties": false`, `"toProcess"`, `"x-unit": "seconds"`} {
		if !strings.Contains(app.Body.String(), part) {
			t.Errorf("the schema of apps has no %s:\n%s", part, app.Body)
		}
	}
	if app.Header().Get("ETag") == "" {
		t.Error("the schema has no revision")
	}
	if w := get("/v1/schema/banana.json"); w.Code != 404 {
		t.Errorf("an unknown kind: %d", w.Code)
	}
}
