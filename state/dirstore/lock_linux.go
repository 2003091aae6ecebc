package dirstore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Locks of the open file description, as fcntl(2) has them: unlike POSIX locks they hold between stores of one process
// and do not vanish when any other descriptor of the file is closed; NFS passes them to the server.

func tryLockFile(f *os.File) error { return setLock(f, unix.F_WRLCK) }
func unlockFile(f *os.File) error  { return setLock(f, unix.F_UNLCK) }

func setLock(f *os.File, kind int16) error {
	for {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Whence: unix.SEEK_SET})
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
			return errLocked
		case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
			return noLocks(err)
		}
		return err
	}
}
