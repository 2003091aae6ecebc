// Package cgroup keeps the processes of each instance in a Linux control group of its own: for limits, for an end that no
// daemonised child survives, and for figures of all of them together. It speaks to the kernel through the files of
// cgroup v2 (Documentation/admin-guide/cgroup-v2.rst) and v1 (admin-guide/cgroup-v1), also where a machine has both.
//
// Groups belong to the kernel, not to the agent: they outlive it, and a later agent finds them by name.
package cgroup

import (
	"fmt"
	"math"
	"net/url"
	"strings"
)

// Controllers that this package sets limits with.
const (
	CPU    = "cpu"
	Memory = "memory"
	PIDs   = "pids"
)

// Limits are what the processes of one group may use together. Zero values are no limit.
type Limits struct {
	CPUs float64 // cores: the share of busy processors, and a hard limit
	Mem  int64   // bytes, page cache included, and no swap on top
	PIDs int     // processes and threads
}

// Counters count what happened to the processes of a group at its limits, since the group was made.
type Counters struct {
	OOMKills  int64 `json:"oomKills,omitzero"`  // processes that the kernel killed for lack of memory, whether the group's or the machine's
	PIDDenied int64 `json:"pidDenied,omitzero"` // forks that failed at the limit of processes
	MemLimit  int64 `json:"-"`                  // bytes; only where the kernel did kill, and 0 without a limit
}

const (
	period      = 100_000 // µs, the kernel's own default
	longPeriod  = 1_000_000
	leastQuota  = 1_000 // µs, the kernel's least
	leastWeight = 1
	mostWeight  = 10_000
	leastShares = 2
	mostShares  = 262_144
)

// quota gives the time, in µs, that a group may run in each period.
func quota(cpus float64) (quotaMicros, periodMicros int64) {
	if q := math.Round(cpus * period); q >= leastQuota {
		return int64(q), period
	}
	return max(leastQuota, int64(math.Round(cpus*longPeriod))), longPeriod
}

// weight is cpu.weight of v2: 100, the default, is that of one core.
func weight(cpus float64) int64 { return clamp(cpus*100, leastWeight, mostWeight) }

// shares is cpu.shares of v1: 1024, the default, is that of one core.
func shares(cpus float64) int64 { return clamp(cpus*1024, leastShares, mostShares) }

func clamp(v float64, least, most int64) int64 {
	return int64(min(max(math.Round(v), float64(least)), float64(most)))
}

// dirName gives the directory of an instance: its marker with everything escaped that a name must not have. The "/" of a
// marker, escaped, keeps it apart from the kernel's own files.
func dirName(marker string) (string, error) {
	name := url.PathEscape(marker)
	if !strings.Contains(name, slash) || len(name) > 255 {
		return "", fmt.Errorf("cannot name a cgroup after %q", marker)
	}
	return name, nil
}

const slash = "%2F"

// markerOf gives the marker that a directory is named after.
func markerOf(name string) (string, bool) {
	if !strings.Contains(name, slash) {
		return "", false
	}
	marker, err := url.PathUnescape(name)
	return marker, err == nil && url.PathEscape(marker) == name
}
