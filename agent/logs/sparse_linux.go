package logs

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"stathub/state"
)

// openToTrim opens a file to be trimmed: never what a link names, and without waiting for the other end of a pipe. The
// exception is a process's descriptor below /proc (proc.Output): the kernel's link to what was deleted everywhere else.
func openToTrim(path string) (*os.File, error) {
	return openShared(path, os.O_RDWR|unix.O_NONBLOCK|unix.O_NOFOLLOW)
}

// punch frees the blocks of the file's first bytes, which must be a multiple of blockOf. The size stays.
func punch(f *os.File, bytes int64) error {
	return change(f, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, bytes)
}

// collapse removes the file's first bytes, with everything after them moving up (ext4, xfs, f2fs). It is one step for
// whoever appends to the file at the same time.
func collapse(f *os.File, bytes int64) error {
	return change(f, unix.FALLOC_FL_COLLAPSE_RANGE, bytes)
}

func change(f *os.File, mode uint32, bytes int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), mode, 0, bytes)
		switch {
		case err == unix.EINTR:
		case err == unix.EOPNOTSUPP || err == unix.ENOSYS:
			return errors.ErrUnsupported
		default:
			return os.NewSyscallError("fallocate", err)
		}
	}
}

// blockOf is what the file system frees at a time, in bytes.
func blockOf(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Blksize > 0 {
		return int64(st.Blksize)
	}
	return 4096
}

// dataAt finds the first data at offset or after it, and where the hole after it begins, neither further than limit;
// without any data both are limit.
func dataAt(f *os.File, offset, limit int64) (start, end int64, err error) {
	if start, err = seek(f, offset, limit, unix.SEEK_DATA); err != nil || start == limit {
		return limit, limit, err
	}
	if end, err = seek(f, start, limit, unix.SEEK_HOLE); err != nil {
		return limit, limit, err
	}
	if end == start { // trimmed in between: the caller looks again
		end = start + 1
	}
	return start, end, nil
}

func seek(f *os.File, offset, limit int64, whence int) (int64, error) {
	at, err := unix.Seek(int(f.Fd()), offset, whence)
	switch {
	case err == unix.ENXIO: // nothing there, or past the end
		return limit, nil
	case err == unix.EINVAL && whence == unix.SEEK_DATA: // knows no holes
		return min(offset, limit), nil
	case err == unix.EINVAL:
		return limit, nil
	case err != nil:
		return 0, state.Errorf(state.Unavailable, "", "cannot read output: %w", os.NewSyscallError("lseek", err))
	}
	return min(at, limit), nil
}
