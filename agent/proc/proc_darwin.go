package proc

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const killSignal = int(unix.SIGKILL)

func startChild(spec Spec) (*child, error) {
	l, err := prepare(spec)
	if err != nil {
		return nil, err
	}
	defer l.close()
	pid, err := l.fork(&syscall.SysProcAttr{})
	if err != nil {
		return nil, err
	}
	start, err := startOf(pid) // not reaped yet, so the pid is the child's
	if err != nil {
		_ = unix.Kill(-pid, unix.SIGKILL)
		_ = waitChild(pid)
		return nil, &StartError{Op: "identify", Path: l.path, Err: err}
	}
	return &child{pid: pid, start: start, wait: func() Exit { return waitChild(pid) }}, nil
}

func waitChild(pid int) Exit {
	for {
		var ws unix.WaitStatus
		_, err := unix.Wait4(pid, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return Exit{}
		case ws.Signaled():
			return Exit{Signal: int(ws.Signal()), Known: true}
		default:
			return Exit{Code: ws.ExitStatus(), Known: true}
		}
	}
}

// startOf gives the time a process was made, in microseconds since 1970.
func startOf(pid int) (uint64, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return 0, err
	}
	if int(k.Proc.P_pid) != pid {
		return 0, unix.ESRCH
	}
	return uint64(k.Proc.P_starttime.Sec)*1e6 + uint64(k.Proc.P_starttime.Usec), nil
}

func signalGroup(pid, sig int) error {
	err := unix.Kill(-pid, syscall.Signal(sig))
	if errors.Is(err, unix.ESRCH) { // leads no group
		err = unix.Kill(pid, syscall.Signal(sig))
	}
	return err
}

func leads(pid int) bool {
	group, err := unix.Getpgid(pid)
	return err == nil && group == pid
}

// BootID is different after each boot of the machine.
func BootID() (string, error) {
	if id, err := unix.Sysctl("kern.bootsessionuuid"); err == nil && id != "" {
		return id, nil
	}
	tv, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return "", fmt.Errorf("cannot read the boot time: %w", err)
	}
	return strconv.FormatInt(tv.Sec, 10), nil
}

// environOf gives the environment that a process was started with, nil if the system does not tell: it does so of this
// user's processes, but not of its own programs, such as /bin/sleep.
func environOf(pid int) []string {
	data, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return nil
	}
	return parseProcArgs(data)
}
