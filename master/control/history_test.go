package control

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"stathub/master/history"
	"stathub/state"
)

func TestWhatMakesARevision(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.agents(2)
		w.deploy("web", 2)
		w.wait(time.Second)
		for i, c := range []struct {
			what  string
			do    func() error
			makes bool
		}{
			{"scale", func() error { _, err := w.c.Scale(ctx, "web", 3); return err }, false},
			{"stop", func() error { _, err := w.c.StopApp(ctx, "web"); return err }, false},
			{"start", func() error { _, err := w.c.StartApp(ctx, "web"); return err }, false},
			{"restart", func() error { _, err := w.c.RestartApp(ctx, "web"); return err }, false},
			{"query", func() error { _, err := w.c.SetQuery(ctx, "web", "tag"); return err }, true},
			{"app", func() error { w.put("apps/web.json", `{"name": "web", "start": true, "toProcess": "v2"}`); return nil }, true},
			{"description", func() error {
				w.put("apps/web.json", `{"name": "web", "start": true, "toProcess": "v2", "description": "x"}`)
				return nil
			}, true},
			{"the same", func() error {
				w.put("apps/web.json", `{"description": "x", "toProcess": "v2", "start": true, "name": "web"}`)
				return nil
			}, false},
		} {
			before := strings.Count(w.revisions(), ",")
			if err := c.do(); err != nil {
				t.Fatal(err)
			}
			w.wait(5 * time.Second)
			if made := strings.Count(w.revisions(), ",") > before; made != c.makes {
				t.Errorf("%d, %s: makes a revision: %v; %s", i, c.what, made, w.revisions())
			}
		}
	})
}

func TestHistoryTellsTheChanges(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll("")
		w.edit("v2")
		w.until("v2 is good", func() bool { return w.revisions() == "1 v1 good, 2 v2 good" })
		w.put("history/web/3.json", `{"revision": 3, `)
		w.put("history/web/readme.txt", `mine`)
		all, err := w.c.History(t.Context(), "web")
		if err != nil || len(all) != 3 {
			t.Fatalf("%+v, %v", all, err)
		}
		if all[0].Revision.Revision != 3 || all[0].Error == "" || all[1].Revision.Revision != 2 || all[2].Revision.Revision != 1 || len(all[2].Changes) != 0 {
			t.Errorf("%+v", all)
		}
		if c := all[1].Changes; len(c) != 1 || c[0].Path != "/app/toProcess" || string(c[0].Old) != `"v1"` || string(c[0].New) != `"v2"` {
			t.Errorf("changes %s", state.Encode(&c))
		}
		if _, err := w.c.History(t.Context(), "none"); state.CodeOf(err) != state.NotFound {
			t.Error(err)
		}
		// The next revision comes after the one that cannot be read.
		w.edit("v4")
		w.until("v4 is good", func() bool { return w.revision(4).App.ToProcess == "v4" && !w.revision(4).GoodAt.IsZero() })
	})
}

func TestRollback(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.roll(`, "autoRevert": false`)
		w.edit("v2")
		w.until("v2 is good", func() bool { return w.revisions() == "1 v1 good, 2 v2 good" })
		w.edit("bad")
		w.wait(30 * time.Second)
		if _, err := w.c.Scale(ctx, "web", 5); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.c.Rollback(ctx, "web", 0, state.Condition{IfMatch: "other"}); state.CodeOf(err) != state.Stale {
			t.Errorf("at another revision of the document: %v", err)
		}
		doc, n, err := w.c.Rollback(ctx, "web", 0, state.Condition{IfMatch: w.c.App("web").ETag})
		if err != nil || n != 2 || doc.Value.ToProcess != "v2" || !doc.Value.Start {
			t.Fatalf("%+v, %d, %v", doc.Value, n, err)
		}
		w.until("v2 is back", func() bool {
			return w.revisions() == "1 v1 good, 2 v2 good, 3 bad, 4 v2 good" && w.versions() == "v2:5"
		})
		wantEvents(t, w.events(), "app.rolled-back  web: app web is put back to revision 2")
		if _, n, err = w.c.Rollback(ctx, "web", 0, state.Condition{}); n != 1 || err != nil {
			t.Errorf("once more: %d, %v", n, err)
		}
		if _, err := w.c.StopApp(ctx, "web"); err != nil {
			t.Fatal(err)
		}
		if doc, _, err = w.c.Rollback(ctx, "web", 3, state.Condition{}); err != nil || doc.Value.ToProcess != "bad" || doc.Value.Start {
			t.Errorf("by number, while stopped: %+v, %v", doc.Value, err)
		}
		w.put("history/web/9.json", `[]`)
		for n, code := range map[int64]state.Code{99: state.NotFound, 9: state.Nonsense} {
			if _, _, err := w.c.Rollback(ctx, "web", n, state.Condition{}); state.CodeOf(err) != code {
				t.Errorf("revision %d: %v", n, err)
			}
		}
		if _, _, err := w.c.Rollback(ctx, "none", 1, state.Condition{}); state.CodeOf(err) != state.NotFound {
			t.Error(err)
		}
	})
}

func TestRollbackTakesTheChoreography(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.agents(2)
		w.deploy("web", 2)
		w.wait(5 * time.Second)
		if _, _, err := w.c.Rollback(ctx, "web", 0, state.Condition{}); state.CodeOf(err) != state.Nonsense {
			t.Errorf("there is nothing before: %v", err)
		}
		if _, err := w.c.SetQuery(ctx, "web", "nothing"); err != nil {
			t.Fatal(err)
		}
		w.wait(5 * time.Second)
		if _, err := w.c.Scale(ctx, "web", 7); err != nil {
			t.Fatal(err)
		}
		if _, n, err := w.c.Rollback(ctx, "web", 0, state.Condition{}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if ch := w.c.Choreo("web").Value; ch.Query != "*" || ch.Scale != 7 {
			t.Errorf("%+v", ch)
		}
	})
}

func TestHistoryIsBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.roll(`, "autoRevert": false`)
		for i := range 60 {
			w.edit(fmt.Sprint("bad", i))
			w.wait(2500 * time.Millisecond)
		}
		n := 0
		for e, err := range w.store.List(t.Context(), "history/") {
			if err != nil {
				t.Fatal(err)
			}
			_ = e
			n++
		}
		if n != history.Kept+2 || w.revision(1).GoodAt.IsZero() || w.revision(2).Revision != 0 || w.revision(61).App.ToProcess != "bad59" {
			t.Errorf("%d revisions are kept", n)
		}
	})
}

// A history that cannot be written or read holds nothing up.
func TestWithoutHistory(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.store.Fail(func(_, key string) error {
			if strings.HasPrefix(key, "history/") {
				return errors.New("access denied")
			}
			return nil
		})
		w.agents(2)
		w.deploy("web", 4)
		w.wait(10 * time.Second)
		w.wantPlaced("web", 4)
		w.edit("v2")
		w.until("v2 is everywhere", func() bool { return w.versions() == "v2:4" })
		w.store.Fail(nil)
		w.until("it is recorded", func() bool { return w.revisions() == "1 v2 good" })
	})
}
