package dirstore_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stathub/state"
	"stathub/state/dirstore"
)

// readOnly gives a path under which what lies in dir can be read, and nothing can be written: a mount where this process
// may mount, else folders without the right to write, which bind everybody but root.
func readOnly(t *testing.T, dir string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		folders := func(mode fs.FileMode) {
			must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					err = os.Chmod(path, mode)
				}
				return err
			}))
		}
		folders(0o555)
		t.Cleanup(func() { folders(0o755) })
		return dir
	}
	at := t.TempDir()
	if err := unix.Mount(dir, at, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("this process may not mount, and root may write everywhere: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(at, unix.MNT_DETACH)) })
	must(t, unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	return at
}

// names gives all that lies in a directory.
func names(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	must(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		all[path] = true
		return err
	}))
	return all
}

// A stick that is mounted to be read only, or belongs to somebody else, is a bucket to read from: nothing is needed in it
// but the documents.
func TestReadOnlyStick(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []string{"manifests/ship-1.json", "artifacts/x", "reports/ship-1.json"} {
		path := filepath.Join(dir, key)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(key), 0o644))
	}
	before := names(t, dir)
	s, err := dirstore.Open(readOnly(t, dir))
	must(t, err)
	defer s.Close()
	data, entry, err := state.Read(t.Context(), s, "manifests/ship-1.json", "", state.MaxDocument)
	if err != nil || string(data) != "manifests/ship-1.json" {
		t.Fatalf("%q, %v", data, err)
	}
	if _, err := s.Get(t.Context(), "manifests/ship-1.json", entry.ETag); state.CodeOf(err) != state.NotModified {
		t.Errorf("an unchanged document: %v", err)
	}
	if _, err := s.Get(t.Context(), "manifests/ship-2.json", ""); state.CodeOf(err) != state.NotFound {
		t.Errorf("a document that is not there: %v", err)
	}
	var keys []string
	for e, err := range s.List(t.Context(), "") {
		must(t, err)
		keys = append(keys, e.Key)
	}
	if !slices.Equal(keys, []string{"artifacts/x", "manifests/ship-1.json", "reports/ship-1.json"}) {
		t.Errorf("it lists %v", keys)
	}
	for _, key := range []string{"reports/ship-1.json", "heartbeats/ship-1", "events/2026-01-02/ship-1/x.jsonl", "top"} {
		if _, err := state.Write(t.Context(), s, key, []byte("new"), state.Condition{}); state.CodeOf(err) != state.Denied {
			t.Errorf("writing %s: %v", key, err)
		}
	}
	if err := s.Delete(t.Context(), "reports/ship-1.json", ""); state.CodeOf(err) != state.Denied {
		t.Errorf("deleting: %v", err)
	}
	if after := names(t, dir); !maps.Equal(before, after) {
		t.Errorf("there were %v, and are %v", before, after)
	}
	hints := s.Watch(t.Context(), "manifests/")
	if os.Geteuid() == 0 { // who mounts it elsewhere to write can change it
		must(t, os.WriteFile(filepath.Join(dir, "manifests", "ship-1.json"), []byte("changed"), 0o644))
		select {
		case <-hints:
		case <-time.After(10 * time.Second):
			t.Error("a change is not noticed")
		}
	}
}
