package console

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"stathub/master/control"
	"stathub/master/index"
	"stathub/state"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
)

// tagsShown is how many known tags are offered.
const tagsShown = 200

// hide is the value of parameter down that leaves out nodes that are down.
const hide = "hide"

// nodeColumn is a column of the list of nodes: what it is sorted by, nil when it cannot be.
type nodeColumn struct {
	name   string
	key    func(control.ListedNode) control.NodeKey
	number bool
	procs  bool // key looks at the processes
}

var nodeColumns = []nodeColumn{
	{name: "name", key: func(n control.ListedNode) control.NodeKey { return control.NodeKey{Text: n.ID} }},
	{name: "state", key: stateKey},
	{name: "address", key: addressKey},
	{name: "os", key: func(n control.ListedNode) control.NodeKey {
		return control.NodeKey{Text: strings.ToLower(n.OS.Name) + " " + n.OS.Version}
	}},
	{name: "cpus", number: true, key: func(n control.ListedNode) control.NodeKey { return control.NodeKey{Number: float64(n.OS.CPUs)} }},
	{name: "memory", number: true, key: func(n control.ListedNode) control.NodeKey { return control.NodeKey{Number: float64(n.Memory.Total)} }},
	{name: "disk", number: true, key: func(n control.ListedNode) control.NodeKey {
		return control.NodeKey{Number: float64(web.DiskSize(n.Node))}
	}},
	{name: "load"},
	{name: "tags"},
	{name: "procs", number: true, procs: true, key: func(n control.ListedNode) control.NodeKey {
		return control.NodeKey{Number: float64(n.Running) + float64(n.Wanted)/(1<<30)}
	}},
	{name: "seen", number: true, key: func(n control.ListedNode) control.NodeKey {
		return control.NodeKey{Number: -float64(n.LastSeen.UnixMilli())}
	}},
}

// stateKey has the nodes first that somebody should look at.
func stateKey(n control.ListedNode) control.NodeKey {
	switch {
	case n.State == state.NodeDown:
		return control.NodeKey{Number: 0}
	case n.State == state.NodeDraining:
		return control.NodeKey{Number: 1}
	case !n.Schedulable:
		return control.NodeKey{Number: 2}
	}
	return control.NodeKey{Number: 3}
}

// addressKey has addresses in their own order, IPv4 before IPv6, and what is none behind them.
func addressKey(n control.ListedNode) control.NodeKey {
	text := web.NodeAddress(n.Node)
	a, err := netip.ParseAddr(text)
	if err != nil {
		return control.NodeKey{Number: 2, Text: text}
	}
	bytes := a.As16()
	if a.Is4() {
		return control.NodeKey{Number: 0, Text: string(bytes[:])}
	}
	return control.NodeKey{Number: 1, Text: string(bytes[:])}
}

func (c *console) nodes(r *http.Request) (web.Page, error) {
	if err := c.Control.Unread(); err != nil {
		return web.Page{}, err
	}
	values := r.URL.Query()
	from, err := rest.Number(r, "from", 0, maxFrom)
	if err != nil {
		return web.Page{}, err
	}
	v := web.Nodes{Query: values.Get("q"), Sort: values.Get("sort"), HideDown: values.Get("down") == hide}
	v.All, v.Tags = c.Control.NodeCount(), c.Control.NodeTags(tagsShown)
	v.Command = agentCommand(r)
	order := sortNodes(&v, values)
	page := index.Options{From: from, Size: rowsShown, IncludeDown: !v.HideDown, Reverse: strings.HasPrefix(v.Sort, "-")}
	found, err := c.Control.ListNodes(r.Context(), v.Query, page, order)
	if v.Fault = faultOf(v.Query, err); err != nil && v.Fault == nil {
		return web.Page{}, err
	}
	v.Warnings = found.Warnings
	for _, n := range found.Rows {
		v.Rows = append(v.Rows, web.NodeRow{Node: n.Node, Wanted: n.Wanted, Running: n.Running, Load: web.Spark(c.Stats.Load(n.ID, n.OS.CPUs, time.Now()))})
	}
	v.Pager = web.NewPager(from, rowsShown, found.Total, "/nodes", values)
	if found.Total == 0 && v.HideDown && v.Fault == nil {
		down, err := c.Control.SearchNodes(r.Context(), v.Query, index.Options{IncludeDown: true})
		if err != nil {
			return web.Page{}, err
		}
		v.Hidden = down.Total
	}
	return web.Page{Name: "nodes", Topics: []string{live.Nodes, live.Plan}, View: v}, nil
}

// sortNodes gives the page its columns, and the order that is asked for.
func sortNodes(v *web.Nodes, values url.Values) (order control.NodeOrder) {
	by := strings.TrimPrefix(v.Sort, "-")
	if !slices.ContainsFunc(nodeColumns, func(c nodeColumn) bool { return c.name == by && c.key != nil }) {
		v.Sort, by = strings.Repeat("-", len(v.Sort)-len(by)), "name"
	}
	for _, column := range nodeColumns {
		shown := web.NodeColumn{Name: column.name, Number: column.number}
		next := column.name
		switch {
		case column.name != by:
		case strings.HasPrefix(v.Sort, "-"):
			shown.Sorted = "descending"
		default:
			shown.Sorted, next = "ascending", "-"+next
		}
		if column.name == by {
			order = control.NodeOrder{Key: column.key, Procs: column.procs}
		}
		if column.key != nil {
			shown.URL = with(values, "/nodes", "sort", next)
		}
		v.Columns = append(v.Columns, shown)
	}
	return order
}
