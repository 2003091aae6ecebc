package host

import (
	"context"

	"github.com/shirou/gopsutil/v3/mem"
)

// swapUse gives the bytes of swap space in use and in all. On Linux the look at the memory, which may have failed, told them.
func swapUse(_ context.Context, m *mem.VirtualMemoryStat) (used, total uint64, err error) {
	if m == nil {
		return 0, 0, nil
	}
	return m.SwapTotal - min(m.SwapFree, m.SwapTotal), m.SwapTotal, nil
}
