//go:build unix

package host

import (
	"context"

	"github.com/shirou/gopsutil/v3/load"
)

// loadAverage gives the load of 1, 5 and 15 minutes; nil: the system does not tell.
func loadAverage(ctx context.Context) []float64 {
	l, err := load.AvgWithContext(ctx)
	if err != nil || l == nil {
		return nil
	}
	return []float64{l.Load1, l.Load5, l.Load15}
}
