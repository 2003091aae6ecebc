package control

import (
	"strings"
	"testing"
	"time"

	"stathub/state"
)

// An app that another master has created a moment ago can be scaled by this one, whose picture lacks it yet; one that
// is nowhere is missing, and what cannot be asked for is not called missing.
func TestScaleOfAnAppThatIsNotInThePicture(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		w.wait(5 * time.Second)
		w.store.Fail(func(op, key string) error { // nothing is read by itself
			if op == "list" {
				return state.Errorf(state.Unavailable, key, "broken for a test")
			}
			return nil
		})
		w.put("apps/new.json", `{"name": "new", "toProcess": "run", "start": true}`)
		if _, err := w.c.Scale(t.Context(), "new", 2); err != nil {
			t.Error(err)
		}
		if _, err := w.c.Scale(t.Context(), "nowhere", 2); state.CodeOf(err) != state.NotFound {
			t.Errorf("an app that is nowhere: %v", err)
		}
		w.store.Fail(func(op, key string) error {
			if strings.HasPrefix(key, "apps/") {
				return state.Errorf(state.Unavailable, key, "broken for a test")
			}
			return nil
		})
		if _, err := w.c.SetQuery(t.Context(), "unknown", "*"); state.CodeOf(err) != state.Unavailable {
			t.Errorf("an app that cannot be looked for: %v", err)
		}
		w.store.Fail(nil)
		w.wait(10 * time.Second)
		w.wantPlaced("new", 2)
	})
}

// Before the bucket was read, what is not in the picture is not known to be missing.
func TestUnread(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		if err := w.c.Unread(); err != nil {
			t.Errorf("after the first look: %v", err)
		}
		w.halt()
		w.store.Fail(func(op, key string) error {
			if op == "list" && key == "apps/" {
				return state.Errorf(state.Unavailable, key, "broken for a test")
			}
			return nil
		})
		w.startMaster()
		w.wait(5 * time.Second)
		if err := w.c.Unread(); state.CodeOf(err) != state.Unavailable || !strings.Contains(err.Error(), "apps/") {
			t.Errorf("with the apps unread: %v", err)
		}
	})
}
