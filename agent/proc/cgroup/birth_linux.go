package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Fork runs fork such that the process it makes is in the group of an instance from its first instruction on. Set has made
// the group. fork is to use the attributes in sys, to which this adds.
func (t *Tree) Fork(marker string, sys *syscall.SysProcAttr, fork func() (int, error)) (int, error) {
	t.mu.Lock()
	g := t.groups[marker]
	t.mu.Unlock()
	if g == nil {
		return 0, fmt.Errorf("%s has no cgroup", marker)
	}
	if t.v2 != "" {
		fd, err := unix.Open(filepath.Join(t.v2, g.name), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return 0, fmt.Errorf("cannot enter a cgroup: %w", err)
		}
		defer unix.Close(fd)
		sys.UseCgroupFD, sys.CgroupFD = true, fd
	}
	if len(g.joins) == 0 {
		return fork()
	}
	var pid int
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		pid, err = t.forkJoined(g, fork)
	}()
	<-done
	return pid, err
}

// forkJoined forks from a thread that enters the groups of v1 first: a child is in those of the thread that made it. The
// thread leaves them again, since it must not be frozen or killed with them. In case that fails it is not let go of, and
// ends with its goroutine: nothing else of the agent ever runs in these groups. The main thread would not end, and the kernel
// would take the whole agent for a member.
func (t *Tree) forkJoined(g *group, fork func() (int, error)) (pid int, err error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			pid, err = t.forkJoined(g, fork)
		}()
		<-done
		runtime.UnlockOSThread()
		return pid, err
	}
	defer func() {
		for _, dir := range g.joins {
			_ = write(t.outside[filepath.Dir(dir)], "tasks", "0")
		}
	}()
	for _, dir := range g.joins {
		if err := write(dir, "tasks", "0"); err != nil {
			return 0, fmt.Errorf("cannot enter a cgroup: %w", err)
		}
	}
	return fork()
}

// probeMarker is an instance that there never is.
const probeMarker = "/probe"

// probe finds out whether limits can be set and processes be born into groups, which kernels and sandboxes may refuse. What
// cannot be had is left out.
func (t *Tree) probe() error {
	var errs []error
	try := func(l Limits) error {
		err := t.Set(probeMarker, l)
		if err == nil {
			sys := &syscall.SysProcAttr{}
			_, err = t.Fork(probeMarker, sys, func() (int, error) {
				// Fails at its exec, and so after its birth.
				pid, err := syscall.ForkExec(filepath.Join(t.home, "no-such-program"), []string{"probe"}, &syscall.ProcAttr{Sys: sys})
				if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
					err = nil
				}
				return pid, err
			})
		}
		return errors.Join(err, t.Remove(probeMarker))
	}
	if err := try(Limits{}); err != nil {
		return fmt.Errorf("no process can be started in a cgroup: %w", err)
	}
	t.births = true
	for c, l := range map[string]Limits{CPU: {CPUs: 1}, Memory: {Mem: 64 << 20}, PIDs: {PIDs: 64}} {
		if err := try(l); err != nil {
			errs = append(errs, err)
			t.refused = append(t.refused, c)
		}
	}
	return errors.Join(errs...)
}
