package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Somebody wipes the store directory while processes write to their logs there: their output can still be read, and it
// still is bounded, though no name leads to the files any more.
func TestOutputAfterTheStoreWasWiped(t *testing.T) {
	a := newAgent(t)
	a.start()
	a.manifest(`{"apps":[{"app":{"name":"count","logs":{"maxBytes":65536},
		"toProcess":"n=0; while :; do n=$((n+1)); echo line $n of many that fill the log; done"}}]}`)
	pid := a.running(1)[0].PID
	last := func() (n int) {
		var out string
		if err := a.get(fmt.Sprintf("/v1/proc/%d/_stdout?tail=2", pid), &out); err != nil {
			return 0
		}
		fields := strings.Fields(out)
		if len(fields) > 1 {
			n, _ = strconv.Atoi(fields[1])
		}
		return n
	}
	eventually(t, "it writes", func() error {
		if last() < 100 {
			return fmt.Errorf("line %d", last())
		}
		return nil
	})
	entries, err := os.ReadDir(a.o.StoreDirectory)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "state" {
			continue // the bucket of this agent
		}
		// The agent may write there at the very moment.
		eventually(t, "the store is wiped", func() error { return os.RemoveAll(filepath.Join(a.o.StoreDirectory, e.Name())) })
	}
	wiped := last()
	eventually(t, "the lines go on, and take no more room than they may", func() error {
		var st syscall.Stat_t
		if err := syscall.Stat(fmt.Sprintf("/proc/%d/fd/1", pid), &st); err != nil {
			return err
		}
		if n := last(); n < wiped+10_000 || st.Size < 1<<20 || st.Blocks*512 > 200<<10 {
			return fmt.Errorf("line %d after %d, %d bytes, %d of them on disk", n, wiped, st.Size, st.Blocks*512)
		}
		return nil
	})
	if got := a.running(1)[0].PID; got != pid {
		t.Error("it was restarted")
	}
	a.manifest(`{"apps":[]}`)
	a.running(0)
}
