package lease

import (
	"time"

	"golang.org/x/sys/windows"
)

// sinceBoot goes on while the machine sleeps (GetTickCount64).
func sinceBoot() time.Duration { return windows.DurationSinceBoot() }
