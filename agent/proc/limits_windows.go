package proc

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"
)

// jobLimits are what all processes of a job may use together; zero values are no limit.
type jobLimits struct {
	cpus      float64 // processors
	memory    int64   // bytes of committed memory: beyond it allocations fail
	processes int     // beyond it no process is made
}

func (l jobLimits) extended() (x windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION) {
	if l.memory > 0 {
		x.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_JOB_MEMORY
		x.JobMemoryLimit = uintptr(l.memory)
	}
	if l.processes > 0 {
		x.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
		x.BasicLimitInformation.ActiveProcessLimit = uint32(l.processes)
	}
	return x
}

// cpuRate is JOBOBJECT_CPU_RATE_CONTROL_INFORMATION, as a hard cap.
type cpuRate struct {
	flags uint32
	rate  uint32 // 1/10,000 of all processors
}

const (
	cpuRateEnable  = 0x1 // JOB_OBJECT_CPU_RATE_CONTROL_ENABLE
	cpuRateHardCap = 0x4 // JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP
)

// cpuRateOf gives the cap for so many of a machine's processors; false if it is none.
func cpuRateOf(cpus float64, processors int) (cpuRate, bool) {
	if cpus <= 0 || cpus >= float64(processors) {
		return cpuRate{}, false
	}
	return cpuRate{flags: cpuRateEnable | cpuRateHardCap, rate: max(1, uint32(cpus/float64(processors)*10000))}, true
}

// limit sets what the job may use; with the agent says that its members end when nobody holds the job any more.
func (j *job) limit(l jobLimits, withAgent bool) error {
	x := l.extended()
	if withAgent {
		x.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	}
	return j.set(windows.JobObjectExtendedLimitInformation, unsafe.Pointer(&x), unsafe.Sizeof(x))
}

func (j *job) limitCPU(l jobLimits) error {
	rate, ok := cpuRateOf(l.cpus, runtime.NumCPU())
	if !ok {
		return nil
	}
	return j.set(windows.JobObjectCpuRateControlInformation, unsafe.Pointer(&rate), unsafe.Sizeof(rate))
}

func (j *job) set(class uint32, info unsafe.Pointer, size uintptr) error {
	_, err := windows.SetInformationJobObject(j.handle, class, uintptr(info), uint32(size))
	return err
}
