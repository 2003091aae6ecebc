package console

import (
	"stathub/state"
	"stathub/web"
)

// procRows makes a table's rows of instances.
func (c *console) procRows(procs []state.Proc) []web.ProcRow {
	nodes, limits := map[string]*state.Node{}, map[string]*state.Resources{}
	rows := make([]web.ProcRow, 0, len(procs))
	for _, p := range procs {
		node, known := nodes[p.Node]
		if !known {
			node = c.Control.Node(p.Node).Value
			nodes[p.Node] = node
		}
		limit, known := limits[p.App]
		if !known {
			if app := c.Control.App(p.App).Value; app != nil {
				limit = app.ResAlloc
			}
			limits[p.App] = limit
		}
		row := web.ProcRow{Proc: p, URL: web.ProcURL(p.Node, p.Instance), Limits: limit, Silent: true}
		if node != nil {
			row.Hostname, row.Address, row.Silent = node.Hostname, node.AgentAddress, node.State == state.NodeDown
		}
		rows = append(rows, row)
	}
	return rows
}
