//go:build linux

package main

import (
	"os"
	"slices"
	"testing"
	"time"

	"stathub/agent/proc"
)

func TestMain(m *testing.M) {
	if playing() {
		return
	}
	os.Exit(m.Run())
}

// A short soak with a tenth of the instances. The long one is `make soak`.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	runner, err := proc.NewRunner(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	can, err := runner.Isolate("soak")
	runner.Close()
	if !slices.Contains(can, proc.LimitsMemory) || !slices.Contains(can, "kill") {
		t.Skipf("instances that leak, or leave daemons behind, need cgroups; this machine or user has %q: %v", can, err)
	}
	if err := soak(t.Context(), options{settle: 3 * time.Second, chaos: 10 * time.Second, factor: 0.1}); err != nil {
		t.Error(err)
	}
}
