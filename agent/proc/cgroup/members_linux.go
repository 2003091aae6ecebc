package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Members gives the pids of the processes in the group of an instance, those in groups below it included, and not one more.
// There is none where there is no group. Zombies do not count.
func (t *Tree) Members(marker string) ([]int, error) {
	name, err := dirName(marker)
	if err != nil {
		return nil, nil
	}
	return members(filepath.Join(t.home, name))
}

func members(dir string) ([]int, error) {
	data, err := read(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pids []int
	for line := range strings.Lines(data) {
		// 0 is a process of another pid namespace.
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 1 && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	for _, below := range children(dir) {
		more, err := members(below)
		if err != nil {
			return nil, err
		}
		pids = append(pids, more...)
	}
	return pids, nil
}

// children gives the groups right below one. A group without has two links, as any directory.
func children(dir string) []string {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil || st.Nlink <= 2 {
		return nil
	}
	entries, _ := os.ReadDir(dir)
	var all []string
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all
}

// read gives a file of the kernel's whole. It spares the poller that os.ReadFile brings along.
func read(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 512)
	for {
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return "", &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return string(buf), nil
		}
		if buf = buf[:len(buf)+n]; len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf))
		}
	}
}

// Member gives the marker of the instance in whose group a process is.
func (t *Tree) Member(pid int) (marker string, ok bool) {
	text, err := read("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return "", false
	}
	folder := "/" + family + "/" + filepath.Base(t.home) + "/"
	for _, path := range parseOwn(text) {
		if _, rest, found := strings.Cut(path, folder); found {
			name, _, _ := strings.Cut(rest, "/")
			if marker, ok := markerOf(strings.TrimSuffix(name, " (deleted)")); ok {
				return marker, true
			}
		}
	}
	return "", false
}

// Groups gives the markers of all groups that there are, this agent's and those of earlier ones.
func (t *Tree) Groups() []string {
	var all []string
	for _, dir := range children(t.home) {
		if marker, ok := markerOf(filepath.Base(dir)); ok {
			all = append(all, marker)
		}
	}
	return all
}
