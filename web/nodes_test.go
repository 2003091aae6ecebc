package web

import (
	"net/url"
	"testing"

	"stathub/state"
)

func TestQueryFault(t *testing.T) {
	for _, tt := range []struct {
		name, query        string
		column             int
		before, bad, after string
	}{
		{"inside", "a ) b", 3, "a ", ")", " b"},
		{"past the end", "(a", 3, "(a", "␣", ""},
		{"in characters", "节点 )", 4, "节点 ", ")", ""},
		{"of nothing", "", 1, "", "␣", ""},
		{"beyond", "a", 99, "a", "␣", ""},
		{"before the first", "a", 0, "", "a", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := NewQueryFault(tt.query, tt.column, "m", "")
			if f.Before != tt.before || f.Bad != tt.bad || f.After != tt.after {
				t.Errorf("%q, column %d: %q %q %q", tt.query, tt.column, f.Before, f.Bad, f.After)
			}
		})
	}
}

func TestPager(t *testing.T) {
	for _, tt := range []struct {
		name        string
		from, total int
		want        Pager
	}{
		{"all on one", 0, 3, Pager{1, 3, 3, "", ""}},
		{"none", 0, 0, Pager{0, 0, 0, "", ""}},
		{"first", 0, 120, Pager{1, 50, 120, "", "/nodes?from=50&q=a"}},
		{"middle", 50, 120, Pager{51, 100, 120, "/nodes?q=a", "/nodes?from=100&q=a"}},
		{"last", 100, 120, Pager{101, 120, 120, "/nodes?from=50&q=a", ""}},
		{"beyond", 500, 120, Pager{120, 120, 120, "/nodes?from=70&q=a", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewPager(tt.from, 50, tt.total, "/nodes", url.Values{"q": {"a"}, "from": {"7"}}); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestNodeAddress(t *testing.T) {
	nets := func(all ...string) (n []state.Network) {
		for _, a := range all {
			n = append(n, state.Network{Address: a})
		}
		return n
	}
	for _, tt := range []struct {
		name, agent string
		networks    []state.Network
		want        string
	}{
		{"the agent's", "http://10.0.0.7:51025", nets("10.0.0.1"), "10.0.0.7"},
		{"the agent's own loop is none", "http://127.0.0.1:51025", nets("127.0.0.1", "10.0.0.1"), "10.0.0.1"},
		{"IPv4 first", "", nets("::1", "fe80::1", "fd00::1", "10.0.0.1"), "10.0.0.1"},
		{"IPv6", "", nets("::1", "fe80::1", "fd00::1"), "fd00::1"},
		{"better than nothing", "", nets("127.0.0.1"), "127.0.0.1"},
		{"a name", "http://host:51025", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := NodeAddress(&state.Node{Facts: state.Facts{AgentAddress: tt.agent, Networks: tt.networks}}); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestDiskSize(t *testing.T) {
	n := &state.Node{Facts: state.Facts{Disks: []state.Disk{
		{DevName: "/dev/sda1", DirName: "/", Total: 10}, {DevName: "/dev/sda1", DirName: "/srv", Total: 10}, {DevName: "/dev/sdb", Total: 5}, {Total: 1}, {Total: 1},
	}}}
	if got := DiskSize(n); got != 17 {
		t.Errorf("%d, want 17", got)
	}
}
