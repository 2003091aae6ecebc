package host

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"

	"stathub/state"
)

// networks gives one entry per address of the interfaces that are up. Loopback addresses are left out, unless there are
// no others; so are link-local ones.
func networks(ifaces []net.Interface) []state.Network {
	all, loopback := []state.Network{}, []state.Network{}
	for _, i := range ifaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err != nil || prefix.Addr().IsLinkLocalUnicast() {
				continue
			}
			n := network(i, prefix)
			if prefix.Addr().IsLoopback() {
				loopback = append(loopback, n)
			} else {
				all = append(all, n)
			}
		}
	}
	if len(all) == 0 {
		return loopback
	}
	return all
}

func network(i net.Interface, p netip.Prefix) state.Network {
	n := state.Network{
		Address: p.Addr().WithZone("").String(), Name: i.Name, MTU: i.MTU, Description: i.Name,
		Destination: "0.0.0.0", Broadcast: "0.0.0.0",
		HWAddr: strings.ToUpper(i.HardwareAddr.String()), Flags: interfaceFlags(i), Type: "Ethernet",
	}
	if n.HWAddr == "" {
		n.HWAddr = "00:00:00:00:00:00"
	}
	switch {
	case i.Flags&net.FlagLoopback != 0:
		n.Type = "Local Loopback"
	case i.Flags&net.FlagPointToPoint != 0:
		n.Type = "Point-to-Point"
	}
	mask := net.CIDRMask(p.Bits(), p.Addr().BitLen())
	n.Netmask = net.IP(mask).String()
	if !p.Addr().Is4() {
		n.Broadcast, n.Destination = "::", "::"
		return n
	}
	if i.Flags&net.FlagBroadcast != 0 {
		ip := p.Addr().As4()
		host := ^binary.BigEndian.Uint32(mask)
		var last [4]byte
		binary.BigEndian.PutUint32(last[:], binary.BigEndian.Uint32(ip[:])|host)
		n.Broadcast = netip.AddrFrom4(last).String()
	}
	return n
}

// commonFlags are the interface flags that all systems number alike (net/if.h).
func commonFlags(f net.Flags) int64 {
	var n int64
	for _, b := range []struct {
		flag net.Flags
		bit  int64
	}{{net.FlagUp, 0x1}, {net.FlagBroadcast, 0x2}, {net.FlagLoopback, 0x8}, {net.FlagPointToPoint, 0x10}, {net.FlagRunning, 0x40}} {
		if f&b.flag != 0 {
			n |= b.bit
		}
	}
	return n
}

// FirstAddress gives the first address of an interface that is up and not loopback or link-local, IPv4 before IPv6;
// "" if there is none.
func FirstAddress() string {
	ifaces, err := net.Interfaces()
	if err != nil {
		return ""
	}
	return first(networks(ifaces))
}

func first(all []state.Network) string {
	var addrs []netip.Addr
	for _, n := range all {
		if a, err := netip.ParseAddr(n.Address); err == nil && !a.IsLoopback() {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return ""
	}
	return addrs[max(0, slices.IndexFunc(addrs, netip.Addr.Is4))].String()
}
