package httpapi

import (
	"testing"

	"stathub/web/rest"
)

func TestRestart(t *testing.T) {
	sv := &fakeSupervisor{dir: t.TempDir()}
	h := Handler(sv, nil, Options{Secure: rest.SecureOptions{Loopback: true}})
	for path, want := range map[string]int{"web.0": 202, "42": 202, "web.1": 422, "web.9": 404, "43": 404, "x": 400, "web.": 400} {
		if w := ask(h, "POST", "/v1/proc/"+path+"/_restart", ""); w.Code != want {
			t.Errorf("%s: status %d, want %d: %s", path, w.Code, want, w.Body)
		}
	}
	if w := ask(h, "GET", "/v1/proc/web.0/_stdout?limit=-1", ""); w.Code != 400 {
		t.Errorf("a limit of -1: status %d", w.Code)
	}
	if sv.restarted != 2 {
		t.Errorf("%d restarts, want 2", sv.restarted)
	}
}
