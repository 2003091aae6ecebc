package agent

import (
	"context"
	"os"
	"runtime/debug"
	"time"

	"stathub/agent/host"
	"stathub/state"
)

const (
	leanFirst = 3 * time.Second // most of the start is over by then; then after twice as long
	leanEvery = time.Minute     // at the most: it takes some 5 ms

	// gcPercent makes the collector run at half the usual growth of the heap: it saves a sixth of the agent's memory for
	// less processor time than can be measured, since an agent allocates little.
	gcPercent = 50
)

// keepLean gives memory back that only the start and rare work needed, until ctx ends.
func keepLean(ctx context.Context) {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	}
	for wait := leanFirst; ; wait = min(2*wait, leanEvery) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			debug.FreeOSMemory()
			host.TrimMemory() // second: to collect touches much of the program
		}
	}
}

// measureLean measures the use of the machine, and gives the pages of the program back that this needed: it is done so often
// that they would always be there.
func measureLean() func(context.Context, time.Time) (state.Usage, error) {
	var m host.Meter
	return func(ctx context.Context, now time.Time) (state.Usage, error) {
		defer host.TrimMemory()
		return m.Measure(ctx, now)
	}
}
