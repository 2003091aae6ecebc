package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

// master decides with the real scheduler from what it has seen in the bucket. What it knows beside the bucket is lost
// when it restarts.
type master struct {
	w     *world
	heard map[string]heard
	down  map[string]bool
	term  int64
	plan  scheduler.Plan
	memo  *scheduler.Memo
}

// heard is what the master knows of a node's heartbeat.
type heard struct {
	beat int
	at   time.Duration
}

func newMaster(w *world) *master {
	return &master{w: w, heard: map[string]heard{}, down: map[string]bool{}, term: 1, memo: &scheduler.Memo{}}
}

// restart loses all but the records in the bucket.
func (m *master) restart() {
	fresh := newMaster(m.w)
	fresh.down, fresh.term = m.down, m.term+1
	m.w.master = fresh
}

func (m *master) tick() {
	if m.w.now%pollEvery == 0 {
		m.listen()
		m.decide()
	}
}

// listen judges who is alive, by when their heartbeats were seen to change.
func (m *master) listen() {
	for _, n := range m.w.nodes {
		h, known := m.heard[n.id]
		if !known || h.beat != n.beat {
			h = heard{n.beat, m.w.now}
			if known {
				m.down[n.id] = false
			}
		}
		m.heard[n.id] = h
	}
}

// silent gives how long each node has been silent, and why nothing is moved off silent ones, if so (law 7).
func (m *master) silent() (silent map[string]time.Duration, frozen string) {
	silent = map[string]time.Duration{}
	fallen, population := 0, 0
	for id, h := range m.heard {
		if silent[id] = m.w.now - h.at; silent[id] > nodeTimeout && !m.down[id] {
			fallen++
		}
		if !m.down[id] {
			population++
		}
	}
	if fallen >= 3 && 2*fallen > population {
		return silent, fmt.Sprintf("%d of %d nodes fell silent together", fallen, population)
	}
	for id, quiet := range silent {
		m.down[id] = m.down[id] || quiet > nodeTimeout
	}
	return silent, ""
}

func (m *master) decide() {
	w := m.w
	in := scheduler.Input{
		Now: w.time(), Writer: "sim", Term: m.term, Apps: w.apps, Choreos: w.choreos, Broken: map[string]string{},
		Nodes: map[string]*state.Node{}, Manifests: map[string]scheduler.Current{}, Reports: map[string]*state.Report{}, Match: w.match,
	}
	silent, frozen := m.silent()
	if w.now%moveEvery == 0 {
		in.Moves = w.opts.Moves
	}
	in.Frozen, in.Silent, in.Memo, in.Rollouts, in.Revisions = frozen, silent, m.memo, m.plan.Rollouts, map[string]scheduler.Revision{}
	for _, app := range w.names {
		process := w.apps[app].ToProcess
		in.Revisions[app] = scheduler.Revision{Good: w.good[app] == process, Proven: w.proven[app+" "+process]}
	}
	for _, n := range w.nodes {
		record := *n.record
		if silent[n.id] > nodeTimeout || m.down[n.id] {
			record.State = state.NodeDown
		} else if record.Drain {
			record.State = state.NodeDraining
		}
		in.Nodes[n.id] = &record
		if n.manifest != nil {
			in.Manifests[n.id] = scheduler.Current{Manifest: n.manifest}
		}
		if n.report != nil {
			in.Reports[n.id] = n.report
		}
	}
	plan := scheduler.Schedule(in)
	if w.result.Plans++; w.result.Plans%20 == 0 {
		w.checkMemo(in, plan)
	}
	w.checkPlan(in, plan)
	for _, id := range slices.Sorted(maps.Keys(plan.Manifests)) {
		w.result.Writes++
		w.byID[id].manifest = plan.Manifests[id]
		if w.chance(2) {
			break // the master died between two writes
		}
	}
	m.plan = plan
	for _, app := range w.names {
		m.follow(app, plan.Rollouts[app])
	}
}

// follow keeps the history of an app: it notes what is good, and puts that back when a rollout fails.
func (m *master) follow(app string, r *scheduler.Rollout) {
	w := m.w
	switch process := w.apps[app].ToProcess; {
	case r == nil:
	case r.Complete:
		w.good[app], w.proven[app+" "+process] = process, true
	case r.Failed && w.good[app] != "" && w.good[app] != process:
		w.roll(app, w.good[app])
		w.result.Happened["a bad version is taken back"]++
	}
}

// match knows "*" and tags.
func (w *world) match(query string) ([]string, error) {
	var ids []string
	for _, n := range w.nodes {
		if query == "*" || slices.Contains(n.record.Tags, query) {
			ids = append(ids, n.id)
		}
	}
	return ids, nil
}
