package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot is a time that goes on while the machine sleeps and is never set (CLOCK_MONOTONIC of clock_gettime(3), which
// on this system counts sleep).
func SinceBoot() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails for unknown clocks alone
	return time.Duration(ts.Nano())
}
