package agent

import (
	"context"
	"time"

	"stathub/agent/host"
)

const (
	leanFirst = 3 * time.Second // the start is over by then
	leanEvery = 10 * time.Minute
)

// keepLean gives memory back that only the start and rare work needed, until ctx ends.
func keepLean(ctx context.Context) {
	for wait := leanFirst; ; wait = leanEvery {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			host.TrimMemory()
		}
	}
}
