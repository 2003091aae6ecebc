package master

import (
	"net/http"
	"strings"
	"testing"

	"stathub/state/memstore"
)

func TestPauseOfTheAPI(t *testing.T) {
	r := startReady(t, memstore.New())
	r.want(http.StatusCreated, "POST", "/v1/app", `{"name": "web", "toProcess": "v1", "start": true}`)
	r.want(http.StatusNotFound, "POST", "/v1/app/web/_pause", "") // no choreography
	r.want(http.StatusNotFound, "POST", "/v1/app/none/_resume", "")
	r.want(http.StatusOK, "POST", "/v1/app/web/_scale", "2")
	if a := r.want(http.StatusOK, "POST", "/v1/app/web/_pause", ""); !strings.Contains(a.body, `"paused": true`) {
		t.Error(a.body)
	}
	if a := r.want(http.StatusOK, "GET", "/v1/app/web/choreo", ""); !strings.Contains(a.body, `"paused": true`) {
		t.Error(a.body)
	}
	if a := r.want(http.StatusOK, "POST", "/v1/app/web/_resume", ""); strings.Contains(a.body, "paused") || strings.Contains(a.body, "update") {
		t.Error(a.body)
	}
	r.want(http.StatusBadRequest, "PUT", "/v1/app/web/choreo", `{"app": "web", "scale": 2, "update": {"paused": "yes"}}`)
}
