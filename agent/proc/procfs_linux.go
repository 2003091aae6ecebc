package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// userHZ is the unit of times in /proc/<pid>/stat: ticks per second. It is 100 on every architecture that Go runs on (proc(5)).
const userHZ = 100

// stat is the part of /proc/<pid>/stat that matters here. Field numbers are those of proc_pid_stat(5).
type stat struct {
	pid, ppid, pgrp, session int
	state                    byte   // 3
	utime, stime             uint64 // 14, 15: ticks
	cutime, cstime           uint64 // 16, 17: ticks of children that were waited for
	threads                  int    // 20
	start                    uint64 // 22: ticks since boot
	rss                      int64  // 24: pages
	exitCode                 int    // 52: wait status; 0 without the right to see it
}

// dead says that nothing of the process runs any more. A main thread that ended before its siblings is a zombie too,
// but its process lives.
func (s *stat) dead() bool {
	return s.state == 'X' || s.state == 'x' || s.state == 'Z' && s.threads <= 1
}

var errMalformed = errors.New("malformed /proc entry")

// parseStat parses one line of /proc/<pid>/stat. The command name, field 2, may hold spaces, parentheses and newlines.
func parseStat(data []byte) (stat, error) {
	var s stat
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 1 || end < open {
		return s, errMalformed
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(data[:open])))
	f := strings.Fields(string(data[end+1:])) // f[i] is field i+3
	if err != nil || len(f) < 22 || len(f[0]) != 1 {
		return s, errMalformed
	}
	num := func(field int) int64 {
		n, e := strconv.ParseInt(f[field-3], 10, 64)
		if e != nil {
			err = errMalformed
		}
		return n
	}
	s = stat{
		pid: pid, state: f[0][0], ppid: int(num(4)), pgrp: int(num(5)), session: int(num(6)),
		utime: uint64(num(14)), stime: uint64(num(15)), cutime: uint64(num(16)), cstime: uint64(num(17)),
		threads: int(num(20)), start: uint64(num(22)), rss: num(24),
	}
	if len(f) >= 50 {
		s.exitCode = int(num(52))
	}
	return s, err
}

// readProc reads a file of /proc, which has no size to go by. It spares the poller that os.ReadFile brings along.
func readProc(path string) ([]byte, error) { return readProcInto(path, make([]byte, 0, 1024)) }

// readProcInto is readProc with a buffer to start with. What it gives may lie in it.
func readProcInto(path string, buf []byte) ([]byte, error) {
	fd, err := openRetry(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf = buf[:0]
	for {
		buf = slices.Grow(buf, 512)
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}

func openRetry(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func procPath(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

// readStat gives the stat of pid; an error means that there is no such process, or that it cannot be told.
func readStat(pid int) (stat, error) {
	data, err := readProc(procPath(pid, "stat"))
	if err != nil {
		return stat{}, err
	}
	s, err := parseStat(data)
	if err == nil && s.pid != pid {
		err = fmt.Errorf("%w: /proc belongs to another pid namespace", errMalformed)
	}
	return s, err
}

// readEnv gives the environment that pid was started with, as far as the program has not overwritten it. It is empty
// for processes that may not be looked into.
func readEnv(pid int) []string {
	data, err := readProc(procPath(pid, "environ"))
	if err != nil {
		return nil
	}
	return splitEnv(data)
}

func splitEnv(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
}

// listPIDs gives all pids, ascending.
func listPIDs() ([]int, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	pids := make([]int, 0, len(names))
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// snapshot reads the stat of every process, zombies included, in order of pid. It is not atomic: processes come and go.
func snapshot() ([]stat, error) {
	pids, err := listPIDs()
	if err != nil {
		return nil, err
	}
	all := make([]stat, 0, len(pids))
	for _, pid := range pids {
		if s, err := readStat(pid); err == nil {
			all = append(all, s)
		}
	}
	return all, nil
}

// BootID is different after each boot of the machine, and the same for all its containers.
func BootID() (string, error) {
	data, err := readProc("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("cannot read the boot id: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}
