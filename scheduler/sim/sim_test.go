package sim

import (
	"fmt"
	"testing"
	"time"
)

// TestLaws runs small clusters through storms of every kind.
func TestLaws(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			check(t, Options{Seed: seed, Nodes: 12, Apps: 10, Scale: 8, Stormy: 30 * time.Minute, Calm: 30 * time.Minute, Moves: int(seed%2) * 3})
		})
	}
}

// TestThousandsOfNodes is a large cluster in which something happens each second.
func TestThousandsOfNodes(t *testing.T) {
	check(t, Options{Seed: 1, Nodes: 1_000, Apps: 20, Scale: 40, Stormy: 4 * time.Minute, Calm: 16 * time.Minute, Every: 2 * time.Second})
}

func check(t *testing.T, opts Options) {
	t.Helper()
	r := Run(opts)
	for _, v := range r.Violations {
		t.Error(v)
	}
	if r.Placed == 0 || r.Healthy != r.Placed {
		t.Errorf("at the end %d instances are placed and %d healthy", r.Placed, r.Healthy)
	}
	t.Logf("%d nodes, %d of %d placed, %d plans, %d manifests written, %d starts; %v",
		r.Nodes, r.Placed, r.Wanted, r.Plans, r.Writes, r.Starts, r.Happened)
}
