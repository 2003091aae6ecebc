//go:build unix

package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// nest makes folders in dir, one in the other, deeper than any path is long.
func nest(t *testing.T, dir string, depth int) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	for range depth {
		if err == nil {
			err = unix.Mkdirat(fd, "a", 0o755)
		}
		below := -1
		if err == nil {
			below, err = unix.Openat(fd, "a", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		}
		unix.Close(fd)
		if fd = below; err != nil {
			t.Fatal(err)
		}
	}
	unix.Close(fd)
}

func TestRemoveAll(t *testing.T) {
	outside := t.TempDir()
	kept := filepath.Join(outside, "kept")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, fill := range map[string]func(t *testing.T, dir string){
		"nothing":     func(t *testing.T, dir string) { _ = os.Remove(dir) },
		"empty":       func(*testing.T, string) {},
		"nested deep": func(t *testing.T, dir string) { nest(t, dir, 1000) },
		"many files": func(t *testing.T, dir string) {
			for n := range 600 {
				if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		},
		"links": func(t *testing.T, dir string) {
			if err := errors.Join(os.Symlink(outside, filepath.Join(dir, "a")), os.Symlink(kept, filepath.Join(dir, "b"))); err != nil {
				t.Fatal(err)
			}
		},
		"a link itself": func(t *testing.T, dir string) {
			if err := errors.Join(os.Remove(dir), os.Symlink(outside, dir)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dir")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			fill(t, dir)
			if err := RemoveAll(dir); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Error("it is still there:", err)
			}
			if _, err := os.Stat(kept); err != nil {
				t.Error("what a link leads to:", err)
			}
		})
	}
}

// Deep folders must not use up the files that the agent may open.
func TestRemoveAllOpensFewFiles(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	nest(t, dir, 600)
	few := was
	few.Cur = 250
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Skip("cannot lower the limit:", err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &was)
	if err := RemoveAll(filepath.Join(dir, "a")); err != nil {
		t.Error(err)
	}
}
