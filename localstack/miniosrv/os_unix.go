//go:build unix

package miniosrv

import (
	"os"
	"syscall"
)

const exeSuffix = ""

const errLocked = syscall.EWOULDBLOCK

func tryLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

func interrupt(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
