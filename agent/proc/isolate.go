package proc

import "stathub/agent/proc/cgroup"

// Limits are what the processes of one instance may use together; zero values are no limit.
type Limits = cgroup.Limits

// Counters count what happened at the limits of an instance. They only grow, unless its group was removed meanwhile.
type Counters = cgroup.Counters

// What Isolate can find, beside the version of cgroups.
const (
	LimitsCPU    = cgroup.CPU
	LimitsMemory = cgroup.Memory
	LimitsPIDs   = cgroup.PIDs
	KillsAll     = "kill" // the end of an instance takes all of its processes along, whatever they did to hide
)

// Consumption is what an instance's processes have used since they run.
type Consumption struct {
	IORead, IOWrite int64 // bytes from and to storage
	Files           int   // open descriptors now
}
