package mirror

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

func TestReportsWaitForManifests(t *testing.T) {
	for _, c := range []struct {
		name, key string
		burst     time.Duration // for so long a manifest is being written
		want      time.Duration // that the client's write takes
	}{
		{"a short burst", "reports/n1.json", 250 * time.Millisecond, 250 * time.Millisecond},
		{"events too", "events/2026-01-01/n1/x.jsonl", 250 * time.Millisecond, 250 * time.Millisecond},
		{"a long burst", "reports/n1.json", 5 * time.Second, yieldMost},
		{"nothing is written", "reports/n1.json", 0, 0},
		{"what people write", "artifacts/x", 5 * time.Second, 0},
		{"manifests of clients", "manifests/n1.json", 5 * time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := memstore.New()
				store.Fail(func(op, key string) error {
					if op == "put" && key == "manifests/slow.json" {
						time.Sleep(c.burst)
					}
					return nil
				})
				m := New(store, Options{})
				go m.Put(t.Context(), "manifests/slow.json", bytes.NewReader(nil), state.Condition{})
				synctest.Wait()
				began := time.Now()
				if _, err := m.Gateway().Put(t.Context(), c.key, bytes.NewReader(nil), state.Condition{}); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != c.want {
					t.Errorf("it takes %s, want %s", took, c.want)
				}
				time.Sleep(c.burst)
			})
		})
	}
}

// A burst that follows another one makes clients wait anew, and a burst that is over does not end the next one early.
func TestBurstsFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		first := turns.begin()
		time.Sleep(yieldMost * 9 / 10)
		first()
		second := turns.begin()
		began := time.Now()
		done, err := turns.take(t.Context(), "reports/n1.json")
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != yieldMost {
			t.Errorf("it takes %s, want %s", took, yieldMost)
		}
		done()
		second()
	})
}

func TestTurnsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := newTurns()
		var at, most atomic.Int64
		for range 3 * clientsAtOne {
			go func() {
				done, err := turns.take(t.Context(), "reports/n1.json")
				if err != nil {
					t.Error(err)
					return
				}
				defer done()
				most.Store(max(most.Load(), at.Add(1)))
				time.Sleep(time.Second)
				at.Add(-1)
			}()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := turns.take(ctx, "reports/n1.json"); state.CodeOf(err) != state.Unavailable {
			t.Errorf("one too many: %v", err)
		}
		end := turns.begin()
		if _, err := turns.take(ctx, "reports/n1.json"); state.CodeOf(err) != state.Unavailable {
			t.Errorf("while a manifest is written: %v", err)
		}
		end()
		time.Sleep(5 * time.Second)
		if most.Load() != clientsAtOne || at.Load() != 0 {
			t.Errorf("%d at one time, want %d; %d are left", most.Load(), clientsAtOne, at.Load())
		}
	})
}
