package control

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"stathub/scheduler"
	"stathub/state"
)

// App gives an app; the zero Doc when there is none. One that was deleted is none, even while its instances stop. One whose
// document is gone while manifests list it comes without an ETag, as these have it.
func (c *Controller) App(name string) Doc[state.App] {
	doc := c.apps.get(name)
	if deleted(doc) {
		return Doc[state.App]{}
	}
	if doc.ETag == "" {
		doc.Value = c.lostApp(name)
	}
	return doc
}

func deleted(doc Doc[state.App]) bool { return doc.Err == nil && doc.Value != nil && doc.Value.Deleted }

// AppNames gives the names of all apps, in order, unreadable ones included, and those whose document is gone while manifests
// list them.
func (c *Controller) AppNames() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	names := []string{}
	for name, doc := range c.apps.docs {
		if !deleted(doc) {
			names = append(names, name)
		}
	}
	for name := range c.lost {
		if _, back := c.apps.docs[name]; !back {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Choreo gives the choreography of an app with its dist, where the app is to run now; the zero Doc when there is none.
func (c *Controller) Choreo(name string) Doc[state.Choreo] {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.choreo(name)
}

func (c *Controller) choreo(name string) Doc[state.Choreo] {
	doc := c.choreos.docs[name]
	if doc.Value != nil {
		view := *doc.Value
		view.Dist = c.plan.Apps[name].Dist
		doc.Value = &view
	}
	return doc
}

// Choreos gives all choreographies in the order of their apps. Unreadable ones come as they were last read, or not.
func (c *Controller) Choreos() []*state.Choreo {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := []*state.Choreo{}
	for _, name := range slices.Sorted(maps.Keys(c.choreos.docs)) {
		if doc := c.choreo(name); doc.Value != nil {
			all = append(all, doc.Value)
		}
	}
	return all
}

// Node gives a node record, with the state and lastSeen that this master knows; the zero Doc when there is none.
func (c *Controller) Node(id string) Doc[state.Node] {
	c.mu.RLock()
	defer c.mu.RUnlock()
	doc := c.nodes.docs[id]
	if view := c.node(id); view != nil {
		doc.Value = view
	}
	return doc
}

// Nodes gives all nodes as they are now, by hostname and id.
func (c *Controller) Nodes() []state.Node {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]state.Node, 0, len(c.nodes.docs))
	for id := range c.nodes.docs {
		if n := c.node(id); n != nil {
			all = append(all, *n)
		}
	}
	slices.SortFunc(all, func(a, b state.Node) int {
		return cmp.Or(strings.Compare(a.Hostname, b.Hostname), strings.Compare(a.ID, b.ID))
	})
	return all
}

// Manifest gives the manifest of a node; the zero Doc when there is none.
func (c *Controller) Manifest(id string) Doc[state.Manifest] { return c.manifests.get(id) }

// Report gives what the agent of a node last told; the zero Doc when it never did.
func (c *Controller) Report(id string) Doc[state.Report] { return c.reports.get(id) }

// Procs gives the instances that the agents report, of one node and one app, of all where that is empty, by node, app
// and number. With a node that is down they are what it last told.
func (c *Controller) Procs(node, app string) []state.Proc {
	c.mu.RLock()
	defer c.mu.RUnlock()
	procs := []state.Proc{}
	for id, doc := range c.reports.docs {
		if doc.Value == nil || node != "" && id != node {
			continue
		}
		up := c.alive(id)
		for i := range doc.Value.Instances {
			inst := &doc.Value.Instances[i]
			if app != "" && inst.App != app {
				continue
			}
			procs = append(procs, listedProc{id, up, inst}.proc())
		}
	}
	slices.SortStableFunc(procs, func(a, b state.Proc) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), strings.Compare(a.App, b.App))
	})
	return procs
}

// Explain says of every node why it was or was not chosen for an app, from the picture of this moment.
func (c *Controller) Explain(ctx context.Context, app string) ([]scheduler.NodeVerdict, error) {
	if c.App(app).ETag == "" {
		return nil, missing(state.KindApp, app)
	}
	done, err := c.ponder(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	in, _ := c.input(ctx)
	verdicts := scheduler.Explain(in, app)
	if ch := in.Choreos[app]; ch != nil {
		said := c.queryWarnings(ctx, ch.Query)
		for i := range verdicts {
			if verdicts[i].Code == scheduler.CodeNoMatch {
				verdicts[i].Reason = withWarnings(verdicts[i].Reason, said)
			}
		}
	}
	return verdicts, nil
}

// Outage says why the picture may be old; empty: the bucket could be read at the last look.
func (c *Controller) Outage() string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, kind := range kinds {
		if err := c.outages[kind]; err != nil {
			return err.Error()
		}
	}
	return c.missing[bucketMissing]
}

// Frozen says why nobody is moved off silent nodes (law 7); empty: nothing is frozen.
func (c *Controller) Frozen() string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.liveness.Frozen()
}
