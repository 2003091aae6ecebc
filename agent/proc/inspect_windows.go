package proc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// entry is what the system tells of a process in its table.
type entry struct {
	name  string
	ppid  int
	start uint64 // 100 ns since 1601
	cpu   time.Duration
	rss   int64
}

// processTable gives all processes of the machine, by pid, in one call (NtQuerySystemInformation, SystemProcessInformation).
func processTable() (map[int]entry, error) {
	size := uint32(512 << 10)
	var buf []uint64 // aligned
	for {
		buf = make([]uint64, size/8+1)
		err := windows.NtQuerySystemInformation(windows.SystemProcessInformation, unsafe.Pointer(&buf[0]), uint32(len(buf)*8), &size)
		if err == nil {
			break
		}
		if !errors.Is(err, windows.STATUS_INFO_LENGTH_MISMATCH) || size > 256<<20 {
			return nil, fmt.Errorf("cannot list processes: %w", err)
		}
		size = max(size, uint32(len(buf)*8)) + 64<<10
	}
	table := map[int]entry{}
	for at := uintptr(0); ; {
		p := (*windows.SYSTEM_PROCESS_INFORMATION)(unsafe.Add(unsafe.Pointer(&buf[0]), at))
		table[int(p.UniqueProcessID)] = entry{
			name: p.ImageName.String(),
			ppid: int(p.InheritedFromUniqueProcessID), start: uint64(p.CreateTime), cpu: time.Duration(p.UserTime+p.KernelTime) * 100,
			rss: int64(p.WorkingSetSize),
		}
		if p.NextEntryOffset == 0 {
			return table, nil
		}
		at += uintptr(p.NextEntryOffset)
	}
}

// Inspect looks at one process; ErrGone if it is not there.
func (r *Runner) Inspect(id Identity) (Info, error) {
	infos, err := r.InspectAll([]Identity{id})
	if err != nil {
		return Info{}, err
	}
	info, ok := infos[id]
	if !ok {
		return Info{}, &GoneError{ID: id}
	}
	return info, nil
}

// InspectAll looks at many processes at once. Those that are gone are missing from the result.
func (r *Runner) InspectAll(ids []Identity) (map[Identity]Info, error) {
	infos := make(map[Identity]Info, len(ids))
	if len(ids) == 0 {
		return infos, nil
	}
	table, err := processTable()
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for pid, e := range table {
		if parent, ok := table[e.ppid]; ok && parent.start <= e.start && pid != e.ppid && !strings.EqualFold(e.name, consoleHost) {
			children[e.ppid] = append(children[e.ppid], pid)
		}
	}
	for _, id := range ids {
		if e, ok := table[id.PID]; ok && e.start == id.Start && id.Boot == r.boot {
			info := r.infoOf(id, table)
			info.Children = children[id.PID]
			slices.Sort(info.Children)
			infos[id] = info
		}
	}
	return infos, nil
}

// infoOf sums up a process and its kin.
func (r *Runner) infoOf(id Identity, table map[int]entry) Info {
	e := table[id.PID]
	made := windows.Filetime{LowDateTime: uint32(e.start), HighDateTime: uint32(e.start >> 32)}
	info := Info{PID: id.PID, PPID: e.ppid, UID: -1, StartTime: time.Unix(0, made.Nanoseconds())}
	r.mu.Lock()
	var members []int
	if w := r.procs[id]; w != nil {
		info.Cmd = w.cmd
		if w.job != nil {
			members = w.job.members()
			if a, err := w.job.accounting(); err == nil {
				info.CPU = time.Duration(a.user+a.kernel) * 100
			}
		}
	}
	r.mu.Unlock()
	if members == nil {
		members = []int{id.PID}
		for _, d := range descendantsIn(table, id) {
			members = append(members, d.PID)
		}
	}
	var cpu time.Duration
	for _, pid := range members {
		info.RSS += table[pid].rss
		cpu += table[pid].cpu
	}
	info.CPU, info.Members = max(info.CPU, cpu), members
	return info
}
