//go:build !linux

package miniosrv

import "syscall"

// dieWithParent has no counterpart here: a server outlives a parent that is killed outright.
func dieWithParent() *syscall.SysProcAttr { return nil }
