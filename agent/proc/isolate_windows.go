package proc

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// jobObjects is the word for what limits instances here.
const jobObjects = "job"

// Isolate has the limits of instances set on their Job Objects. It gives what can be enforced, tried out: "job",
// KillsAll, and some of LimitsCPU, LimitsMemory and LimitsPIDs. The error says what is missing. Call it once, before
// anything is started.
func (r *Runner) Isolate(string) ([]string, error) {
	found, err := tryLimits()
	r.mu.Lock()
	r.features = found
	r.mu.Unlock()
	if len(found) < 3 {
		err = errors.Join(err, fmt.Errorf("of cpu, memory and pids Job Objects limit only %v here", found))
	}
	return append([]string{jobObjects, KillsAll}, found...), err
}

// tryLimits sets limits on a job without members, and reads them: not all that takes them has them.
func tryLimits() (found []string, err error) {
	j, err := newJob("", jobLimits{})
	if err != nil {
		return nil, err
	}
	defer j.close()
	want := jobLimits{cpus: float64(runtime.NumCPU()) / 2, memory: 1 << 30, processes: 100}
	if err := j.limit(want, false); err == nil {
		var x windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
		if j.query(windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&x), unsafe.Sizeof(x)) == nil {
			if x.JobMemoryLimit == uintptr(want.memory) {
				found = append(found, LimitsMemory)
			}
			if x.BasicLimitInformation.ActiveProcessLimit == uint32(want.processes) {
				found = append(found, LimitsPIDs)
			}
		}
	}
	var rate cpuRate
	if j.limitCPU(want) == nil && j.query(windows.JobObjectCpuRateControlInformation, unsafe.Pointer(&rate), unsafe.Sizeof(rate)) == nil &&
		rate.flags&cpuRateHardCap != 0 {
		found = append(found, LimitsCPU)
	}
	return found, nil
}

// Limit gives limits to the instance with this marker, from its next start on. What Isolate did not find is left out.
func (r *Runner) Limit(marker string, l Limits) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var set jobLimits
	if slices.Contains(r.features, LimitsCPU) {
		set.cpus = l.CPUs
	}
	if slices.Contains(r.features, LimitsMemory) {
		set.memory = l.Mem
	}
	if slices.Contains(r.features, LimitsPIDs) {
		set.processes = l.PIDs
	}
	r.limits[marker] = set
	return nil
}

// Release forgets an instance that has no process any more.
func (r *Runner) Release(marker string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.limits, marker)
	delete(r.whole, marker)
}

// Counters counts nothing: nothing is killed for a limit here, allocations and new processes fail.
func (r *Runner) Counters(string) Counters { return Counters{} }

// Sweep does nothing: a Job Object ends with its last member.
func (r *Runner) Sweep() {}

// Consumed looks at what an instance has used: bytes of all of its reads and writes, from pipes and sockets too, and its
// open handles. pids are its processes (Info.Members).
func (r *Runner) Consumed(marker string, pids []int) (c Consumption) {
	r.mu.Lock()
	for _, w := range r.procs {
		if w.marker == marker && w.job != nil {
			if a, err := w.job.accounting(); err == nil {
				c.IORead, c.IOWrite = int64(a.io.ReadTransferCount), int64(a.io.WriteTransferCount)
			}
		}
	}
	r.mu.Unlock()
	for _, pid := range pids {
		c.Files += handlesOf(pid)
	}
	return c
}

func handlesOf(pid int) int {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return 0
	}
	defer windows.CloseHandle(h)
	var n uint32
	if ok, _, _ := procGetProcessHandleCount.Call(uintptr(h), uintptr(unsafe.Pointer(&n))); ok == 0 {
		return 0
	}
	return int(n)
}

// accounting is JOBOBJECT_BASIC_AND_IO_ACCOUNTING_INFORMATION: of all that were ever members. Times are in 100 ns.
type accounting struct {
	user, kernel, periodUser, periodKernel int64
	faults, total, active, terminated      uint32
	io                                     windows.IO_COUNTERS
}

func (j *job) accounting() (a accounting, err error) {
	return a, j.query(windows.JobObjectBasicAndIoAccountingInformation, unsafe.Pointer(&a), unsafe.Sizeof(a))
}

func (j *job) query(class int32, info unsafe.Pointer, size uintptr) error {
	return windows.QueryInformationJobObject(j.handle, class, uintptr(info), uint32(size), nil)
}
