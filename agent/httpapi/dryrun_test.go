package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stathub/state"
)

// A dry run is checked as the edit is, and leaves everything as it is.
func TestDryRun(t *testing.T) {
	api, store := alone(t)
	do := func(status int, method, path, body string, headers ...string) string {
		t.Helper()
		r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != status {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	const app = `{"name": "web", "toProcess": "run"}`
	do(http.StatusOK, "POST", "/v1/app?dryRun=true", app)
	do(http.StatusNotFound, "GET", "/v1/app/web", "")
	do(http.StatusUnprocessableEntity, "POST", "/v1/app?dryRun=true", `{"name": "web", "toProcess": ""}`)
	if got := do(http.StatusOK, "POST", "/v1/app?dryRun=report", `{"name": "web"}`); !strings.Contains(got, `"path": "toProcess"`) {
		t.Errorf("a report: %s", got)
	}
	do(http.StatusNotFound, "PUT", "/v1/app/web/choreo?dryRun=true", `{"scale": 2}`)
	do(http.StatusOK, "PUT", "/v1/manifest?dryRun=true", `{"apps": []}`, "If-None-Match", "*")
	do(http.StatusCreated, "POST", "/v1/app", app)
	do(http.StatusConflict, "POST", "/v1/app?dryRun=true", app)
	do(http.StatusConflict, "PUT", "/v1/manifest?dryRun=true", `{"apps": []}`, "If-None-Match", "*")
	do(http.StatusPreconditionFailed, "PUT", "/v1/app/web?dryRun=true", app, "If-Match", `"x"`)
	do(http.StatusUnprocessableEntity, "PUT", "/v1/app/web/choreo?dryRun=true", `{"query": "ssd"}`)
	got := do(http.StatusOK, "PUT", "/v1/app/web/choreo?dryRun=true", `{"scale": 2, "schedule": {"cron": "0 3 * * *", "timezone": "Asia/Shanghai"}}`)
	if strings.Count(got, "T03:00:00+08:00") != 5 {
		t.Errorf("the next runs are not told: %s", got)
	}
	do(http.StatusOK, "PUT", "/v1/app/web?dryRun=true", `{"toProcess": "other"}`)
	do(http.StatusOK, "PUT", "/v1/manifest?dryRun=true", `{"apps": []}`)
	data, _, err := state.Read(t.Context(), store, "manifests/n1.json", "", state.MaxDocument)
	if err != nil || !strings.Contains(string(data), `"run"`) || strings.Contains(string(data), "cron") {
		t.Errorf("a dry run was written: %s, %v", data, err)
	}
}
