package proc

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Start runs a program. When it returns without error the program has been executed, its Identity is known, and its exit
// will be sent on Exits. Errors are *StartError; then nothing runs.
func (r *Runner) Start(spec Spec) (Identity, error) {
	l, err := prepare(spec)
	if err != nil {
		return Identity{}, err
	}
	defer l.close()
	w := &watched{fd: -1, own: true}
	w.marker, _ = markerIn(l.env, r.store)
	pid, err := r.fork(l, w)
	if err != nil {
		return Identity{}, err
	}
	// Nobody but this Runner reaps the child, so the pid is the child's even if it has ended.
	s, err := readStat(pid)
	if err != nil {
		abandon(w, pid)
		return Identity{}, &StartError{Op: "identify", Path: l.path, Err: fmt.Errorf("pid %d: %w", pid, err)}
	}
	w.id = Identity{PID: pid, Start: s.start, Boot: r.boot}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		err = os.ErrClosed
	} else {
		r.contain(w)
		err = r.watch(w)
	}
	if err != nil {
		abandon(w, pid)
		return Identity{}, &StartError{Op: "watch", Path: l.path, Err: err}
	}
	return w.id, nil
}

func newAttr(w *watched, pidfds bool) *syscall.SysProcAttr {
	sys := &syscall.SysProcAttr{}
	if pidfds {
		sys.PidFD = &w.fd
	}
	return sys
}

// abandon ends a child that cannot be watched. It is ours and not reaped, so the pid is safe to use.
func abandon(w *watched, pid int) {
	_ = unix.Kill(-pid, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			break
		}
	}
	if w.fd >= 0 {
		unix.Close(w.fd)
	}
}
