package dirstore

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"stathub/state"
)

// enter opens a folder by its path, "." for the top one. What is no folder is ENOTDIR, which os.Root does not say.
func enter(root *os.Root, folder string) (*os.Root, error) {
	at, err := root.OpenRoot(folder)
	if err != nil {
		if fi, statErr := root.Stat(folder); statErr == nil && !fi.IsDir() {
			return nil, &fs.PathError{Op: "open", Path: folder, Err: syscall.ENOTDIR}
		}
	}
	return at, err
}

// openFolder opens the folder that key's document belongs into, and creates it durably if it is missing.
func openFolder(root *os.Root, key string) (*os.Root, error) {
	folder, _ := split(key)
	at, err := enter(root, folder)
	if !errors.Is(err, fs.ErrNotExist) {
		return at, err
	}
	top, err := root.Stat(".")
	if err != nil {
		return nil, err
	}
	for i := range len(folder) + 1 {
		if i < len(folder) && folder[i] != '/' {
			continue
		}
		err := root.Mkdir(folder[:i], top.Mode().Perm()) // whoever may use the directory may use its folders
		if errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		parent, _ := split(folder[:i])
		if err := syncIn(root, parent); err != nil {
			return nil, err
		}
	}
	return enter(root, folder)
}

func syncIn(root *os.Root, folder string) error {
	f, err := root.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncFolder(f)
}

// durable makes a rename or a removal in a folder outlive a power cut.
func (s *Store) durable(at *os.Root) error {
	if err := s.faulty("sync-folder"); err != nil {
		return err
	}
	return syncIn(at, ".")
}

// writeTemp writes body into a new file beside its place, synced, with the permissions of old if there is one.
// It leaves nothing behind when it fails.
func (s *Store) writeTemp(ctx context.Context, at *os.Root, key string, body io.Reader, old fs.FileInfo) (_ string, _ state.ETag, err error) {
	name := tempPrefix + strings.ToLower(rand.Text()[:16]) + tempSuffix
	f, err := at.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", "", err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed // NFS may report a full disk only here
		}
		if err != nil {
			_ = at.Remove(name)
		}
	}()
	if old != nil {
		keepOwner(f, old)
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return "", "", err
		}
	}
	h := newSum()
	if _, err := io.Copy(io.MultiWriter(writer{s, f}, h), bodyReader{key, withContext{ctx, body}}); err != nil {
		return "", "", err
	}
	if err := errors.Join(s.faulty("sync"), f.Sync()); err != nil {
		return "", "", err
	}
	return name, etagOf(h), nil
}

// bodyReader tells the caller's failing body from a failing disk.
type bodyReader struct {
	key string
	r   io.Reader
}

func (b bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		err = state.Errorf(state.Unavailable, b.key, "cannot read what to write: %w", err)
	}
	return n, err
}

// writer hides os.File's shortcuts, which would bypass the hash, and is where tests let a disk fill up.
type writer struct {
	s *Store
	f *os.File
}

func (w writer) Write(p []byte) (int, error) {
	if err := w.s.faulty("write"); err != nil {
		n, _ := w.f.Write(p[:len(p)/2])
		return n, err
	}
	return w.f.Write(p)
}

func (s *Store) faulty(op string) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(op)
}

const (
	leftover   = time.Hour // a temporary file of this age belongs to no living writer
	sweepEvery = time.Hour
	maxSweeps  = 1000
)

// sweeps remembers when folders were last swept.
type sweeps struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// due says whether it is time, and takes the turn.
func (w *sweeps) due(folder string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, ok := w.last[folder]; ok && now.Sub(last) < sweepEvery {
		return false
	}
	if w.last == nil || len(w.last) >= maxSweeps {
		w.last = map[string]time.Time{}
	}
	w.last[folder] = now
	return true
}

// sweep removes what killed writers left in the folder of key, as far as it can. A writer that is wrongly taken for dead
// fails to rename and reports it.
func (s *Store) sweep(at *os.Root, key string) {
	folder, _ := split(key)
	now := s.hashes.now()
	if !s.swept.due(folder, now) {
		return
	}
	f, err := at.Open(".")
	if err != nil {
		return
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	for _, name := range names {
		if name == lockName || !ownName(name) {
			continue
		}
		if fi, err := at.Lstat(name); err == nil && now.Sub(fi.ModTime()) > leftover {
			_ = at.Remove(name)
		}
	}
}
