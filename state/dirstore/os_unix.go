//go:build unix

package dirstore

import (
	"context"
	"io/fs"
	"os"
	"syscall"
)

// openFlags: without O_NONBLOCK the opening of a pipe waits for its writer.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

func unfitName(string) string { return "" }

// syncFolder makes the names in an open folder durable.
func syncFolder(folder *os.File) error { return folder.Sync() }

// keepOwner gives a new file the owner of the one that it replaces, as far as this process may.
func keepOwner(f *os.File, old fs.FileInfo) {
	if st, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid))
	}
}

// persist does something to a name: it does not matter here who has the file open.
func persist(_ context.Context, do func() error) error { return do() }
