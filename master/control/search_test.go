package control

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stathub/master/index"
)

// A master that starts says that it is ready when it finds the nodes that are there, and not later: records that are to be
// written, which takes long where there are many, hold up no search.
func TestReadyToSearch(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.halt()
		w.put("nodes/n1.json", `{"id": "n1"}`) // one alone: a second writer might wait at a mutex for the first, and time would stand still
		var listing, writing atomic.Bool
		listing.Store(true)
		w.store.Fail(func(op, key string) error {
			switch {
			case listing.Load() && op == "list" && key == "heartbeats/":
				return errors.New("no route to host")
			case op == "put" && strings.HasPrefix(key, "nodes/") && writing.CompareAndSwap(false, true):
				time.Sleep(time.Minute)
			}
			return nil
		})
		w.startMaster()
		if found := w.search("*"); found.Total != 0 || !strings.Contains(strings.Join(found.Warnings, ""), "not read yet") {
			t.Errorf("before the bucket was read: %d found, warnings %q", found.Total, found.Warnings)
		}
		if w.c.Missing()["heartbeats/"] == "" {
			t.Errorf("missing: %v", w.c.Missing())
		}
		listing.Store(false)
		w.wait(10 * time.Second)
		if missing := w.c.Missing(); !writing.Load() || len(missing) > 0 {
			t.Errorf("records are written: %v; missing: %v", writing.Load(), missing)
		}
		if found := w.search("*"); found.Total != 1 || len(found.Warnings) > 0 {
			t.Errorf("%d found, warnings %q", found.Total, found.Warnings)
		}
	})
}

func (w *world) search(query string) Found[string] {
	w.t.Helper()
	found, err := w.c.SearchNodes(w.t.Context(), query, index.Options{Size: 10, IncludeDown: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return Found[string]{Total: found.Total, Warnings: found.Warnings}
}
