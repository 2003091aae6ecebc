package supervise

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/events"
	"stathub/state"
)

func TestDiskLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(`{"apps":[
			{"app":{"name":"a","toProcess":"x","resAlloc":{"disk":"1MiB"},"restart":{"maxBackoffSeconds":10}}},
			{"app":{"name":"b","toProcess":"x"}}]}`)
		before := n.wantRunning("n/a.0", "n/b.0")
		for _, app := range []string{"a.0", "b.0"} {
			if err := os.WriteFile(filepath.Join(n.dir, "work", app, "big"), make([]byte, 2<<20), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * diskEvery)
		n.settle()
		after := n.wantRunning("n/b.0")
		i := n.instance("n/a.0")
		if i.State != state.Backoff || !strings.Contains(i.Reason, "resAlloc.disk allows 1 MiB") || !strings.Contains(i.Reason, "free some of "+n.dir) {
			t.Errorf("%s, reason %q", i.State, i.Reason)
		}
		if after["n/b.0"] != before["n/b.0"] || i.Disk < 1<<20 {
			t.Errorf("b: process %d, before %d; disk of a: %d", after["n/b.0"], before["n/b.0"], i.Disk)
		}
		if texts := n.messages(events.InstanceDisk); len(texts) != 1 {
			t.Errorf("told %q", texts)
		}
		time.Sleep(5 * time.Minute)
		if starts := n.runner.startsOf("n/a.0"); len(starts) != 1 {
			t.Errorf("it was started %d times while it was over the limit", len(starts))
		}
		if err := os.Remove(filepath.Join(n.dir, "work", "a.0", "big")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		n.settle()
		n.wantRunning("n/a.0", "n/b.0")
		n.stop()
	})
}

// A directory that cannot be measured to its end has no place for what an app hides below it.
func TestDiskLimitOfEndlessFolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"x","resAlloc":{"disk":"1GiB"}}}]}`)
		n.wantRunning("n/a.0")
		if err := os.MkdirAll(filepath.Join(n.dir, "work", "a.0", strings.Repeat("d/", 300)), 0o755); err != nil {
			t.Skip("this system has no paths that long:", err)
		}
		time.Sleep(2 * diskEvery)
		n.settle()
		if i := n.instance("n/a.0"); i.State != state.Backoff || !strings.Contains(i.Reason, "too deep") {
			t.Errorf("%s, reason %q", i.State, i.Reason)
		}
		if err := os.RemoveAll(filepath.Join(n.dir, "work", "a.0", "d")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		n.settle()
		n.wantRunning("n/a.0")
		n.stop()
	})
}

// Others write to a directory that is named absolutely: an instance is not made to pay for them.
func TestSharedDirectoryHasNoLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.opts.Isolation = []string{IsolationDisk}
		shared := t.TempDir()
		if err := os.WriteFile(filepath.Join(shared, "big"), make([]byte, 2<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"x","workingDirectory":` + string(state.EncodeLine(shared)) + `,"resAlloc":{"disk":"1MiB"}}}]}`)
		time.Sleep(3 * diskEvery)
		n.settle()
		n.wantRunning("n/a.0")
		if i := n.instance("n/a.0"); !strings.Contains(i.Reason, "not enforced: resAlloc.disk") {
			t.Errorf("reason %q", i.Reason)
		}
		n.stop()
	})
}
