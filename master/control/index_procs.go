package control

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"stathub/master/index"
	"stathub/state"
)

// silentReason is what is to be known of an instance on a node that is down.
const silentReason = "the node is silent: this is what it told last"

// procIndex keeps the index of instances in step with the reports. What an instance uses changes all the time: that alone
// reaches the index only when it has changed notably.
type procIndex struct {
	index DocIndex // nil: none is kept

	mu    sync.Mutex // one update at a time; guards what follows
	nodes map[string]nodeProcs
}

// nodeProcs is what the index was last told of a node.
type nodeProcs struct {
	report *state.Report // never changes
	up     bool
	told   map[string]toldProc // by id in the index
}

type toldProc struct {
	inst *state.Instance // as it was then, or has been since but for its use
	use  use
}

// use is what an instance uses.
type use [6]float64

// leastUse are the changes of each that do not count, whatever their share: cores, bytes, bytes, bytes, descriptors, bytes.
var leastUse = use{0.05, 4 << 20, 4 << 20, 4 << 20, 10, 4 << 20}

// notable reports whether some use changed by more than a fifth.
func (u use) notable(old use) bool {
	for i := range u {
		if d := math.Abs(u[i] - old[i]); d > leastUse[i] && d > max(u[i], old[i])/5 {
			return true
		}
	}
	return false
}

// takeUse gives the use of an instance and leaves none there.
func takeUse(i *state.Instance) use {
	u := use{i.CPU, float64(i.RSS), float64(i.IORead), float64(i.IOWrite), float64(i.Files), float64(i.Disk)}
	i.CPU, i.RSS, i.IORead, i.IOWrite, i.Files, i.Disk = 0, 0, 0, 0, 0, 0
	return u
}

// listedProc is an instance as the API shows it and as queries see it.
type listedProc struct {
	node string
	up   bool
	inst *state.Instance
}

func (p listedProc) proc() state.Proc {
	view := p.inst.Proc(p.node)
	if !p.up {
		view.Reason = silentReason
	}
	return view
}

// MarshalJSONTo makes the view when it is needed, so that the index does not hold it.
func (p listedProc) MarshalJSONTo(enc *jsontext.Encoder) error {
	return json.MarshalEncode(enc, p.proc())
}

// id names the instance in the index. A report may name an instance of another node.
func (p listedProc) id() string { return p.node + "|" + p.inst.ID }

// order is that of Procs.
func (p listedProc) order() string {
	const width = 10
	n := len(p.inst.ID) - strings.LastIndexByte(p.inst.ID, '.')
	return p.node + "\x00" + p.inst.App + "\x00" + strings.Repeat("0", max(0, width-n)) + p.inst.ID[len(p.inst.ID)-n+1:]
}

// reindexProcs tells the index what changed of the instances since it was last told.
func (c *Controller) reindexProcs() {
	x := &c.procList
	if x.index == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	next, gone := c.changedProcs()
	var puts []index.Doc
	var deletes []string
	for id, n := range next {
		p, d := x.differences(id, &n)
		puts, deletes = append(puts, p...), append(deletes, d...)
		next[id] = n
	}
	for _, id := range gone {
		for of := range x.nodes[id].told {
			deletes = append(deletes, of)
		}
	}
	if len(puts)+len(deletes) > 0 {
		if err := x.index.Update(puts, deletes); err != nil {
			c.said.warn("index procs", "cannot update the index of processes; trying again", "error", err)
			return
		}
		c.said.clear("index procs")
		defer c.tellListed()
	}
	for id, n := range next {
		x.nodes[id] = n
	}
	for _, id := range gone {
		delete(x.nodes, id)
	}
}

// changedProcs gives the nodes whose report or life changed, and those that have no report any more.
func (c *Controller) changedProcs() (next map[string]nodeProcs, gone []string) {
	x := &c.procList
	c.mu.RLock()
	defer c.mu.RUnlock()
	next = map[string]nodeProcs{}
	for id, doc := range c.reports.docs {
		if doc.Value == nil {
			continue
		}
		up := c.alive(id)
		if old, known := x.nodes[id]; !known || old.report != doc.Value || old.up != up {
			next[id] = nodeProcs{report: doc.Value, up: up}
		}
	}
	for id := range x.nodes {
		if c.reports.docs[id].Value == nil {
			gone = append(gone, id)
		}
	}
	return next, gone
}

// differences gives what the index is to be told of a node, and notes in n what it knows then.
func (x *procIndex) differences(node string, n *nodeProcs) (puts []index.Doc, deletes []string) {
	old := x.nodes[node]
	n.told = make(map[string]toldProc, len(n.report.Instances))
	var before, bare state.Instance // here, so that they are made once
	for i := range n.report.Instances {
		listed := listedProc{node, n.up, &n.report.Instances[i]}
		id := listed.id()
		bare = *listed.inst
		now := toldProc{listed.inst, takeUse(&bare)}
		if was, known := old.told[id]; known && old.up == n.up && !now.use.notable(was.use) {
			before = *was.inst
			if takeUse(&before); reflect.DeepEqual(&before, &bare) {
				n.told[id] = toldProc{now.inst, was.use} // the report of then is let go
				continue
			}
		}
		n.told[id] = now
		puts = append(puts, index.Doc{ID: id, Order: listed.order(), Value: listed})
	}
	for id := range old.told {
		if _, there := n.told[id]; !there {
			deletes = append(deletes, id)
		}
	}
	return puts, deletes
}

// SearchProcs gives the instances that match a query, a page of them in the order of Procs. A malformed query is code
// Invalid with the column.
func (c *Controller) SearchProcs(ctx context.Context, text string, page index.Options) (Found[state.Proc], error) {
	found, err := c.procList.index.Search(ctx, text, page)
	if err != nil {
		return Found[state.Proc]{}, QueryError(err)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	rows := make([]state.Proc, 0, len(found.IDs))
	for _, id := range found.IDs {
		node, instance, _ := strings.Cut(id, "|")
		report := c.reports.docs[node].Value
		if report == nil {
			continue
		}
		i := slices.IndexFunc(report.Instances, func(inst state.Instance) bool { return inst.ID == instance })
		if i >= 0 {
			rows = append(rows, listedProc{node, c.alive(node), &report.Instances[i]}.proc())
		}
	}
	return Found[state.Proc]{found.Total, rows, found.Warnings}, nil
}
