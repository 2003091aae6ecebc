package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot is how long ago the machine was started, with the time that it slept since (CLOCK_BOOTTIME, clock_gettime(2)).
// What time.Now measures leaves the sleep out. A machine that somebody froze from outside, such as a virtual one that is
// paused, does not know of that time.
func SinceBoot() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // fails for unknown clocks alone
	return time.Duration(ts.Nano())
}
