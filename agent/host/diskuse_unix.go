//go:build unix

package host

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// blockSize is the unit of st_blocks (stat(2)).
const blockSize = 512

func (w *walk) root(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	if err := w.add(st.Blocks * blockSize); err != nil {
		unix.Close(fd)
		return err
	}
	return w.dir(fd, uint64(st.Dev), 0)
}

// dir walks an open directory and closes it. Every step goes from the directory in hand: whoever moves folders about under
// the walk cannot lead it elsewhere.
func (w *walk) dir(fd int, dev uint64, depth int) error {
	d := os.NewFile(uintptr(fd), "directory")
	defer d.Close()
	if depth > maxDepth {
		return ErrDeep
	}
	for {
		names, err := d.Readdirnames(walkBatch)
		for _, name := range names {
			if err := w.entry(fd, name, dev, depth); err != nil {
				return err
			}
		}
		if err != nil {
			return nil // the end, or a directory that was removed
		}
	}
}

func (w *walk) entry(fd int, name string, dev uint64, depth int) error {
	var st unix.Stat_t
	if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || uint64(st.Dev) != dev {
		return nil
	}
	isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if !isDir && st.Nlink > 1 && w.again(file{uint64(st.Dev), st.Ino}) {
		return nil
	}
	if err := w.add(st.Blocks * blockSize); err != nil || !isDir {
		return err
	}
	sub, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) {
		return err
	}
	if err != nil {
		return nil
	}
	var now unix.Stat_t
	if unix.Fstat(sub, &now) != nil || uint64(now.Dev) != dev { // something was mounted, or put in its place
		unix.Close(sub)
		return nil
	}
	return w.dir(sub, dev, depth+1)
}
