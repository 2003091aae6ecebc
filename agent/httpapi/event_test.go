package httpapi

import (
	"strings"
	"testing"
	"time"

	"stathub/agent/crash"
	"stathub/state"
)

const crashName = "web.0-20260102T030405Z.txt"

func (f *fakeSupervisor) Events(limit int) []state.Event {
	all := []state.Event{
		{ID: "2", Kind: "instance.exit", App: "web", Instance: "n1/web.0", Count: 3, Message: "exit code 1"},
		{ID: "1", Kind: "agent.start", Message: "the agent starts"},
	}
	return all[:min(limit, len(all))]
}

func (f *fakeSupervisor) Crashes() []crash.Kept {
	return []crash.Kept{{Name: crashName, App: "web", Instance: "n1/web.0", At: time.Unix(0, 0).UTC(), Bytes: 9}}
}

func (f *fakeSupervisor) Crash(name string) ([]byte, error) {
	if name != crashName {
		return nil, state.Errorf(state.NotFound, "", "no crash is called %q", name)
	}
	return []byte("panic \xff!\n"), nil
}

func TestEvents(t *testing.T) {
	h := Handler(&fakeSupervisor{}, nil, Options{})
	all := decode[[]state.Event](t, ask(h, "GET", "/v1/event", ""), 200)
	if len(all) != 2 || all[0].Count != 3 || all[0].Instance != "n1/web.0" {
		t.Errorf("got %+v", all)
	}
	if one := decode[[]state.Event](t, ask(h, "GET", "/v1/event?limit=1", ""), 200); len(one) != 1 {
		t.Errorf("got %+v", one)
	}
	if w := ask(h, "GET", "/v1/event?limit=x", ""); w.Code != 400 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestCrashes(t *testing.T) {
	h := Handler(&fakeSupervisor{}, nil, Options{})
	kept := decode[[]crash.Kept](t, ask(h, "GET", "/v1/crash", ""), 200)
	if len(kept) != 1 || kept[0].Name != crashName {
		t.Fatalf("got %+v", kept)
	}
	w := ask(h, "GET", "/v1/crash/"+kept[0].Name, "")
	if w.Code != 200 || w.Body.String() != "panic \xff!\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		t.Errorf("status %d, %v: %s", w.Code, w.Header(), w.Body)
	}
	if w := ask(h, "GET", "/v1/crash/..%2fx", ""); w.Code != 404 {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}
