// Package host tells what the machine is: its facts in the shape of the node record, its name, its addresses.
package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/mem"

	"stathub/state"
)

// Facts gathers what the machine says of itself, in the shape of the node record (seed 5.1.1). AgentAddress is left empty.
//
// What cannot be found out is left out and named in the error; the rest is valid then too. Network file systems and
// pseudo file systems are never touched, so that a dead server's mount does not block it; it stops early when ctx ends.
func Facts(ctx context.Context) (state.Facts, error) {
	var errs []error
	note := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot read the %s: %w", what, err))
		}
	}
	f := state.Facts{Networks: []state.Network{}, Disks: []state.Disk{}}
	var err error
	f.Hostname, err = os.Hostname()
	note("host name", err)
	f.OS, err = system(ctx)
	note("operating system", err)
	if m, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		f.Memory = state.Memory{Total: state.Bytes(m.Total), RAM: state.Bytes(m.Total)}
	} else {
		note("memory size", err)
	}
	if ifaces, err := net.Interfaces(); err == nil {
		f.Networks = networks(ifaces)
	} else {
		note("network interfaces", err)
	}
	f.Disks, err = disks(ctx)
	note("disks", err)
	return f, errors.Join(errs...)
}

// system names the operating system as the seed's agents did: by its kernel, not its distribution.
func system(ctx context.Context) (state.OS, error) {
	arch, archErr := host.KernelArch()
	if archErr != nil || arch == "" {
		arch = machine(runtime.GOARCH)
	}
	version, err := osVersion(ctx)
	return state.OS{Name: osName, Version: version, CPUs: runtime.NumCPU(), Architecture: arch}, errors.Join(archErr, err)
}

// machine gives the name that uname -m has for a Go architecture.
func machine(goarch string) string {
	switch goarch {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	case "386":
		return "i686"
	}
	return goarch
}

// Types of file systems as the seed's agents numbered them.
const (
	diskUnknown = 0
	diskLocal   = 2
)

// disks gives the local file systems, and the root whatever it is.
func disks(ctx context.Context) ([]state.Disk, error) {
	found := []state.Disk{}
	parts, err := disk.PartitionsWithContext(ctx, false)
	if !slices.ContainsFunc(parts, func(p disk.PartitionStat) bool { return p.Mountpoint == "/" }) {
		all, allErr := disk.PartitionsWithContext(ctx, true) // a container's root is an overlay, which has no device
		err = errors.Join(err, allErr)
		for _, p := range all {
			if p.Mountpoint == "/" {
				parts = append(parts, p)
				break
			}
		}
	}
	for _, p := range parts {
		if ctx.Err() != nil {
			return found, errors.Join(err, context.Cause(ctx))
		}
		if !local(p) {
			continue
		}
		use, useErr := disk.UsageWithContext(ctx, p.Mountpoint)
		if useErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", p.Mountpoint, useErr))
			continue
		}
		kind, name := diskLocal, "local"
		if !strings.Contains(p.Device, "/dev/") {
			kind, name = diskUnknown, "unknown"
		}
		found = append(found, state.Disk{
			DirName: p.Mountpoint, DevName: p.Device, Option: strings.Join(p.Opts, ","), SysTypeName: p.Fstype,
			Type: kind, TypeName: name, Total: state.Bytes(use.Total),
		})
	}
	return found, err
}

// local leaves out what could hang or says nothing: network and user-space file systems, images, single mounted files.
func local(p disk.PartitionStat) bool {
	switch fs := strings.ToLower(p.Fstype); {
	case strings.HasPrefix(fs, "nfs"), strings.HasPrefix(fs, "fuse."), strings.HasPrefix(fs, "smb"),
		slices.Contains([]string{"cifs", "afs", "9p", "ceph", "glusterfs", "lustre", "autofs", "webdav", "squashfs", "iso9660", "devfs", "cdrom"}, fs):
		return false
	}
	if p.Mountpoint == "/" {
		return true
	}
	st, err := os.Stat(p.Mountpoint)
	return err == nil && st.IsDir()
}
