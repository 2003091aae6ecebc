//go:build unix

package artifact

import (
	"errors"
	"syscall"
)

// isFull reports that the file system or the user's quota has no room left.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// noWait opens a pipe without waiting for its other end.
const noWait = syscall.O_NONBLOCK
