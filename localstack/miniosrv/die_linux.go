package miniosrv

import "syscall"

// dieWithParent makes the kernel kill the server when the thread that starts it ends, and so with this process.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
