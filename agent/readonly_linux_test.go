package agent

import (
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"stathub/state"
	_ "stathub/state/dirstore"
)

// readOnly gives a path under which what lies in dir can be read, and nothing can be written: a mount where this process
// may mount, else folders without the right to write, which bind everybody but root.
func readOnly(t *testing.T, dir string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		folders := func(mode fs.FileMode) {
			if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					err = os.Chmod(path, mode)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		folders(0o555)
		t.Cleanup(func() { folders(0o755) })
		return dir
	}
	at := t.TempDir()
	if err := unix.Mount(dir, at, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("this process may not mount, and root may write everywhere: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	return at
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var data []byte
			data, err = os.ReadFile(filepath.Join(dir, path))
			all[path] = string(data)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// An agent runs from a folder that it may only read, its files included, and reports elsewhere, or nowhere.
func TestReadOnlyBucket(t *testing.T) {
	for _, where := range []string{"elsewhere", "nowhere", "into the folder"} {
		t.Run(where, func(t *testing.T) {
			stick, desk := t.TempDir(), t.TempDir()
			for key, text := range map[string]string{
				"manifests/n.json": `{"node": "n", "apps": [{"app": {"name": "a", "toProcess": "sh run.sh", "uris": ["bucket:artifacts/run.sh"]}}]}`,
				"artifacts/run.sh": "exec sleep 1000",
			} {
				path := filepath.Join(stick, key)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before := contents(t, stick)
			a := newAgent(t)
			a.o.StateURL = (&url.URL{Scheme: "file", Path: readOnly(t, stick)}).String()
			switch where {
			case "elsewhere":
				a.o.ReportURL = (&url.URL{Scheme: "file", Path: desk}).String()
			case "nowhere":
				a.o.ReportURL = "none"
			}
			a.start()
			a.running(1)
			if where == "elsewhere" {
				eventually(t, "it reports", func() error {
					data, err := os.ReadFile(filepath.Join(desk, "reports", "n.json"))
					if err != nil {
						return err
					}
					r, err := state.Decode[state.Report]("reports/n.json", data)
					if err == nil && (len(r.Instances) != 1 || r.Instances[0].State != state.Running) {
						err = fmt.Errorf("it is %s", data)
					}
					return err
				})
			}
			if err := a.stop(); err != nil {
				t.Errorf("it ends with %v", err)
			}
			if after := contents(t, stick); !maps.Equal(before, after) {
				t.Errorf("the folder was %v, and is %v", before, after)
			}
		})
	}
}
