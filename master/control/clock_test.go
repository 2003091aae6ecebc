package control

import (
	"testing"
	"time"

	"stathub/state/memstore"
)

// A clock that is set while a rollout goes on must not be taken for a deadline that has passed: what measures time in a
// plan has to have a monotonic reading, and what is written has to have none.
func TestPlansMeasureTimeMonotonically(t *testing.T) {
	c := New(Options{Store: memstore.New()})
	in, _ := c.input(t.Context())
	if in.Now == in.Now.Round(0) {
		t.Error("the time of a plan has no monotonic reading")
	}
	if written := in.Now.UTC().Truncate(time.Millisecond); written != written.Round(0) || written.Nanosecond()%1e6 != 0 {
		t.Errorf("%v would be written", written)
	}
}
