package dirstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"time"

	"stathub/state"
)

// errLocked: another open of the lock file holds it.
var errLocked = errors.New("locked by another process")

// lockPatience is how long a writer waits for the others. They hold the lock for two system calls; a holder that was
// stopped (SIGSTOP, a frozen machine on NFS) holds it longer.
const lockPatience = 30 * time.Second

// lock makes this store the only writer of the directory, among all processes. The system frees the lock of a process
// that dies.
func (s *Store) lock(ctx context.Context, root *os.Root, key string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockPatience, errors.New("another process holds the lock "+lockName+" for too long"))
	defer cancel()
	select {
	case s.mutex <- struct{}{}:
	case <-ctx.Done():
		return nil, ended(ctx, key, "lock the state directory "+s.dir)
	}
	f, err := s.lockFile(ctx, root, key)
	if err != nil {
		<-s.mutex
		return nil, err
	}
	return func() {
		_ = unlockFile(f) // before the close: a child process that is just being started may still share the file
		f.Close()
		<-s.mutex
	}, nil
}

// lockFile polls, as waiting in the system could not be cancelled.
func (s *Store) lockFile(ctx context.Context, root *os.Root, key string) (*os.File, error) {
	for wait := 100 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		f, err := tryLock(root)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, errLocked) {
			return nil, s.failure(key, "lock "+lockName, err)
		}
		select {
		case <-ctx.Done():
			return nil, ended(ctx, key, "lock the state directory "+s.dir)
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

func tryLock(root *os.Root) (*os.File, error) {
	f, err := openLock(root)
	if err != nil {
		return nil, err
	}
	if err = tryLockFile(f); err == nil {
		err = stillThere(root, f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openLock opens the lock file. A new one may be used by whoever may write to the directory, this process's umask aside.
func openLock(root *os.Root) (*os.File, error) {
	f, err := root.OpenFile(lockName, os.O_RDWR, 0)
	if !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	top, err := root.Stat(".")
	if err != nil {
		return nil, err
	}
	perm := top.Mode().Perm() & 0o666
	f, err = root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
	if errors.Is(err, os.ErrExist) {
		return root.OpenFile(lockName, os.O_RDWR, 0)
	}
	if err == nil {
		_ = f.Chmod(perm)
	}
	return f, err
}

// stillThere: someone who tidied up may have removed the lock file after it was opened, and others lock a new one.
func stillThere(root *os.Root, f *os.File) error {
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	if named, err := root.Stat(lockName); err != nil || !os.SameFile(mine, named) {
		return errLocked
	}
	return nil
}

// noLocks is the error of a file system without locks: a store on it would lose edits.
func noLocks(err error) error {
	return state.Errorf(state.Unsupported, "", "this file system has no file locks, so that edits of two writers would be lost; "+
		"keep the state directory on another (on NFS, run its lock service): %w", err)
}
