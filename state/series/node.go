package series

import (
	"strings"

	"stathub/state"
)

// What a node's usage is kept under. A disk is diskPrefix and its folder.
const (
	CPU       = "cpu"
	load1     = "load1"
	load5     = "load5"
	load15    = "load15"
	used      = "used"
	available = "available"
	swap      = "swap"
	in        = "in"
	out       = "out"

	diskPrefix = "disk "
)

// MaxNames is as many series as a node has: what is above, and some disks.
const MaxNames = 9 + maxDisks

const maxDisks = 7

// Values gives a node's usage as values of a Set.
func Values(u *state.Usage) []Value {
	all := make([]Value, 0, MaxNames)
	all = append(all, Value{CPU, u.CPU}, Value{used, float64(u.Memory.Used)}, Value{available, float64(u.Memory.Available)},
		Value{in, float64(u.Net.In)}, Value{out, float64(u.Net.Out)})
	if u.Memory.SwapTotal > 0 {
		all = append(all, Value{swap, float64(u.Memory.SwapUsed)})
	}
	for i, name := range []string{load1, load5, load15} {
		if i < len(u.Load) {
			all = append(all, Value{name, u.Load[i]})
		}
	}
	for i, d := range u.Disks {
		if i < maxDisks {
			all = append(all, Value{diskPrefix + d.DirName, float64(d.Used)})
		}
	}
	return all
}

// NodeChart makes a chart of what: os, cpu, mem, disk or net. facts and last, which may be nil, tell how much there is of
// each. Another what is code NotFound.
func (s *Set) NodeChart(what string, w Window, facts *state.Facts, last *state.Usage) (Chart, error) {
	if last == nil {
		last = &state.Usage{}
	}
	memory := float64(facts.Memory.Total)
	switch what {
	case "os":
		return s.Chart(what, "", w, Line{Name: load1}, Line{Name: load5}, Line{Name: load15}), nil
	case "cpu":
		return s.Chart(what, "cores", w, Line{Name: CPU, Max: float64(facts.OS.CPUs)}), nil
	case "mem":
		lines := []Line{{Name: used, Max: memory}, {Name: available, Max: memory}}
		if last.Memory.SwapTotal > 0 {
			lines = append(lines, Line{Name: swap, Max: float64(last.Memory.SwapTotal)})
		}
		return s.Chart(what, "bytes", w, lines...), nil
	case "disk":
		return s.disks(w, last.Disks), nil
	case "net":
		return s.Chart(what, "bytes/s", w, Line{Name: in}, Line{Name: out}), nil
	}
	return Chart{}, state.Errorf(state.NotFound, "", "there is no statistic %q: use os, cpu, mem, disk or net", what)
}

// disks is the chart of each disk that there is or was, called by its folder.
func (s *Set) disks(w Window, now []state.DiskUsage) Chart {
	c := s.Chart("disk", "bytes", w)
	for _, name := range s.names {
		dir, ok := strings.CutPrefix(name, diskPrefix)
		if !ok {
			continue
		}
		l := Line{Name: dir, Points: s.Points(name, w)}
		for _, d := range now {
			if d.DirName == dir {
				l.Max = float64(d.Total)
			}
		}
		c.Series = append(c.Series, l)
	}
	return c
}
