package control

import (
	"maps"
	"slices"
	"sync"

	"stathub/state"
)

// tallies count the instances of each app. They follow the reports: whoever asks looks again at those nodes alone whose
// report or life changed since somebody last asked.
type tallies struct {
	mu    sync.Mutex // guards what follows; taken with the Controller's mu held
	nodes map[string]counted
	apps  map[string]*tally
}

// counted is what was counted of a node.
type counted struct {
	report *state.Report // never changes
	up     bool
}

// tally is that of an app.
type tally struct {
	counts   state.AppStatus // nothing but the counts
	nodes    map[string]int  // those that report instances of it, and how many
	troubled map[string]bool // living nodes with an instance that may not run
}

// read gives the tally of an app to do, nil where no node reports it. do must not keep it.
func (t *tallies) read(app string, do func(*tally)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	do(t.apps[app])
}

// follow brings the tallies up to date. The caller holds mu.
func (c *Controller) follow() {
	t := &c.tallies
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.nodes == nil {
		t.nodes, t.apps = map[string]counted{}, map[string]*tally{}
	}
	there := 0
	for id, doc := range c.reports.docs {
		if doc.Value == nil {
			continue
		}
		there++
		now := counted{doc.Value, c.alive(id)}
		if old, known := t.nodes[id]; !known || old != now {
			t.count(id, old, -1)
			t.count(id, now, 1)
			t.nodes[id] = now
		}
	}
	if there == len(t.nodes) {
		return
	}
	for id, old := range t.nodes {
		if c.reports.docs[id].Value == nil {
			t.count(id, old, -1)
			delete(t.nodes, id)
		}
	}
}

// count adds what a node reports to the tallies, by times.
func (t *tallies) count(node string, of counted, by int) {
	if of.report == nil {
		return
	}
	for i := range of.report.Instances {
		inst := &of.report.Instances[i]
		a := t.apps[inst.App]
		if a == nil {
			a = &tally{nodes: map[string]int{}, troubled: map[string]bool{}}
			t.apps[inst.App] = a
		}
		var one state.AppStatus
		one.Count(inst, of.up)
		a.add(&one, by)
		if a.nodes[node] += by; a.nodes[node] == 0 {
			delete(a.nodes, node)
		}
		switch {
		case by < 0:
			delete(a.troubled, node)
		case of.up && inst.Troubled():
			a.troubled[node] = true
		}
		if len(a.nodes) == 0 {
			delete(t.apps, inst.App)
		}
	}
}

func (a *tally) add(s *state.AppStatus, by int) {
	a.counts.Running += by * s.Running
	a.counts.Healthy += by * s.Healthy
	a.counts.Unhealthy += by * s.Unhealthy
	a.counts.Unknown += by * s.Unknown
	a.counts.Waiting += by * s.Waiting
	a.counts.Completed += by * s.Completed
}

// countInto puts the counts of an app and what keeps its instances from running into its status. The caller holds mu, and
// has the tallies follow.
func (c *Controller) countInto(s *state.AppStatus, app string) {
	c.tallies.read(app, func(t *tally) {
		if t == nil {
			return
		}
		s.Running, s.Healthy, s.Unhealthy = t.counts.Running, t.counts.Healthy, t.counts.Unhealthy
		s.Unknown, s.Waiting, s.Completed = t.counts.Unknown, t.counts.Waiting, t.counts.Completed
		for _, id := range slices.Sorted(maps.Keys(t.troubled)) {
			report := c.reports.docs[id].Value
			for i := range report.Instances {
				if inst := &report.Instances[i]; inst.App == app {
					s.Blame(inst, id)
				}
			}
		}
	})
}

// AppProcs gives the instances of an app that the agents report, by node and number: size of them, after the first from.
// total is how many there are.
func (c *Controller) AppProcs(app string, from, size int) (procs []state.Proc, total int) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.follow()
	var nodes []string
	counts := map[string]int{}
	c.tallies.read(app, func(t *tally) {
		if t == nil {
			return
		}
		counts = maps.Clone(t.nodes)
		nodes = slices.Sorted(maps.Keys(counts))
	})
	for _, id := range nodes {
		first := total
		if total += counts[id]; total <= from || first >= from+size {
			continue
		}
		report, up := c.reports.docs[id].Value, c.alive(id)
		for i := range report.Instances {
			inst := &report.Instances[i]
			if inst.App != app {
				continue
			}
			if first >= from && first < from+size {
				procs = append(procs, listedProc{id, up, inst}.proc())
			}
			first++
		}
	}
	return procs, total
}
