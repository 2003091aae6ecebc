package proc

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

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

// InspectAll looks at many processes with one pass over /proc. Those that are gone are missing from the result.
func (r *Runner) InspectAll(ids []Identity) (map[Identity]Info, error) {
	all, err := snapshot()
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	leaders := make(map[int]Identity, len(ids)) // by pid
	for _, id := range ids {
		i, ok := slices.BinarySearchFunc(all, id.PID, func(s stat, pid int) int { return s.pid - pid })
		if ok && id.Boot == r.boot && all[i].start == id.Start && !all[i].dead() {
			leaders[id.PID] = id
		}
	}
	infos := make(map[Identity]Info, len(leaders))
	for pid, id := range leaders {
		infos[id] = Info{PID: pid, Cmd: cmdline(pid), StartTime: r.startTime(id)}
	}
	contained := r.containedMarkers(leaders)
	owner := owners(all, leaders)
	r.addHidden(owner, all, contained)
	page := int64(os.Getpagesize())
	for _, s := range all {
		if parent, ok := leaders[s.ppid]; ok && !s.dead() {
			info := infos[parent]
			info.Children = append(info.Children, s.pid)
			infos[parent] = info
		}
		id, ok := leaders[owner[s.pid]]
		if !ok {
			continue
		}
		info := infos[id]
		if !s.dead() {
			info.Members = append(info.Members, s.pid)
		}
		info.RSS += s.rss * page
		info.CPU += time.Duration(s.utime+s.stime+s.cutime+s.cstime) * (time.Second / userHZ)
		if s.pid == id.PID {
			info.PPID, info.UID = s.ppid, ownerOf(s.pid)
		}
		infos[id] = info
	}
	r.groupCPU(infos, leaders, contained)
	return infos, nil
}

// owners gives, for each pid, the leader whose session it is in, else the nearest ancestor's leader. A leader is its own.
func owners(all []stat, leaders map[int]Identity) map[int]int {
	owner := make(map[int]int, len(all))
	parent := make(map[int]int, len(all))
	for _, s := range all {
		parent[s.pid] = s.ppid
		if _, ok := leaders[s.pid]; ok {
			owner[s.pid] = s.pid
		} else if _, ok := leaders[s.session]; ok {
			owner[s.pid] = s.session
		}
	}
	for _, s := range all {
		// The snapshot is not atomic, so that parents may even form a circle: the climb is bounded.
		for up, steps := s.pid, 0; up > 1 && steps < 64; up, steps = parent[up], steps+1 {
			if o := owner[up]; o != 0 {
				owner[s.pid] = o
				break
			}
		}
	}
	return owner
}

// startTime is when the process was made, by this machine's clock as it stood when the Runner was.
func (r *Runner) startTime(id Identity) time.Time {
	return r.bootTime.Add(time.Duration(id.Start) * (time.Second / userHZ)).Truncate(time.Second / userHZ)
}

func cmdline(pid int) string {
	data, err := readProc(procPath(pid, "cmdline"))
	if err != nil {
		return ""
	}
	data = bytes.TrimRight(data, "\x00")
	return strings.ToValidUTF8(string(bytes.ReplaceAll(data, []byte{0}, []byte{' '})), "\uFFFD")
}

// ownerOf gives the real uid of a process, -1 if it is gone. The owner of its /proc files would be root for programs that
// may not be traced.
func ownerOf(pid int) int {
	data, _ := readProc(procPath(pid, "status"))
	_, rest, _ := strings.Cut(string(data), "\nUid:")
	if f := strings.Fields(rest); len(f) > 0 {
		if uid, err := strconv.Atoi(f[0]); err == nil {
			return uid
		}
	}
	return -1
}
