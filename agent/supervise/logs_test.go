package supervise

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/logs"
	"stathub/state"
)

// kept gives how many bytes of a file are still there; a file that was emptied counts as what it holds now.
func kept(t *testing.T, path string) int64 {
	t.Helper()
	span, err := logs.Locate(path, logs.At(0))
	if err != nil {
		t.Fatal(err)
	}
	return span.End - span.Start
}

func write1MiB(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err == nil {
		_, err = f.Write(bytes.Repeat([]byte("a line of output\n"), 1<<20/17))
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestOutputIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		app := func(more string) { n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run"` + more + `}}]}`) }
		app(``)
		pid := n.wantRunning("n/a.0")["n/a.0"]
		out, err := n.LogPath("", pid, "stdout")
		if err != nil {
			t.Fatal(err)
		}
		errs := filepath.Join(filepath.Dir(out), "stderr.log")
		write1MiB(t, out)
		write1MiB(t, errs)
		time.Sleep(10 * time.Second)
		if kept(t, out) < 1<<20-17 {
			t.Error("output was dropped within the default bound")
		}
		app(`,"logs":{"maxBytes":65536}`)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if a, b := kept(t, out), kept(t, errs); a > 80<<10 || b > 80<<10 {
			t.Errorf("%d and %d bytes are kept", a, b)
		}
		n.stop()
		write1MiB(t, out)
		n.start() // adopts, and goes on
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if a := kept(t, out); a > 80<<10 {
			t.Errorf("%d bytes are kept after an adoption", a)
		}
		if after := n.wantRunning("n/a.0")["n/a.0"]; after != pid {
			t.Error("it was restarted")
		}
		n.stop()
	})
}

// How much is wanted of what was adopted is not known before there is a manifest: nothing is dropped until then.
func TestOutputOfTheUnknownIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(onlyA)
		n.stop()
		if err := os.RemoveAll(n.dir); err != nil {
			t.Fatal(err)
		}
		n.store.Fail(func(string, string) error { return state.Errorf(state.Unavailable, "", "no bucket") })
		n.start()
		bound := func() (b int64) { n.call(func() { b = n.instances["n/a.0"].maxLog }); return b }
		if got := bound(); got != 0 {
			t.Errorf("bounded to %d", got)
		}
		n.store.Fail(nil)
		time.Sleep(5 * time.Second)
		n.settle()
		if got := bound(); got != logs.DefaultMaxBytes {
			t.Errorf("bounded to %d", got)
		}
		n.stop()
	})
}
