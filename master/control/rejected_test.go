package control

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"stathub/state"
)

// kept gives what is under rejected/ of a node.
func (w *world) kept(node string) (keys []string) {
	w.t.Helper()
	for e, err := range w.store.List(w.t.Context(), state.KindRejected.Prefix()+node+"/") {
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, e.Key)
	}
	return keys
}

// A manifest that stays unreadable for a minute is kept, and then written again as it last could be read: people's entries
// and members too.
func TestRejected(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		w.deploy("web", 2)
		w.wait(5 * time.Second)
		m := w.manifests()["n1"]
		m.Apps = append(m.Apps, state.ManifestEntry{App: state.App{Name: "mine", ToProcess: "x", KillSignal: 15, Start: true}, Count: 1, Owner: "ann"})
		m.Extra = jsontext.Value(`{"note":"ann's"}`)
		w.put("manifests/n1.json", string(state.Encode(m)))
		w.wait(5 * time.Second)
		for _, text := range []string{`{"node": "n1", "apps": [`, `{"node": "n1", "apps": [}`} { // somebody types
			w.put("manifests/n1.json", text)
			w.wait(55 * time.Second)
			if got := w.get("manifests/n1.json"); got != text {
				t.Fatalf("after 55 s it is %s", got)
			}
		}
		w.wait(10 * time.Second)
		if kept := w.kept("n1"); len(kept) != 1 || w.get(kept[0]) != `{"node": "n1", "apps": [}` {
			t.Fatalf("kept: %v", kept)
		}
		after := w.manifests()["n1"]
		if after == nil || after.Generation <= m.Generation || state.ContentETag(after.Apps) != state.ContentETag(m.Apps) || string(after.Extra) != string(m.Extra) {
			t.Fatalf("the manifest is %s, before it was %s", state.Encode(after), state.Encode(m))
		}
		w.wantReplaced("line 1 column 25")
		w.wait(5 * time.Minute)
		if kept := w.kept("n1"); len(kept) != 1 {
			t.Errorf("kept: %v", kept)
		}
	})
}

// Nothing is overwritten that is not kept, and nothing that changed meanwhile.
func TestRejectedIsKeptFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		w.deploy("web", 2)
		w.wait(5 * time.Second)
		var full, typing atomic.Bool
		full.Store(true)
		const bad, worse = `{"bad": `, `{"worse": `
		w.store.Fail(func(op, key string) error {
			if op != "put" || !strings.HasPrefix(key, "rejected/") {
				return nil
			}
			if full.Load() {
				return errors.New("the bucket is full")
			}
			if typing.Swap(false) {
				w.put("manifests/n1.json", worse)
			}
			return nil
		})
		w.put("manifests/n1.json", bad)
		w.wait(2 * time.Minute)
		if got := w.get("manifests/n1.json"); got != bad {
			t.Fatalf("without a copy it became %s", got)
		}
		typing.Store(true)
		full.Store(false)
		w.wait(20 * time.Second)
		if got := w.get("manifests/n1.json"); got != worse {
			t.Fatalf("it was edited and became %s", got)
		}
		w.wait(90 * time.Second)
		if kept := w.kept("n1"); len(kept) != 2 || w.get(kept[0]) != bad && w.get(kept[1]) != bad {
			t.Errorf("kept: %v", kept)
		}
		w.wantPlaced("web", 2)
	})
}

// What a master that starts finds unreadable it has never read: it writes it anew only where the node runs nothing that a
// person may have changed.
func TestRejectedAndNeverRead(t *testing.T) {
	for name, c := range map[string]struct {
		mine bool
		want int // documents under rejected/
	}{"as the documents say": {false, 1}, "and a person's": {true, 0}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.agents(1)
				w.deploy("web", 2)
				w.wait(5 * time.Second)
				if c.mine {
					m := w.manifests()["n1"]
					m.Entry("web").App.Args = []string{"--mine"}
					w.put("manifests/n1.json", string(state.Encode(m)))
					w.wait(5 * time.Second)
				}
				w.halt()
				w.put("manifests/n1.json", `{"no": "list"}`)
				w.startMaster()
				w.wait(2 * time.Minute)
				if kept := w.kept("n1"); len(kept) != c.want {
					t.Errorf("kept %v, want %d", kept, c.want)
				}
				if m := w.manifests()["n1"]; !c.mine && m.Entry("web").Instances() != 2 {
					t.Errorf("the manifest is %s", state.Encode(m))
				}
				if got := w.get("manifests/n1.json"); c.mine && got != `{"no": "list"}` {
					t.Errorf("the manifest is %s", got)
				}
			})
		})
	}
}

// An editor that moves the old document away before it writes the new one is not seen: no document of any kind is taken for
// gone, and none is written in between.
func TestAwayForAMoment(t *testing.T) {
	for _, key := range []string{"apps/web.json", "choreos/web.json", "nodes/n1.json", "manifests/n1.json"} {
		t.Run(key, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.agents(1)
				w.deploy("web", 2)
				w.wait(5 * time.Second)
				text := w.get(key)
				for range 3 {
					if err := w.store.Delete(t.Context(), key, ""); err != nil {
						t.Fatal(err)
					}
					w.wait(3 * time.Second)
					if got := w.get(key); got != "" {
						t.Fatalf("it was written: %s", got)
					}
					if len(w.c.AppNames()) != 1 || w.c.App("web").ETag == "" || w.c.Choreo("web").ETag == "" || w.c.Node("n1").ETag == "" || w.c.Manifest("n1").ETag == "" {
						t.Fatal("it is taken for gone")
					}
					w.put(key, text)
					w.wait(5 * time.Second)
				}
				if got := w.get(key); got != text {
					t.Errorf("it became %s", got)
				}
			})
		})
	}
}

// wantReplaced fails unless exactly one manifest was replaced, for the reason given.
func (w *world) wantReplaced(why string) {
	w.t.Helper()
	var told []string
	for _, e := range w.events() {
		if strings.HasPrefix(e, ManifestReplaced) {
			told = append(told, e)
		}
	}
	if len(told) != 1 || !strings.Contains(told[0], why) || !strings.Contains(told[0], "rejected/n1/") {
		w.t.Errorf("told %q", told)
	}
}
