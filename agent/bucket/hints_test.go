package bucket

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// A document that vanishes is a change as any other: without a hint nobody looks before the safety net does.
func TestHintsTellOfTheEndOfADocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const key = "manifests/n.json"
		masters := memstore.New()
		write := func() {
			if _, err := state.Write(t.Context(), masters, key, []byte("{}\n"), state.Condition{}); err != nil {
				t.Fatal(err)
			}
		}
		write()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out := make(chan struct{}, 1)
		h := &hinter{masters: masters, jitter: func() float64 { return 0.5 }}
		go h.run(ctx, key, out)
		told := func() bool {
			time.Sleep(2 * hintPoll)
			synctest.Wait()
			select {
			case <-out:
				return true
			default:
				return false
			}
		}
		if !told() {
			t.Error("no hint of the first revision")
		}
		if told() {
			t.Error("a hint without a change")
		}
		if err := masters.Delete(ctx, key, ""); err != nil {
			t.Fatal(err)
		}
		if !told() {
			t.Error("no hint of the end")
		}
		if told() {
			t.Error("a hint while it is gone")
		}
		write()
		if !told() {
			t.Error("no hint of its return")
		}
		cancel()
		synctest.Wait()
	})
}
