package web

import (
	"maps"
	"net/netip"
	"net/url"
	"strconv"

	"stathub/state"
)

// Nodes is the page of all nodes.
type Nodes struct {
	Query    string
	Fault    *QueryFault // why the query cannot be read
	Warnings []string    // what it may have got wrong
	Sort     string      // a column's name, "-" before it: the other way round; empty: by name
	HideDown bool
	Columns  []NodeColumn
	Rows     []NodeRow
	Pager    Pager
	Hidden   int      // nodes that match and are down, where these are hidden and no other matches
	All      int      // nodes that there are
	Tags     []string // that nodes have
	Command  string   // starts an agent of this master
}

// NodeColumn is a column that nodes can be listed by.
type NodeColumn struct {
	Name   string // of the word "nodes.<name>"
	URL    string // that lists by it
	Sorted string // ascending, descending, or empty: not by this one
	Number bool
}

// NodeRow is a node as a table shows it.
type NodeRow struct {
	*state.Node
	Wanted, Running int // processes
	Load            Sparkline
}

// Cordoned: nothing new is placed on it, though it does not drain.
func (n NodeRow) Cordoned() bool { return !n.Schedulable && !n.Drain }

// Short reports whether fewer processes run than should.
func (n NodeRow) Short() bool { return n.Running < n.Wanted }

// Down: it is not heard of.
func (n NodeRow) Down() bool { return n.State == state.NodeDown }

// System is the operating system in a few words.
func (n NodeRow) System() string {
	if n.OS.Version == "" {
		return n.OS.Name
	}
	return n.OS.Name + " " + n.OS.Version
}

// Capacity is the size of its disks, each counted once.
func (n NodeRow) Capacity() state.Bytes { return DiskSize(n.Node) }

// Address is where it can be reached.
func (n NodeRow) Address() string { return NodeAddress(n.Node) }

// NodeAddress gives the address that a node is best known by: that of its agent's URL, else the first of its networks that
// is not its own loop, IPv4 before IPv6; empty: none is known.
func NodeAddress(n *state.Node) string {
	if u, err := url.Parse(n.AgentAddress); err == nil {
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && !a.IsLoopback() && !a.IsUnspecified() {
			return a.String()
		}
	}
	var other string
	for _, network := range n.Networks {
		a, err := netip.ParseAddr(network.Address)
		switch {
		case err != nil || a.IsLoopback() || a.IsLinkLocalUnicast():
		case a.Is4():
			return network.Address
		case other == "":
			other = network.Address
		}
	}
	if other == "" && len(n.Networks) > 0 {
		return n.Networks[0].Address
	}
	return other
}

// DiskSize gives the size of a node's disks, each counted once however often it is mounted.
func DiskSize(n *state.Node) (sum state.Bytes) {
	counted := make(map[string]bool, len(n.Disks))
	for _, d := range n.Disks {
		if d.DevName == "" || !counted[d.DevName] {
			sum += d.Total
		}
		counted[d.DevName] = true
	}
	return sum
}

// Pager tells which part of a long list a page shows.
type Pager struct {
	From, To, Total int    // the first and the last row, from 1
	Prev, Next      string // URLs; empty: there is none
}

// NewPager makes the pager of a list of which size rows are shown, behind from others. here is the page's URL with the
// parameters that it has besides "from".
func NewPager(from, size, total int, path string, values url.Values) Pager {
	p := Pager{From: min(from+1, total), To: min(from+size, total), Total: total}
	to := func(from int) string {
		next := maps.Clone(values)
		next.Del("from")
		if from > 0 {
			next.Set("from", strconv.Itoa(from))
		}
		if len(next) == 0 {
			return path
		}
		return path + "?" + next.Encode()
	}
	if from > 0 {
		p.Prev = to(max(0, min(from, total)-size))
	}
	if from+size < total {
		p.Next = to(from + size)
	}
	return p
}
