package miniosrv

import (
	"os"

	"golang.org/x/sys/windows"
)

const exeSuffix = ".exe"

const errLocked = windows.ERROR_LOCK_VIOLATION

func tryLock(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
}

func interrupt(p *os.Process) error { return p.Kill() }
