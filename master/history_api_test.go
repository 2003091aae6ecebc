package master

import (
	"net/http"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

type pastRevision struct {
	Revision int64          `json:"revision"`
	App      state.App      `json:"app"`
	Choreo   *state.Choreo  `json:"choreo"`
	Changes  []state.Change `json:"changes"`
	Error    string         `json:"error"`
}

func (r *running) history(t *testing.T, app string) (all []pastRevision) {
	t.Helper()
	r.want(http.StatusOK, "GET", "/v1/app/"+app+"/history", "").into(t, &all)
	return all
}

func TestHistoryAndRollbackOfTheAPI(t *testing.T) {
	r := startReady(t, memstore.New())
	r.want(http.StatusCreated, "POST", "/v1/app", `{"name": "web", "toProcess": "v1", "start": true}`)
	r.until("there is a first revision", func() bool { return len(r.history(t, "web")) == 1 })
	if a := r.want(http.StatusUnprocessableEntity, "POST", "/v1/app/web/_rollback", ""); !strings.Contains(a.body, "no earlier revision") {
		t.Error(a.body)
	}
	r.want(http.StatusOK, "PUT", "/v1/app/web", `{"name": "web", "toProcess": "v2", "start": true}`)
	r.until("there is a second revision", func() bool { return len(r.history(t, "web")) == 2 })
	all := r.history(t, "web")
	if all[0].Revision != 2 || all[0].App.ToProcess != "v2" || len(all[0].Changes) != 1 || all[0].Changes[0].Path != "/app/toProcess" ||
		all[1].Revision != 1 || len(all[1].Changes) != 0 {
		t.Errorf("%+v", all)
	}
	for name, c := range map[string]struct {
		status     int
		body, says string
	}{
		"unknown revision": {http.StatusNotFound, `{"revision": 7}`, "no revision 7"},
		"unknown member":   {http.StatusBadRequest, `{"revison": 1}`, "did you mean"},
		"negative":         {http.StatusUnprocessableEntity, `{"revision": -1}`, "the number of a revision"},
		"wrong type":       {http.StatusBadRequest, `{"revision": "1"}`, "revision"},
		"no object":        {http.StatusBadRequest, `1`, ""},
	} {
		if a := r.want(c.status, "POST", "/v1/app/web/_rollback", c.body); !strings.Contains(a.body, c.says) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	r.want(http.StatusPreconditionFailed, "POST", "/v1/app/web/_rollback", `{"revision": 1}`, "If-Match", `"other"`)
	etag := r.want(http.StatusOK, "GET", "/v1/app/web", "").header.Get("ETag")
	a := r.want(http.StatusOK, "POST", "/v1/app/web/_rollback", "", "If-Match", etag)
	if !strings.Contains(a.body, `"v1"`) || a.header.Get("ETag") == etag {
		t.Errorf("%s with %v", a.body, a.header)
	}
	r.until("the rollback is a revision", func() bool {
		all := r.history(t, "web")
		return len(all) == 3 && all[0].App.ToProcess == "v1"
	})
	for _, path := range []string{"history", "_rollback"} {
		method := map[bool]string{true: "POST", false: "GET"}[path == "_rollback"]
		r.want(http.StatusNotFound, method, "/v1/app/none/"+path, "")
	}
}
