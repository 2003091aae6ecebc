package control

import (
	"errors"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
)

// Whatever operation of the store fails, and however long: no instance is taken away, no node is given up, and when the
// store is mended what was asked for happens.
func TestStoreFaults(t *testing.T) {
	for _, op := range []string{"get", "put", "delete", "list", "list-entry", "put-applied", "delete-applied"} {
		for _, kind := range kinds {
			t.Run(op+" "+string(kind), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					w.agents(4)
					w.deploy("web", 6)
					w.wait(5 * time.Second)
					before := w.placed("web")
					var broken atomic.Bool
					broken.Store(true)
					w.store.Fail(func(o, key string) error {
						if broken.Load() && o == op && strings.HasPrefix(key, kind.Prefix()) {
							return errors.New("broken for a test")
						}
						return nil
					})
					for range 6 { // a minute: well past the time after which a node is down
						w.wait(10 * time.Second)
						broken.Store(false) // for the test's own look
						if got := w.placed("web"); !maps.Equal(got, before) {
							t.Fatalf("placed %v, before %v", got, before)
						}
						broken.Store(true)
					}
					_, _ = w.c.Scale(t.Context(), "web", 8) // may fail
					broken.Store(false)
					if _, err := w.c.Scale(t.Context(), "web", 8); err != nil {
						t.Fatal(err)
					}
					w.wait(20 * time.Second)
					if got := w.placed("web"); total(got) != 8 {
						t.Fatalf("after the fault: %v", got)
					}
					for id := range before {
						if w.c.Node(id).Value.State != state.NodeUp {
							t.Errorf("%s is %s", id, w.c.Node(id).Value.State)
						}
					}
					if why := w.c.Outage(); why != "" {
						t.Errorf("still an outage: %s", why)
					}
				})
			})
		}
	}
}

// A bucket that cannot be read at the start is waited for.
func TestStartDuringAnOutage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(3)
		w.deploy("web", 3)
		w.wait(5 * time.Second)
		before := w.manifests()
		for _, kind := range kinds {
			w.halt()
			var broken atomic.Bool
			broken.Store(true)
			w.store.Fail(func(op, key string) error {
				if broken.Load() && (op == "list" || op == "get") && strings.HasPrefix(key, kind.Prefix()) {
					return errors.New("broken for a test")
				}
				return nil
			})
			w.startMaster()
			w.wait(10 * time.Second)
			if w.c.Missing()[kind.Prefix()] == "" {
				t.Errorf("without %s the master calls itself ready", kind)
			}
			broken.Store(false)
			w.wait(10 * time.Second)
			if m := w.c.Missing(); len(m) > 0 {
				t.Errorf("after the outage of %s: %v", kind, m)
			}
		}
		for id, m := range w.manifests() {
			if m.Generation != before[id].Generation {
				t.Errorf("the manifest of %s was rewritten", id)
			}
		}
	})
}

// malformed are contents that no document may have; a folder in its place is tried apart.
var malformed = map[string]string{
	"empty":          "",
	"truncated":      `{"name": "web", "toProcess": "ru`,
	"not JSON":       "hello",
	"null":           "null",
	"a list":         "[]",
	"wrong types":    `{"name": 1, "app": 2, "id": 3, "node": 4, "toProcess": []}`,
	"another's name": `{"name": "other", "app": "other", "id": "other", "node": "other", "toProcess": "x"}`,
	"NUL bytes":      "\x00\x00\x00\x00",
	"not UTF-8":      "{\"name\": \"\xff\xfe\"}",
	"garbage":        strings.Repeat("\xa5garbage", 2<<20), // past the limit
	"breaks rules":   `{"toProcess": "", "scale": -1, "tags": ["", ""], "apps": [{"app": {"name": "web", "toProcess": ""}}], "instances": [{"app": "/"}]}`,
}

func TestMalformedDocuments(t *testing.T) {
	keys := []string{"apps/web.json", "choreos/web.json", "nodes/n1.json", "manifests/n1.json", "reports/n1.json"}
	for shape, text := range malformed {
		for _, key := range keys {
			t.Run(shape+" "+key, func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					all := w.agents(2)
					w.deploy("web", 4)
					w.deploy("db", 2)
					w.wait(5 * time.Second)
					before, good := w.manifests(), w.get(key)
					if key == "reports/n1.json" {
						all[0].stop() // else it mends it
					}
					w.put(key, text)
					w.wait(8 * time.Second)
					if w.c.trouble(key) == nil {
						t.Error("the picture does not say what is wrong")
					}
					if key == "manifests/n1.json" {
						if w.get(key) != text {
							t.Error("a document that cannot be read was overwritten")
						}
					} else if got := w.placed("web"); got["n1"] != 2 || got["n2"] != 2 {
						t.Errorf("web is placed %v", got)
					}
					if w.c.Node("n1").Value.State != state.NodeUp {
						t.Error("the node counts as down")
					}
					if _, err := w.c.Scale(t.Context(), "db", 3); err != nil {
						t.Error(err)
					}
					w.wait(5 * time.Second)
					if key != "manifests/n1.json" {
						if got := w.placed("db"); total(got) != 3 {
							t.Errorf("the other documents do not go on: db is placed %v", got)
						}
					}
					state.Encode(w.c.Statuses()) // must be fit for JSON, whatever was in the document
					w.restartAndMend(key, good, before)
				})
			})
		}
	}
}

// restartAndMend shows that a new master does no harm either, and that all is well once the document is.
func (w *world) restartAndMend(key, good string, before map[string]*state.Manifest) {
	w.t.Helper()
	w.halt()
	w.startMaster()
	w.wait(8 * time.Second)
	for id, m := range w.manifests() {
		if e := m.Entry("web"); e == nil || e.Count != before[id].Entry("web").Count {
			w.t.Errorf("a new master changed web on %s: %+v", id, e)
		}
	}
	w.put(key, good)
	w.wait(10 * time.Second)
	if err := w.c.trouble(key); err != nil {
		w.t.Errorf("mended, but: %v", err)
	}
	w.wantPlaced("web", 4)
	w.wantPlaced("db", 3)
}

func TestFolderInPlaceOfADocument(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(2)
		w.deploy("web", 2)
		w.wait(5 * time.Second)
		for _, key := range []string{"apps/web.json", "manifests/n1.json"} {
			good := w.get(key)
			if err := w.store.Delete(t.Context(), key, ""); err != nil {
				t.Fatal(err)
			}
			w.put(key+"/readme.txt", "this is a folder")
			w.wait(5 * time.Second)
			if err := w.c.trouble(key); err == nil {
				t.Errorf("%s: nothing is said", key)
			}
			if err := w.store.Delete(t.Context(), key+"/readme.txt", ""); err != nil {
				t.Fatal(err)
			}
			w.put(key, good)
			w.wait(5 * time.Second)
		}
		w.wantPlaced("web", 2)
	})
}

func TestMissingDocumentsStopNothing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(2)
		w.deploy("web", 4)
		w.wait(5 * time.Second)
		for _, key := range []string{"apps/web.json", "choreos/web.json", "nodes/n1.json", "manifests/n2.json", "reports/n1.json"} {
			if err := w.store.Delete(t.Context(), key, ""); err != nil {
				t.Fatal(err)
			}
			w.wait(10 * time.Second)
			for id, m := range w.manifests() {
				if e := m.Entry("web"); e == nil || e.Count != 2 {
					t.Fatalf("without %s, %s has %+v", key, id, e)
				}
			}
		}
	})
}

func TestJunkIsIgnored(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(1)
		for _, key := range []string{"apps/.web.json.swp", "apps/.DS_Store", "apps/sub/web.json", "nodes/4913", "heartbeats/x/y", "apps/a b.json"} {
			w.put(key, "junk")
		}
		w.deploy("web", 1)
		w.wait(5 * time.Second)
		w.wantPlaced("web", 1)
		if got := w.c.AppNames(); len(got) != 1 {
			t.Fatalf("apps: %v", got)
		}
	})
}
