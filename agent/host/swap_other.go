//go:build !linux

package host

import (
	"context"

	"github.com/shirou/gopsutil/v3/mem"
)

// swapUse gives the bytes of swap space in use and in all.
func swapUse(ctx context.Context, _ *mem.VirtualMemoryStat) (used, total uint64, err error) {
	s, err := mem.SwapMemoryWithContext(ctx)
	if err != nil {
		return 0, 0, err
	}
	return s.Used, s.Total, nil
}
