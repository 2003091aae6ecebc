// Package dirstore keeps a bucket in a directory: every document is a plain file whose path is its key, so that people
// use their editors, cp, git or a USB stick on it. Nothing else is kept beside the documents but one lock file in the
// top folder and, for the moment of a write, a temporary file.
//
// # Promises
//
// A document is replaced by renaming a finished, synced file over it: readers see the old or the new one, and so does
// whoever comes after a crash. Its ETag is a hash of its content. Writers compare and swap under a lock that holds
// between stores, processes and, where the file system passes locks on (NFS does), machines. Readers never lock.
//
// What people do by hand takes no lock and need not be atomic: an editor that writes in place may be seen half-way.
// Such a state has its own ETag and is gone with the next look.
//
// # What counts as a document
//
// Regular files reached without leaving the directory. A symbolic link to a file inside it is read as that file, and a
// Put or Delete replaces or removes the link itself. Documents below a linked folder can be read by their key but are
// not listed. Links that lead out, folders, pipes, sockets and devices are code Invalid to Get, Put and Delete, and List
// leaves them out, together with names that are no keys (backslash, control characters, not UTF-8).
package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"stathub/state"
)

func init() {
	state.Register("file", func(_ context.Context, u *url.URL) (state.Store, error) {
		dir, err := dirOf(u)
		if err != nil {
			return nil, err
		}
		return Open(dir)
	})
}

// dirOf gives the directory that a file URL names.
func dirOf(u *url.URL) (string, error) {
	bad := func(why string) error { return state.Errorf(state.Invalid, "", "state URL %q: %s", u.Redacted(), why) }
	switch {
	case u.Host != "" && u.Host != "localhost", u.Path == "":
		return "", bad("want an absolute path after three slashes, as in file:///var/lib/stathub; relative ones are not accepted")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", bad(`file URLs take no options; write "?" and "#" of a path as %3F and %23`)
	}
	path := filepath.FromSlash(u.Path)
	if drive := path[1:]; filepath.VolumeName(drive) != "" { // file:///C:/dir
		path = drive
	}
	return path, nil
}

// Store is a bucket in a directory.
type Store struct {
	dir    string
	hashes *hashes
	mutex  chan struct{} // held by the one writer of this store: cheaper than the file lock, and fair
	ctx    context.Context
	cancel context.CancelFunc
	works  sync.WaitGroup // watchers
	places chan struct{}  // one value for each that has hints of the operating system
	swept  sweeps
	fault  func(op string) error // tests of this package make labelled operations fail; nil otherwise
}

// Open opens the bucket in dir, an absolute path, and creates the directory if it is missing. A directory that cannot
// be created or is none is code Denied, Invalid or Unavailable. When the directory vanishes later, as with a disk that
// was unmounted, every call is code Unavailable: it is not created again.
func Open(dir string) (*Store, error) {
	if !filepath.IsAbs(dir) {
		return nil, state.Errorf(state.Invalid, "", "state directory %q: want an absolute path", dir)
	}
	dir = filepath.Clean(dir)
	s := &Store{dir: dir, hashes: newHashes(time.Now), mutex: make(chan struct{}, 1), places: make(chan struct{}, maxNotified)}
	if err := os.MkdirAll(dir, 0o700); err != nil { // documents may hold passwords in envs
		return nil, s.failure("", "create the state directory", err)
	}
	root, err := s.root()
	if err != nil {
		return nil, err
	}
	root.Close()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// root opens the directory for one call. It is not kept open: a mount can go and come back under its path.
func (s *Store) root() (*os.Root, error) {
	root, err := os.OpenRoot(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, state.Errorf(state.Unavailable, "", "the state directory %s is gone (not mounted?): %w", s.dir, err)
	case err != nil:
		if fi, statErr := os.Stat(s.dir); statErr == nil && !fi.IsDir() {
			err = syscall.ENOTDIR
		}
		return nil, s.failure("", "open the state directory", err)
	}
	return root, nil
}

// Close ends every Watch and waits for it.
func (s *Store) Close() error {
	s.cancel()
	s.works.Wait()
	return nil
}

const (
	lockName   = ".stathub.lock"
	tempPrefix = ".stathub-"
	tempSuffix = ".tmp"
)

// ownName tells the store's own files from documents, whatever case a file system gives their names back in.
func ownName(name string) bool {
	name = strings.ToLower(name)
	return name == lockName || strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}

// checkKey is state.CheckKey, and refuses the names that the store or the operating system keeps for itself.
func checkKey(key string) error {
	if err := state.CheckKey(key); err != nil {
		return err
	}
	for seg := range strings.SplitSeq(key, "/") {
		if ownName(seg) {
			return state.Errorf(state.Invalid, "", "key %q: %s is a name that the directory store uses itself", key, seg)
		}
		if why := unfitName(seg); why != "" {
			return state.Errorf(state.Invalid, "", "key %q: %s cannot be a file's name on this system: %s", key, seg, why)
		}
	}
	return nil
}

// begin is what every call on a key does first. The caller closes the root.
func (s *Store) begin(ctx context.Context, key, what string) (*os.Root, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ended(ctx, key, what)
	}
	return s.root()
}

// split gives the folder of a key, "." for the top one, and its last segment.
func split(key string) (folder, name string) {
	if i := strings.LastIndexByte(key, '/'); i >= 0 {
		return key[:i], key[i+1:]
	}
	return ".", key
}
