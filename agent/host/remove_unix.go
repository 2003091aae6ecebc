//go:build unix

package host

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// removeDepth is how many folders are open at a time. One that lies deeper is moved up to the top, to be removed from there.
const removeDepth = 64

func removeAll(dir string) error {
	dir = filepath.Clean(dir)
	parent, err := unix.Open(filepath.Dir(dir), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: dir, Err: err}
	}
	defer unix.Close(parent)
	r := &remover{path: dir, top: -1}
	for before := -1; before != r.gone; {
		before, r.err = r.gone, nil
		if r.entry(parent, filepath.Base(dir), 0); r.err == nil {
			return nil
		}
	}
	return r.err
}

// remover is one removal under way.
type remover struct {
	path string
	top  int   // the open folder that deep ones are moved to; -1: none yet
	gone int   // entries that were removed or moved
	err  error // the first that kept an entry
}

// entry removes what is called name in an open folder. Every step goes from the folder in hand, see walk.dir.
func (r *remover) entry(folder int, name string, depth int) {
	err := retry(func() error { return unix.Unlinkat(folder, name, 0) })
	if err == nil {
		r.gone++
		return
	}
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	fd, dirErr := unix.Openat(folder, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(dirErr, unix.ENOTDIR), errors.Is(dirErr, unix.ELOOP):
		r.fail(err)
		return
	case dirErr == nil && depth > removeDepth:
		unix.Close(fd)
		if err := unix.Renameat(folder, name, r.top, rand.Text()); err != nil {
			r.fail(err)
			return
		}
		r.gone++
		r.fail(unix.ENOTEMPTY) // another pass takes it
		return
	case dirErr == nil:
		r.inside(fd, depth)
	}
	if err := retry(func() error { return unix.Unlinkat(folder, name, unix.AT_REMOVEDIR) }); err == nil {
		r.gone++
	} else if !errors.Is(err, fs.ErrNotExist) {
		r.fail(errors.Join(dirErr, err))
	}
}

// inside removes what is in an open folder, and closes it.
func (r *remover) inside(fd, depth int) {
	d := os.NewFile(uintptr(fd), r.path)
	defer d.Close()
	if depth == 0 {
		r.top = fd
	}
	for {
		names, err := d.Readdirnames(walkBatch)
		for _, name := range names {
			r.entry(fd, name, depth+1)
		}
		if err != nil {
			return // the end; what is left keeps the folder from being removed
		}
	}
}

func (r *remover) fail(err error) {
	if r.err == nil {
		r.err = &fs.PathError{Op: "remove", Path: r.path, Err: err}
	}
}

func retry(do func() error) error {
	for {
		if err := do(); err != unix.EINTR {
			return err
		}
	}
}
