package logs

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestSilentFilesCostNothingUntilTheyAreWritten(t *testing.T) {
	wake := newWaker()
	if wake == nil {
		t.Skip("the system has no inotify instance to give")
	}
	defer wake.close()
	path := filepath.Join(t.TempDir(), "stdout")
	if err := os.WriteFile(path, []byte("first\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := NewKeeper(func(path string, err error) { t.Errorf("%s: %v", path, err) })
	k.Set([]Limit{{Path: path, MaxBytes: 1 << 20}})
	now := time.Now()
	files := k.merge(nil, now)
	f := files[path]
	for range 3 { // it grew, it did not, and twice not
		k.round(context.Background(), files, wake, now)
		now = now.Add(f.pause)
	}
	if f.pause != armedLook {
		t.Fatalf("a silent file is looked at every %s", f.pause)
	}

	for _, change := range []func() error{
		func() error { return appendTo(path, "more\n") },
		func() error { return os.Rename(path, path+".1") },
	} {
		if !wake.arm(path) { // again, as after two silent looks
			t.Fatal("it cannot be armed again")
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		select {
		case paths := <-wake.events():
			if !slices.Equal(paths, []string{path}) {
				t.Fatalf("told of %q", paths)
			}
			written(files, paths, now)
		case <-time.After(time.Minute):
			t.Fatal("it was not told")
		}
		if next := k.round(context.Background(), files, wake, now); f.pause != newPause || next > newPause {
			t.Fatalf("looked at after %s, the round after %s", f.pause, next)
		}
	}
}

func TestWakerEndsWithNobodyListening(t *testing.T) {
	wake := newWaker()
	if wake == nil {
		t.Skip("the system has no inotify instance to give")
	}
	path := filepath.Join(t.TempDir(), "stdout")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !wake.arm(path) || wake.arm(path+".none") {
		t.Error("armed what is not there, or did not arm what is")
	}
	if err := appendTo(path, "x"); err != nil {
		t.Fatal(err)
	}
	wake.close()
}

func TestLostEventsMakeEveryFileDue(t *testing.T) {
	now := time.Now()
	files := map[string]*tracked{"a": {pause: armedLook}, "b": {pause: busyPause}}
	written(files, nil, now)
	if files["a"].pause != newPause || files["b"].pause != busyPause {
		t.Errorf("a in %s, b in %s", files["a"].pause, files["b"].pause)
	}
}
