package health

import (
	"os/exec"
	"syscall"
)

// endWithAgent can do nothing here: the system has no such bond.
func endWithAgent(*syscall.SysProcAttr) {}

// awaitExit returns when cmd has ended, and leaves it a zombie. It asks kqueue(2): waitid(2) also returns for children that
// were stopped.
func awaitExit(cmd *exec.Cmd) {
	kq, err := syscall.Kqueue()
	if err != nil {
		return
	}
	defer syscall.Close(kq)
	syscall.CloseOnExec(kq)
	var event syscall.Kevent_t
	syscall.SetKevent(&event, cmd.Process.Pid, syscall.EVFILT_PROC, syscall.EV_ADD|syscall.EV_ONESHOT)
	event.Fflags = syscall.NOTE_EXIT
	for {
		// ESRCH: it had ended already.
		if _, err = syscall.Kevent(kq, []syscall.Kevent_t{event}, make([]syscall.Kevent_t, 1), nil); err != syscall.EINTR {
			return
		}
	}
}
