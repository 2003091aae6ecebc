//go:build !linux

package host

import (
	"context"
	"net"

	"github.com/shirou/gopsutil/v3/host"
)

func osVersion(ctx context.Context) (string, error) {
	_, _, version, err := host.PlatformInformationWithContext(ctx)
	return version, err
}

// machineID is the platform's UUID, "" if it has none.
func machineID() string {
	id, err := host.HostID()
	if err != nil {
		return ""
	}
	return id
}

func interfaceFlags(i net.Interface) int64 { return commonFlags(i.Flags) }
