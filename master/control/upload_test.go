package control

import (
	"fmt"
	"hash/maphash"
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// An upload takes as long as it takes; no document waits for it, and neither does the loop.
func TestUploadHoldsUpNoDocument(t *testing.T) {
	store := memstore.New()
	c := New(Options{Store: store, Index: &fakeIndex{nodes: map[string]*state.Node{}}})
	c.setMissing(bucketMissing, "")
	slot := func(key string) uint64 { return maphash.String(c.locks.seed, key) % uint64(len(c.locks.all)) }
	artifact := "artifacts/0"
	for i := 1; slot(artifact) != slot("apps/web.json"); i++ {
		artifact = fmt.Sprintf("artifacts/%d", i)
	}
	begun, release := make(chan struct{}), make(chan struct{})
	store.Fail(func(op, key string) error {
		if op == "put" && key == artifact {
			close(begun)
			<-release
		}
		return nil
	})
	uploaded, created := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := c.PutRaw(t.Context(), artifact, strings.NewReader("large"), state.Condition{})
		uploaded <- err
	}()
	<-begun
	go func() {
		_, err := c.CreateApp(t.Context(), &state.App{Name: "web", ToProcess: "run", KillSignal: 15})
		created <- err
	}()
	select {
	case err := <-created:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the app waits for the upload")
	}
	close(release)
	if err := <-uploaded; err != nil {
		t.Error(err)
	}
}
