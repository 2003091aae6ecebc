package health

import (
	"os/exec"
	"syscall"
	"unsafe"
)

// endWithAgent has the command killed when the agent dies: nobody would bound it any more.
func endWithAgent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// awaitExit returns when cmd has ended, and leaves it a zombie (waitid(2), WNOWAIT).
func awaitExit(cmd *exec.Cmd) {
	const idTypePID = 1      // P_PID
	var info [128 / 8]uint64 // siginfo_t
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, idTypePID, uintptr(cmd.Process.Pid),
			uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
