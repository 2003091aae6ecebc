//go:build unix

package dirstore

import (
	"errors"
	"syscall"
)

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// isTooBig is the limit of the file system, or of the process (ulimit -f).
func isTooBig(err error) bool { return errors.Is(err, syscall.EFBIG) }
