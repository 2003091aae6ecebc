package artifact

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isFull reports that the volume has no room left.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// noWait is for systems whose folders hold pipes.
const noWait = 0
