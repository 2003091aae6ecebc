package host

import (
	"time"

	"golang.org/x/sys/windows"
)

// SinceBoot is how long ago the machine was started, with the time that it slept since (GetTickCount64).
func SinceBoot() time.Duration { return windows.DurationSinceBoot() }
