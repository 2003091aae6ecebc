package host

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiskUse(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	use := func() int64 {
		t.Helper()
		n, err := DiskUse(t.Context(), dir, math.MaxInt64, 1)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	write := func(path string, size int) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	empty := use()
	const mib = 1 << 20
	write(filepath.Join(dir, "a", "b", "file"), mib)
	one := use()
	if one-empty < mib || one-empty > mib+256<<10 {
		t.Errorf("a file of 1 MiB counts %d bytes", one-empty)
	}
	write(outside, 8*mib)
	near := func(what string, want int64) {
		t.Helper()
		if got := use(); got < want-64<<10 || got > want+64<<10 {
			t.Errorf("%s: %d bytes, want about %d", what, got, want)
		}
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "link")); err == nil {
		near("a link to a folder", one)
	}
	if err := os.Link(filepath.Join(dir, "a", "b", "file"), filepath.Join(dir, "second name")); err == nil {
		near("a second name", one)
	}
	if n, err := DiskUse(t.Context(), dir, mib/2, 1); err != nil || n <= mib/2 {
		t.Errorf("stopping early: %d, %v", n, err)
	}
	if n, err := DiskUse(t.Context(), filepath.Join(dir, "missing"), math.MaxInt64, 1); n != 0 || err != nil {
		t.Errorf("a missing directory: %d, %v", n, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := DiskUse(ended, dir, math.MaxInt64, 0.01); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}

func TestDiskUseOfEndlessFolders(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for range maxDepth + 10 {
		if err := root.Mkdir("d", 0o755); err != nil {
			t.Skip("this system has no folders that deep:", err)
		}
		next, err := root.OpenRoot("d")
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		root = next
	}
	top := strings.TrimSuffix(root.Name(), strings.Repeat("/d", maxDepth+10))
	if _, err := DiskUse(t.Context(), top, math.MaxInt64, 1); !errors.Is(err, ErrDeep) {
		t.Errorf("got %v, want an error", err)
	}
}
