package cgroup

import (
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	killPatience = 2 * time.Second // for what was killed to be gone; longer only in uninterruptible sleep
	killLook     = time.Millisecond
)

// Kill kills every process in the group of an instance, forks that are under way included, and waits until they are gone.
// It touches nothing else. It is true if there was any. What hangs in the kernel is left, with an error.
func (t *Tree) Kill(marker string) (any bool, err error) {
	name, err := dirName(marker)
	if err != nil {
		return false, nil
	}
	dir := filepath.Join(t.home, name)
	freezer := ""
	for end := time.Now().Add(killPatience); ; time.Sleep(killLook) {
		pids, err := members(dir)
		if err != nil {
			return any, fmt.Errorf("cannot kill a cgroup: %w", err)
		}
		if len(pids) == 0 {
			return any, nil
		}
		if !any {
			t.Renew(marker)
		}
		any = true
		if time.Now().After(end) {
			return any, fmt.Errorf("cannot kill all of a cgroup: %d processes do not die: %v", len(pids), pids)
		}
		if t.v2 != "" && write(dir, "cgroup.kill", "1") == nil { // Linux 5.14
			continue
		}
		if freezer == "" {
			freezer = t.freezer()
		}
		killEach(dir, freezer, pids)
	}
}

func (t *Tree) freezer() string {
	if t.v2 != "" {
		return "cgroup.freeze"
	}
	return "freezer.state"
}

// killEach kills processes one by one. While they are frozen none can end, so that no pid is another's by the time it is
// signalled, and none can fork.
func killEach(dir, freezer string, pids []int) {
	on, off := "FROZEN", "THAWED"
	if freezer == "cgroup.freeze" {
		on, off = "1", "0"
	}
	frozen := write(dir, freezer, on) == nil
	if frozen {
		defer func() { _ = write(dir, freezer, off) }()
	}
	// Descriptors are opened before their processes are seen to be members still.
	fds := make(map[int]int, len(pids))
	for _, pid := range pids {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			fds[pid] = fd
			defer unix.Close(fd)
		}
	}
	now, err := members(dir)
	if err != nil {
		return
	}
	for _, pid := range now {
		if fd, ok := fds[pid]; ok {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		} else if frozen {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}
