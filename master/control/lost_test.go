package control

import (
	"strings"
	"testing"
	"time"

	"stathub/state"
)

// loseApp deletes the document of an app, and waits until the master believes it.
func (w *world) loseApp(name string) {
	w.t.Helper()
	if err := w.store.Delete(w.t.Context(), state.KindApp.Key(name), ""); err != nil {
		w.t.Fatal(err)
	}
	w.wait(10 * time.Second)
	if doc := w.c.App(name); doc.ETag != "" || doc.Value == nil || !doc.Value.Start || w.c.Status(name).State != state.AppLost {
		w.t.Fatalf("the app is %+v, %+v", doc, w.c.Status(name))
	}
}

// An app whose document is gone runs on; that is shown, and told once, with how to end it.
func TestLostApp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(2)
		w.deploy("web", 4)
		w.wait(5 * time.Second)
		before := w.manifests()
		w.loseApp("web")
		w.wait(time.Minute)
		w.wantPlaced("web", 4)
		if names := w.c.AppNames(); len(names) != 1 || names[0] != "web" {
			t.Errorf("apps: %v", names)
		}
		s := w.c.Statuses()["web"]
		if s.Running != 4 || s.Placed != 4 || len(s.Reasons) != 1 || !strings.Contains(s.Reasons[0].Message, "DELETE /v1/app/web") {
			t.Errorf("status %+v", s)
		}
		if got := count(w.events(), "app.lost  web"); got != 1 {
			t.Errorf("it is told %d times", got)
		}
		// Put back, without a word about start, it goes on as if nothing had been.
		_, created, err := w.c.PutApp(t.Context(), "web", state.Condition{}, func(old *state.App) (*state.App, error) {
			if old == nil {
				t.Fatal("the edit starts from nothing")
			}
			return &state.App{Name: "web", ToProcess: "run", KillSignal: 15, Start: old.Start, RestartToken: old.RestartToken}, nil
		})
		if err != nil || !created {
			t.Fatalf("created %v, %v", created, err)
		}
		w.wait(5 * time.Second)
		for id, m := range w.manifests() {
			if state.ContentETag(m.Apps) != state.ContentETag(before[id].Apps) {
				t.Errorf("%s changed to %s", id, state.Encode(m))
			}
		}
		if s := w.c.Status("web"); s.State != state.AppRunning {
			t.Errorf("status %+v", s)
		}
	})
}

func TestLostAppIsDeleted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(2)
		w.deploy("web", 4)
		w.wait(5 * time.Second)
		w.loseApp("web")
		if err := w.c.DeleteApp(t.Context(), "web", state.Condition{}, false); err != nil {
			t.Fatal(err)
		}
		w.wait(10 * time.Second)
		w.wantPlaced("web", 0)
		if w.get("apps/web.json") != "" || w.get("choreos/web.json") != "" || len(w.c.AppNames()) != 0 {
			t.Errorf("left: %s %s %v", w.get("apps/web.json"), w.get("choreos/web.json"), w.c.AppNames())
		}
		if err := w.c.DeleteApp(t.Context(), "web", state.Condition{}, false); state.CodeOf(err) != state.NotFound {
			t.Errorf("once more: %v", err)
		}
	})
}

// An app whose document cannot be read is deleted by somebody who says that this is meant, and by hand with the mark alone.
func TestUnreadableAppIsDeleted(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w *world){
		"by force": func(t *testing.T, w *world) {
			if err := w.c.DeleteApp(t.Context(), "web", state.Condition{}, false); state.CodeOf(err) != state.Nonsense || !strings.Contains(err.Error(), "force=true") {
				t.Errorf("without force: %v", err)
			}
			if err := w.c.DeleteApp(t.Context(), "web", state.Condition{}, true); err != nil {
				t.Fatal(err)
			}
		},
		"by hand": func(t *testing.T, w *world) { w.put("apps/web.json", `{"deleted": true}`) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.agents(2)
				w.deploy("web", 4)
				w.wait(5 * time.Second)
				w.put("apps/web.json", "{\n  \"toProcess\": \"run\",,\n}")
				w.wait(5 * time.Second)
				s := w.c.Status("web")
				if s.State != state.AppBroken || s.Running != 4 || len(s.Unreadable) != 1 || s.Unreadable[0].Key != "apps/web.json" ||
					len(s.Unreadable[0].Errors) != 1 || s.Unreadable[0].Errors[0].Line != 2 {
					t.Errorf("status %+v", s)
				}
				end(t, w)
				w.wait(10 * time.Second)
				w.wantPlaced("web", 0)
				if w.get("apps/web.json") != "" || w.get("choreos/web.json") != "" {
					t.Error("its documents are still there")
				}
			})
		})
	}
}
