package dirstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stathub/state"
)

func openInside(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func putInside(t *testing.T, s *Store, key, text string) state.ETag {
	t.Helper()
	etag, err := state.Write(t.Context(), s, key, []byte(text), state.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return etag
}

func getInside(t *testing.T, s *Store, key string) (string, state.ETag) {
	t.Helper()
	data, e, err := state.Read(t.Context(), s, key, "", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), e.ETag
}

func TestFailingDisk(t *testing.T) {
	for _, c := range []struct {
		op     string
		err    error
		code   state.Code
		says   string
		leaves string
	}{
		{"write", syscall.ENOSPC, state.Unavailable, "full", "old"},
		{"write", syscall.EIO, state.Unavailable, "input/output error", "old"},
		{"sync", syscall.ENOSPC, state.Unavailable, "full", "old"},
		{"sync", syscall.EIO, state.Unavailable, "input/output error", "old"},
		{"rename", syscall.EROFS, state.Denied, "read-only", "old"},
		{"sync-folder", syscall.EIO, state.Unavailable, "durable", "new"},
	} {
		t.Run(fmt.Sprint(c.op, " ", c.err), func(t *testing.T) {
			dir := t.TempDir()
			s := openInside(t, dir)
			etag := putInside(t, s, "apps/web.json", "old")
			s.fault = func(op string) error {
				if op == c.op {
					return c.err
				}
				return nil
			}
			_, err := state.Write(t.Context(), s, "apps/web.json", []byte("new"), state.Condition{IfMatch: etag})
			if state.CodeOf(err) != c.code || !errors.Is(err, c.err) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want code %q, %q and the directory in it", err, c.code, c.says)
			}
			s.fault = nil
			if got, _ := getInside(t, s, "apps/web.json"); got != c.leaves {
				t.Errorf("document is %q, want %q", got, c.leaves)
			}
			if names, _ := os.ReadDir(filepath.Join(dir, "apps")); len(names) != 1 {
				t.Errorf("the folder holds %v, want the document alone", names)
			}
			putInside(t, s, "apps/web.json", "after")
		})
	}
}

func TestUnreadableFileIsListed(t *testing.T) {
	s := openInside(t, t.TempDir())
	putInside(t, s, "apps/a", "text a")
	putInside(t, s, "apps/b", "text b")
	s.fault = func(op string) error {
		if op == "read" {
			return syscall.EIO
		}
		return nil
	}
	n := 0
	for e, err := range s.List(t.Context(), "apps/") {
		if n++; err != nil || e.ETag == "" {
			t.Errorf("List: %+v, %v", e, err)
		}
	}
	if n != 2 {
		t.Errorf("List gives %d documents, want both: leaving one out would say that it is gone", n)
	}
	if _, err := s.Get(t.Context(), "apps/a", ""); state.CodeOf(err) != state.Unavailable {
		t.Errorf("Get: %v, want code unavailable", err)
	}
}

func TestLockHeldByAnother(t *testing.T) {
	s := openInside(t, t.TempDir())
	putInside(t, s, "k", "old")
	root, err := s.root()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	other, err := tryLock(root)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = state.Write(ctx, s, "k", []byte("new"), state.Condition{})
	if state.CodeOf(err) != state.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Put: %v, want code unavailable at the deadline", err)
	}
	if got, _ := getInside(t, s, "k"); got != "old" {
		t.Errorf("document is %q", got)
	}
	written := make(chan error)
	go func() {
		_, err := state.Write(t.Context(), s, "k", []byte("new"), state.Condition{})
		written <- err
	}()
	if err := unlockFile(other); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Errorf("Put once the lock is free: %v", err)
	}
}

// TestLockFileRemoved: someone tidies up while a writer holds the lock. Writers that come after lock a new file, and
// exclude each other all the same.
func TestLockFileRemoved(t *testing.T) {
	dir := t.TempDir()
	a, b := openInside(t, dir), openInside(t, dir)
	putInside(t, a, "k", "0")
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	root, err := a.root()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	old, err := openLock(root)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if err := stillThere(root, old); !errors.Is(err, errLocked) {
		t.Errorf("a lock on a removed file counts: %v", err)
	}
	var wg sync.WaitGroup
	for i, s := range []*Store{a, b} {
		wg.Go(func() { putInside(t, s, "k", fmt.Sprint(i)) })
	}
	wg.Wait()
	if _, err := os.Stat(filepath.Join(dir, lockName)); err != nil {
		t.Error(err)
	}
}
