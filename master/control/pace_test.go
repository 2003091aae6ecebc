package control

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// While reports come in one after the other they are listed now and then, and an edit does not wait for that.
func TestAFloodOfReports(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.agents(4)
		w.wait(5 * time.Second)
		const slow, flood = 100 * time.Millisecond, 10 * time.Second
		var lists atomic.Int64
		w.store.Fail(func(op, key string) error {
			if op == "list" && key == state.KindReport.Prefix() {
				lists.Add(1)
				time.Sleep(slow)
			}
			return nil
		})
		for k := range int(flood / (10 * time.Millisecond)) {
			if k == 500 {
				w.deploy("web", 4)
			}
			if k == 550 {
				w.wantPlaced("web", 4)
			}
			w.put("reports/extra.json", fmt.Sprintf(`{"node": "extra", "errors": ["%d"]}`, k))
			w.wait(10 * time.Millisecond)
		}
		least, most := int64(flood/paceMost), int64(flood/(slow*(1+paceRest)))+3
		if n := lists.Load(); n < least || n > most {
			t.Errorf("%d listings in %s that take %s each, want %d to %d", n, flood, slow, least, most)
		}
		w.wait(paceMost + time.Second)
		if doc := w.c.reports.get("extra"); doc.Value == nil || doc.Value.Errors[0] != "999" {
			t.Errorf("the last report was not read: %+v", doc.Value)
		}
	})
}

// remembering has the bytes of what was written through it at hand.
type remembering struct {
	*memstore.Store
	kept map[state.ETag][]byte
}

func (r *remembering) Revision(_ string, etag state.ETag) ([]byte, bool) {
	data, ok := r.kept[etag]
	return data, ok
}

// wrapping is a store around another one.
type wrapping struct{ state.Store }

func (w wrapping) Unwrap() state.Store { return w.Store }

func TestListedRevisionsThatAreAtHandAreNotFetched(t *testing.T) {
	ctx := context.Background()
	store := &remembering{Store: memstore.New(), kept: map[state.ETag][]byte{}}
	write := func(node string, keep bool) {
		t.Helper()
		data := state.Encode(&state.Report{Node: node})
		etag, err := store.Put(ctx, state.KindReport.Key(node), bytes.NewReader(data), state.Condition{})
		if err != nil {
			t.Fatal(err)
		}
		if keep {
			store.kept[etag] = data
		}
	}
	write("kept", true)
	write("other", false)
	for _, s := range []state.Store{store, wrapping{store}} {
		c := New(Options{Store: s, Index: &fakeIndex{}})
		before := store.Counts()["get"]
		if _, err := c.reports.refresh(ctx, s); err != nil {
			t.Fatal(err)
		}
		for _, node := range []string{"kept", "other"} {
			if doc := c.reports.get(node); doc.Value == nil || doc.Value.Node != node || doc.ETag == "" {
				t.Errorf("report of %s: %+v", node, doc)
			}
		}
		if gets := store.Counts()["get"] - before; gets != 1 {
			t.Errorf("%T: %d documents were fetched, want 1", s, gets)
		}
	}
}
