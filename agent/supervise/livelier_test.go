package supervise

import (
	"testing"

	"stathub/state"
)

func TestUseThatIsWorthAReport(t *testing.T) {
	usage := func(change func(*state.Usage)) *state.Report {
		u := &state.Usage{CPU: 2, Memory: state.MemoryUsage{Used: 4 << 30}, Disks: []state.DiskUsage{{DirName: "/", Used: 50, Total: 1000}}, Net: state.NetUsage{In: 1 << 20}}
		change(u)
		return &state.Report{Usage: u, Facts: state.Facts{OS: state.OS{CPUs: 8}, Memory: state.Memory{Total: 16 << 30}}}
	}
	before := usage(func(*state.Usage) {})
	for _, tt := range []struct {
		name         string
		old, now     *state.Report
		want, costly bool
	}{
		{"the same", before, usage(func(*state.Usage) {}), false, false},
		{"a little of everything", before, usage(func(u *state.Usage) {
			u.CPU += 0.3
			u.Memory.Used += 1 << 29
			u.Disks[0].Used += 9
			u.Net.Out += 1 << 15
		}), false, false},
		{"processors", before, usage(func(u *state.Usage) { u.CPU += 0.5 }), true, false},
		{"memory", before, usage(func(u *state.Usage) { u.Memory.Used -= 1 << 30 }), true, false},
		{"a disk", before, usage(func(u *state.Usage) { u.Disks[0].Used += 20 }), true, false},
		{"another disk", before, usage(func(u *state.Usage) { u.Disks = nil }), true, false},
		{"traffic", before, usage(func(u *state.Usage) { u.Net.In += 1 << 19 }), true, false},
		{"the first one", &state.Report{}, before, true, true},
		{"unknown by now", before, &state.Report{}, false, false},
		{"unknown", &state.Report{}, &state.Report{}, false, false},
	} {
		if got := livelier(tt.old, tt.now, false); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		if got := livelier(tt.old, tt.now, true); got != tt.costly {
			t.Errorf("%s, where requests are paid for: %v", tt.name, got)
		}
		if !same(tt.old, &state.Report{Facts: tt.old.Facts, Usage: tt.now.Usage}, false) {
			t.Errorf("%s: it is told at once", tt.name)
		}
	}
}
