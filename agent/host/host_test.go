package host

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stathub/state"
)

func TestFactsOfThisMachine(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	f, err := Facts(ctx)
	if err != nil {
		t.Error(err)
	}
	if f.Hostname == "" || f.OS.Name == "" || f.OS.Version == "" || f.OS.CPUs < 1 || f.OS.Architecture == "" || f.Memory.Total <= 0 {
		t.Errorf("something is empty: %+v", f)
	}
	if f.OS.Architecture == "amd64" || f.OS.Architecture == "arm64" {
		t.Errorf("architecture %q: want the name that uname has", f.OS.Architecture)
	}
	if len(f.Networks) == 0 || len(f.Disks) == 0 {
		t.Errorf("networks %v, disks %v: want some", f.Networks, f.Disks)
	}
	for _, n := range f.Networks {
		if _, err := netip.ParseAddr(n.Address); err != nil || n.Name == "" || n.Flags&1 == 0 || n.Netmask == "" {
			t.Errorf("network %+v", n)
		}
	}
	for _, d := range f.Disks {
		if d.DirName == "" || d.SysTypeName == "" || d.Total <= 0 {
			t.Errorf("disk %+v", d)
		}
	}
	data := state.Encode(f)
	if !strings.Contains(string(data), `"distination"`) || !strings.Contains(string(data), `"hwaddr"`) {
		t.Errorf("document %s", data)
	}
}

func TestFactsWithoutTimeGivesWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f, err := Facts(ctx)
	if f.Hostname == "" || f.OS.CPUs < 1 || f.Networks == nil || f.Disks == nil {
		t.Errorf("facts %+v, error %v: want the cheap ones", f, err)
	}
}

func TestNodeID(t *testing.T) {
	dir := t.TempDir()
	id := nodeID("web.example.com", "0123", dir)
	if !strings.HasPrefix(id, "web.example.com-") {
		t.Errorf("id %q does not show the host name", id)
	}
	t.Chdir(filepath.Dir(dir))
	if again := nodeID("web.example.com", "0123", filepath.Base(dir)+"/x/.."); again != id {
		t.Errorf("another spelling of the directory gives %q, want %q", again, id)
	}
	for name, other := range map[string]string{
		"directory": nodeID("web.example.com", "0123", dir+"2"),
		"machine":   nodeID("web.example.com", "4567", dir),
		"host name": nodeID("db.example.com", "0123", dir),
	} {
		if other == id {
			t.Errorf("another %s gives the same id", name)
		}
	}
	if first, again := NodeID(dir), NodeID(dir); first != again {
		t.Errorf("%q, then %q: the id is not stable", first, again)
	}
}

func TestNodeIDIsAlwaysValid(t *testing.T) {
	valid := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	rapid.Check(t, func(t *rapid.T) {
		id := nodeID(rapid.String().Draw(t, "hostname"), rapid.String().Draw(t, "machine"), rapid.String().Draw(t, "dir"))
		if !valid.MatchString(id) {
			t.Fatalf("id %q", id)
		}
	})
}

func TestNetwork(t *testing.T) {
	eth := net.Interface{Name: "no-such-0", MTU: 1500, HardwareAddr: net.HardwareAddr{0, 0x9a, 0x9f, 0x9f, 0xa6, 0xeb},
		Flags: net.FlagUp | net.FlagBroadcast | net.FlagRunning}
	got := network(eth, netip.MustParsePrefix("192.168.1.165/24"))
	want := state.Network{Address: "192.168.1.165", Name: "no-such-0", MTU: 1500, Broadcast: "192.168.1.255", Description: "no-such-0",
		Destination: "0.0.0.0", Flags: 0x43, HWAddr: "00:9A:9F:9F:A6:EB", Netmask: "255.255.255.0", Type: "Ethernet"}
	if g, w := string(state.Encode(got)), string(state.Encode(want)); g != w {
		t.Errorf("got %s\nwant %s", g, w)
	}
	if v6 := network(eth, netip.MustParsePrefix("fd00::2/64")); v6.Netmask != "ffff:ffff:ffff:ffff::" || v6.Broadcast != "::" {
		t.Errorf("IPv6: %+v", v6)
	}
}

func TestFirstAddressPrefersIPv4(t *testing.T) {
	for _, c := range []struct {
		name  string
		addrs []string
		want  string
	}{
		{"none", nil, ""},
		{"loopback only", []string{"127.0.0.1", "::1"}, ""},
		{"IPv6 only", []string{"fd00::2", "fd00::3"}, "fd00::2"},
		{"both", []string{"::1", "fd00::2", "192.0.2.7", "192.0.2.8"}, "192.0.2.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var all []state.Network
			for _, a := range c.addrs {
				all = append(all, state.Network{Address: a})
			}
			if got := first(all); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
