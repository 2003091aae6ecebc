package control

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"stathub/master/index"
	"stathub/state"
)

// ListedNode is a node with how many processes it is to run and runs.
type ListedNode struct {
	*state.Node
	Wanted  int // instances that its manifest asks for all the time: scheduled jobs are none
	Running int // of them, those whose processes run; 0 where nothing is heard of the node
}

// NodeKey is what nodes are listed by: by the number first, then by the text.
type NodeKey struct {
	Number float64
	Text   string
}

// NodeOrder is an order of nodes.
type NodeOrder struct {
	Key   func(ListedNode) NodeKey // nil: that of SearchNodes
	Procs bool                     // Key looks at how many processes there are: otherwise they are counted for the rows of the page alone
}

// ListNodes is SearchNodes with the processes of the nodes. With a key they come in its order, by hostname and id where it is
// the same; page.Reverse turns the order round.
func (c *Controller) ListNodes(ctx context.Context, text string, page index.Options, order NodeOrder) (Found[ListedNode], error) {
	asked := page
	if order.Key != nil {
		asked.From, asked.Size, asked.Reverse = 0, math.MaxInt32, false
	}
	found, err := c.SearchNodes(ctx, text, asked)
	if err != nil {
		return Found[ListedNode]{}, err
	}
	rows := make([]ListedNode, len(found.Rows))
	for i, n := range found.Rows {
		rows[i].Node = n
	}
	if order.Procs {
		c.countProcs(rows)
	}
	if order.Key != nil {
		rows = pageBy(rows, page, order.Key)
	}
	if !order.Procs {
		c.countProcs(rows)
	}
	return Found[ListedNode]{found.Total, rows, found.Warnings}, nil
}

// pageBy gives a page of rows in the order of their keys.
func pageBy(rows []ListedNode, page index.Options, key func(ListedNode) NodeKey) []ListedNode {
	type keyed struct {
		NodeKey
		row int
	}
	all := make([]keyed, len(rows))
	for i, row := range rows {
		all[i] = keyed{key(row), i}
	}
	slices.SortFunc(all, func(a, b keyed) int {
		by := cmp.Or(cmp.Compare(a.Number, b.Number), strings.Compare(a.Text, b.Text))
		if page.Reverse {
			by = -by
		}
		return cmp.Or(by, a.row-b.row)
	})
	from := min(max(page.From, 0), len(all))
	shown := make([]ListedNode, 0, min(max(page.Size, 0), len(all)-from))
	for _, k := range all[from : from+cap(shown)] {
		shown = append(shown, rows[k.row])
	}
	return shown
}

// ListedNode gives one node as ListNodes does; false when there is none that can be read.
func (c *Controller) ListedNode(id string) (ListedNode, bool) {
	n := c.Node(id).Value
	if n == nil {
		return ListedNode{}, false
	}
	rows := []ListedNode{{Node: n}}
	c.countProcs(rows)
	return rows[0], true
}

func (c *Controller) countProcs(rows []ListedNode) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i := range rows {
		row := &rows[i]
		if m := c.manifests.docs[row.ID].Value; m != nil {
			for e := range m.Apps {
				if m.Apps[e].Schedule == nil {
					row.Wanted += m.Apps[e].Instances()
				}
			}
		}
		report := c.reports.docs[row.ID].Value
		if report == nil || row.State == state.NodeDown {
			continue
		}
		for n := range report.Instances {
			inst := &report.Instances[n]
			if job := !inst.NextRun.IsZero() || len(inst.Runs) > 0; inst.State.Live() && !job {
				row.Running++
			}
		}
	}
}

// NodeCount is how many nodes there are, readable or not.
func (c *Controller) NodeCount() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.nodes.docs)
}

// NodeTags gives the tags that nodes have, those of most nodes first, at most limit.
func (c *Controller) NodeTags(limit int) []string {
	counts := map[string]int{}
	c.mu.RLock()
	for _, doc := range c.nodes.docs {
		if doc.Value != nil {
			for _, tag := range doc.Value.Tags {
				counts[tag]++
			}
		}
	}
	c.mu.RUnlock()
	tags := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	return tags[:min(len(tags), limit)]
}
