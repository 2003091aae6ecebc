package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/windows"
)

// killSignal is SIGKILL. Windows has no signals: this one terminates, all others are a Ctrl-Break (see Runner.Signal).
const killSignal = 9

// startOf gives the time a running process was made, in units of 100 ns since 1601.
func startOf(pid int) (uint64, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(h)
	return startOfHandle(h)
}

func startOfHandle(h windows.Handle) (uint64, error) {
	var made, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &made, &ended, &kernel, &user); err != nil {
		return 0, err
	}
	if hasEnded(h) {
		return 0, os.ErrProcessDone // a handle held elsewhere keeps an ended process visible
	}
	return uint64(made.HighDateTime)<<32 | uint64(made.LowDateTime), nil
}

func hasEnded(h windows.Handle) bool {
	ev, err := windows.WaitForSingleObject(h, 0)
	return err == nil && ev == windows.WAIT_OBJECT_0
}

// bootIDAddress is where each process sees the number of the machine's boot, in the page that the kernel shares
// (KUSER_SHARED_DATA.BootId, ntddk.h; Windows 10).
const bootIDAddress = 0x7ffe02c4

// BootID counts the boots of the machine. It says whether one lies in between; identities need it not, since creation
// times are absolute.
func BootID() (string, error) {
	var n uint32
	err := windows.ReadProcessMemory(windows.CurrentProcess(), bootIDAddress, (*byte)(unsafe.Pointer(&n)), unsafe.Sizeof(n), nil)
	if err != nil {
		return "", fmt.Errorf("cannot read the number of the boot: %w", err)
	}
	return fmt.Sprintf("windows-%d", n), nil
}

var errNoUsers = errors.New("not supported on Windows, which asks for the user's password; leave user empty")

// Give does nothing: a Spec's user is not supported on this system, and a start with one says so.
func Give(*os.Root, string, string) error { return nil }

// RunAs makes cmd run as another user, which Windows does not do without that user's password.
func RunAs(_ *exec.Cmd, user string) error {
	if user == "" {
		return nil
	}
	return &StartError{Op: "switch to user", Path: user, Err: errNoUsers}
}
