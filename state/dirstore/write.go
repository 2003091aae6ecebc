package dirstore

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"stathub/state"
)

// Put is state.Store's. The new file keeps the permissions of the one that it replaces, and its owner where this process
// may give it. An error after the file was renamed, as of a failing disk, is code Unavailable though the document is new.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	const what = "write the document"
	root, err := s.begin(ctx, key, what)
	if err != nil {
		return "", err
	}
	defer root.Close()
	// A write that is lost already costs no more than this look. The one that counts comes under the lock.
	old, err := s.allowed(ctx, root, key, cond)
	if err != nil {
		return "", err
	}
	at, err := openFolder(root, key)
	if err != nil {
		return "", s.failure(key, what, err)
	}
	defer at.Close()
	temp, etag, err := s.writeTemp(ctx, at, key, body, old)
	if err != nil {
		return "", s.failure(key, what, err)
	}
	if err := s.swap(ctx, root, at, temp, key, cond); err != nil {
		_ = at.Remove(temp)
		return "", s.failure(key, what, err)
	}
	if err := s.durable(at); err != nil {
		return "", s.failure(key, "make the document durable", err)
	}
	s.sweep(at, key)
	return etag, nil
}

// swap puts the finished file in its place if the condition still holds.
func (s *Store) swap(ctx context.Context, root, at *os.Root, temp, key string, cond state.Condition) error {
	unlock, err := s.lock(ctx, root, key)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := s.allowed(ctx, root, key, cond); err != nil {
		return err
	}
	if err := s.faulty("rename"); err != nil {
		return err
	}
	_, name := split(key)
	return persist(ctx, func() error { return at.Rename(temp, name) })
}

// allowed checks a Put's condition and what lies in its place, and gives the file that is there, nil for none.
func (s *Store) allowed(ctx context.Context, root *os.Root, key string, cond state.Condition) (fs.FileInfo, error) {
	fi, err := root.Stat(key)
	switch {
	case absent(err) && cond.IfMatch != "":
		return nil, stale(key)
	case absent(err):
		return nil, nil
	case err == nil:
		err = isDocument(fi)
	}
	switch {
	case err != nil:
		return nil, s.failure(key, "write the document", err)
	case cond.IfAbsent:
		return nil, state.Errorf(state.Exists, key, "there is such a document already")
	case cond.IfMatch != "":
		return fi, s.matches(ctx, root, key, cond.IfMatch)
	}
	return fi, nil
}

// matches says code Stale unless the document at key is of this revision.
func (s *Store) matches(ctx context.Context, root *os.Root, key string, want state.ETag) error {
	f, fi, err := openDocument(root, key)
	if absent(err) {
		return stale(key)
	} else if err != nil {
		return s.failure(key, "compare the document", err)
	}
	defer f.Close()
	etag, err := s.etag(ctx, key, f, fi)
	if err != nil {
		return s.failure(key, "compare the document", err)
	}
	if etag != want {
		return stale(key)
	}
	return nil
}

// Delete is state.Store's. Folders that become empty stay.
func (s *Store) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	const what = "delete the document"
	root, err := s.begin(ctx, key, what)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := s.deletable(root, key); err != nil {
		return err
	}
	folder, _ := split(key)
	at, err := enter(root, folder)
	if err != nil {
		return s.readFailure(key, err)
	}
	defer at.Close()
	if err := s.remove(ctx, root, at, key, ifMatch); err != nil {
		return s.failure(key, what, err)
	}
	s.hashes.forget(key)
	if err := s.durable(at); err != nil {
		return s.failure(key, "make the deletion durable", err)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, root, at *os.Root, key string, ifMatch state.ETag) error {
	unlock, err := s.lock(ctx, root, key)
	if err != nil {
		return err
	}
	defer unlock()
	if err := s.deletable(root, key); err != nil {
		return err
	}
	if ifMatch != "" {
		if err := s.matches(ctx, root, key, ifMatch); err != nil {
			return err
		}
	}
	_, name := split(key)
	err = persist(ctx, func() error { return at.Remove(name) })
	if errors.Is(err, fs.ErrNotExist) { // by hand, just now
		return missing(key)
	}
	return err
}

func (s *Store) deletable(root *os.Root, key string) error {
	fi, err := root.Stat(key)
	if err == nil {
		err = isDocument(fi)
	}
	if err != nil {
		return s.readFailure(key, err)
	}
	return nil
}
