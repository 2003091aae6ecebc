package host

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v3/host"
)

const osName = "Linux"

func osVersion(ctx context.Context) (string, error) { return host.KernelVersionWithContext(ctx) }

// machineID reads machine-id(5). gopsutil's answer would depend on who asks: the board's UUID is root's to read.
func machineID() string {
	for _, name := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		data, err := os.ReadFile(name)
		if id := strings.TrimSpace(string(data)); err == nil && len(id) == 32 {
			return id
		}
	}
	return ""
}

// interfaceFlags are the kernel's own, IFF_MULTICAST and the like included. The file lacks IFF_RUNNING, which Go knows.
func interfaceFlags(i net.Interface) int64 {
	if data, err := os.ReadFile(filepath.Join("/sys/class/net", i.Name, "flags")); err == nil {
		if n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 0, 64); err == nil {
			return n | commonFlags(i.Flags)
		}
	}
	return commonFlags(i.Flags)
}
