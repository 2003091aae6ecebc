//go:build unix && !linux

package dirstore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flock(2) belongs to the open file, and so holds between stores of one process too.

func tryLockFile(f *os.File) error { return flock(f, unix.LOCK_EX|unix.LOCK_NB) }
func unlockFile(f *os.File) error  { return flock(f, unix.LOCK_UN) }

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return errLocked
		case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
			return noLocks(err)
		}
		return err
	}
}
