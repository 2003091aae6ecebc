package proc

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidfdInfo is struct pidfd_info of include/uapi/linux/pidfd.h, first published version (PIDFD_INFO_SIZE_VER0).
type pidfdInfo struct {
	mask, cgroup             uint64
	pid, tgid, ppid          uint32
	ruid, rgid, euid, egid   uint32
	suid, sgid, fsuid, fsgid uint32
	exitCode                 int32
}

const (
	pidfdInfoExit           = 1 << 3     // PIDFD_INFO_EXIT: exitCode is there; Linux 6.15
	pidfdGetInfo            = 0xc040ff0b // PIDFD_GET_INFO: _IOWR(0xFF, 11, 64 bytes); the same on all architectures but mips and ppc
	pidfdSignalProcessGroup = 1 << 2     // PIDFD_SIGNAL_PROCESS_GROUP; Linux 6.9
)

// pidfdExit asks for the wait status of a process that has been reaped by someone else.
func pidfdExit(fd int) (status unix.WaitStatus, ok bool) {
	info := pidfdInfo{mask: pidfdInfoExit}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	if errno != 0 || info.mask&pidfdInfoExit == 0 {
		return 0, false
	}
	return unix.WaitStatus(info.exitCode), true
}

// havePidfds says whether this kernel and its sandbox let us open pidfds (Linux 5.3) and create them with clone.
func havePidfds() bool {
	fd, err := unix.PidfdOpen(unix.Getpid(), 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}
