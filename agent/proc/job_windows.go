package proc

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Calls that package windows lacks.
var (
	kernel32                  = windows.NewLazySystemDLL("kernel32.dll")
	procCreateJobObject       = kernel32.NewProc("CreateJobObjectW")
	procOpenJobObject         = kernel32.NewProc("OpenJobObjectW")
	procIsProcessInJob        = kernel32.NewProc("IsProcessInJob")
	procAttachConsole         = kernel32.NewProc("AttachConsole")
	procGetProcessHandleCount = kernel32.NewProc("GetProcessHandleCount")
	procFreeConsole           = kernel32.NewProc("FreeConsole")
)

const (
	jobObjectQuery     = 0x0004    // JOB_OBJECT_QUERY
	jobObjectTerminate = 0x0008    // JOB_OBJECT_TERMINATE
	jobObjectSet       = 0x0002    // JOB_OBJECT_SET_ATTRIBUTES
	killedCode         = 1         // exit code of what is terminated, as taskkill /F has it
	jobPrefix          = `Global\` // seen from every session: the next agent may be a service
)

// job is a Job Object: a process and all of its descendants, none of which can leave it. It lives as long as it has
// members; its name lives as long as somebody holds it, and so its first process does.
type job struct{ handle windows.Handle }

// jobName names the job of a process. It is made of what an Identity tells: nothing needs to be kept to find it again.
func jobName(store string, pid int, start uint64) string {
	sum := sha256.Sum256([]byte(strings.ToLower(store)))
	return fmt.Sprintf("%sstathub-%x-%d-%x", jobPrefix, sum[:8], pid, start)
}

// newJob makes a job that ends its members with the agent until settle is called. Where the name cannot be had the job has
// none, and a later agent falls back on what else shows the kin of a process.
func newJob(name string, l jobLimits) (*job, error) {
	var h uintptr
	var err error
	for _, n := range []string{name, ""} {
		var text *uint16
		if n != "" {
			if text, err = windows.UTF16PtrFromString(n); err != nil {
				return nil, err
			}
		}
		h, _, err = procCreateJobObject.Call(0, uintptr(unsafe.Pointer(text)))
		if h != 0 && errors.Is(err, windows.ERROR_ALREADY_EXISTS) { // somebody else's
			_ = windows.CloseHandle(windows.Handle(h))
			h = 0
		}
		if h != 0 {
			break
		}
	}
	if h == 0 {
		return nil, fmt.Errorf("cannot make a job object: %w", err)
	}
	j := &job{windows.Handle(h)}
	if err := errors.Join(j.limit(l, true), j.limitCPU(l)); err != nil {
		j.close()
		return nil, fmt.Errorf("cannot set up a job object: %w", err)
	}
	return j, nil
}

// settle lets the members live on without the agent, and gives the first of them a handle that keeps the name. The handle
// is good for nothing else.
func (j *job) settle(process windows.Handle, l jobLimits) error {
	if err := j.limit(l, false); err != nil {
		return err
	}
	var kept windows.Handle
	// Fails if the process has ended already, and then nothing is lost.
	_ = windows.DuplicateHandle(windows.CurrentProcess(), j.handle, process, &kept, jobObjectQuery, false, 0)
	return nil
}

// openJob finds the job of a process that an earlier agent started; nil if there is none any more.
func openJob(name string) *job {
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil
	}
	h, _, _ := procOpenJobObject.Call(jobObjectQuery|jobObjectTerminate|jobObjectSet, 0, uintptr(unsafe.Pointer(text)))
	if h == 0 {
		return nil
	}
	return &job{windows.Handle(h)}
}

// inJob says whether a process is in a job; 0 is any job.
func inJob(process, job windows.Handle) bool {
	var in int32
	ok, _, _ := procIsProcessInJob.Call(uintptr(process), uintptr(job), uintptr(unsafe.Pointer(&in)))
	return ok != 0 && in != 0
}

// members gives the pids of the living members.
func (j *job) members() []int {
	for room := 64; ; room *= 4 {
		// JOBOBJECT_BASIC_PROCESS_ID_LIST: two numbers of 32 bits, then the list.
		buf := make([]uintptr, 8/unsafe.Sizeof(uintptr(0))+uintptr(room))
		size := uint32(uintptr(len(buf)) * unsafe.Sizeof(buf[0]))
		err := windows.QueryInformationJobObject(j.handle, windows.JobObjectBasicProcessIdList, uintptr(unsafe.Pointer(&buf[0])), size, nil)
		if errors.Is(err, windows.ERROR_MORE_DATA) && room < 1<<20 {
			continue
		}
		if err != nil {
			return nil
		}
		counts := (*[2]uint32)(unsafe.Pointer(&buf[0]))
		list := buf[8/unsafe.Sizeof(uintptr(0)):]
		pids := make([]int, 0, counts[1])
		for _, pid := range list[:min(int(counts[1]), len(list))] {
			pids = append(pids, int(pid))
		}
		slices.Sort(pids)
		return pids
	}
}

// consoleHost is the program that Windows runs beside one that has a console. It is no program of an instance, and ends with
// the last of those.
const consoleHost = "conhost.exe"

// programs gives the members without console hosts. A job that has only such is ended.
func (j *job) programs() []int {
	all := j.members()
	programs := slices.DeleteFunc(slices.Clone(all), func(pid int) bool {
		return strings.EqualFold(filepath.Base(imageOf(pid)), consoleHost)
	})
	if len(programs) == 0 && len(all) > 0 {
		_ = j.terminate()
	}
	return programs
}

// imageOf gives the file of a running program, "" if it cannot be told.
func imageOf(pid int) string {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(h)
	name := make([]uint16, windows.MAX_LONG_PATH)
	n := uint32(len(name))
	if windows.QueryFullProcessImageName(h, 0, &name[0], &n) != nil {
		return ""
	}
	return windows.UTF16ToString(name[:n])
}

func (j *job) terminate() error { return windows.TerminateJobObject(j.handle, killedCode) }

func (j *job) close() { _ = windows.CloseHandle(j.handle) }

// breakaway is the flag with which a process leaves the job that the agent itself is in, where that one lets it: else
// the end of the agent's job might be the end of all instances.
func breakaway() uint32 {
	var l windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	if !inJob(windows.CurrentProcess(), 0) {
		return 0
	}
	err := windows.QueryInformationJobObject(0, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&l)), uint32(unsafe.Sizeof(l)), nil)
	if err == nil && l.BasicLimitInformation.LimitFlags&windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK != 0 {
		return windows.CREATE_BREAKAWAY_FROM_JOB
	}
	return 0
}
