package lease

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot goes on while the machine sleeps (CLOCK_MONOTONIC of clock_gettime(3), which on this system counts sleep).
func sinceBoot() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails for unknown clocks alone
	return time.Duration(ts.Nano())
}
