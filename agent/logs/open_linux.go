package logs

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// openShared opens a file that others may rename and remove meanwhile.
func openShared(path string, flags int) (*os.File, error) {
	if strings.HasPrefix(path, "/proc/") {
		return openDeleted(path, flags)
	}
	return os.OpenFile(path, flags, 0)
}

// openDeleted opens what a descriptor of a process below /proc leads to (proc.Output), if that is a file of the agent's own
// that was deleted. The process can put any file of the machine there, read it or not (open(2), O_PATH), and give it any
// name in a mount namespace of its own; and the agent may be root.
func openDeleted(path string, flags int) (*os.File, error) {
	refused := func(err error) (*os.File, error) { return nil, &fs.PathError{Op: "open", Path: path, Err: err} }
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return refused(err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return refused(err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 0 || int(st.Uid) != os.Geteuid() {
		return refused(errors.New("the process writes to another file than it was given"))
	}
	return os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), flags&^unix.O_NOFOLLOW, 0)
}
