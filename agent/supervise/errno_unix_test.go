//go:build unix

package supervise

import "syscall"

const addressInUse = syscall.EADDRINUSE
