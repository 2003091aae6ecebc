package lease

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot goes on while the machine sleeps (CLOCK_BOOTTIME, clock_gettime(2)); what time.Now measures does not.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // fails for unknown clocks alone
	return time.Duration(ts.Nano())
}
