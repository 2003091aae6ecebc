package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"stathub/state"
)

// node is a machine with its agent, and its documents in the bucket.
type node struct {
	w        *world
	id       string
	record   *state.Node
	manifest *state.Manifest // in the bucket; nil: none
	report   *state.Report   // in the bucket; nil: none
	beat     int             // the heartbeat in the bucket

	on       bool // the machine runs
	agent    bool // its agent runs
	linked   bool // it reaches the bucket
	offset   time.Duration
	slow     time.Duration // from a change to its report
	have     *state.Manifest
	specs    map[slot]string // of have
	order    []slot          // of specs
	leash    bool            // have has an entry that may not run out of touch
	behind   bool            // the processes may not be as have says
	procs    map[slot]*process
	touched  time.Duration // when the bucket was last reached
	returned time.Duration // when it last came back from being off or apart
	changed  time.Duration // since when the report is old; 0: it is not
}

// slot is the place of an instance.
type slot struct {
	app string
	n   int
}

// process is a running instance, or one that tries to be.
type process struct {
	spec    string
	pid     int
	started time.Duration
	bad     bool // it will never be healthy
	healthy bool
	rolled  bool // it took the place of a healthy one because the app changed, and is not healthy yet
}

func (n *node) living() bool { return n.on && n.agent && n.linked }

// tick is a second of the machine's life.
func (n *node) tick() {
	if !n.on {
		return
	}
	n.age()
	if !n.agent {
		return
	}
	if n.linked {
		n.talk()
	}
	n.converge()
	if n.linked && n.changed > 0 && n.w.now-n.changed >= n.slow {
		n.tell()
	}
}

// age lets processes become healthy.
func (n *node) age() {
	for _, p := range n.procs {
		if !p.healthy && !p.bad && n.w.now-p.started >= readyAfter {
			p.healthy, p.rolled = true, false
			n.stale()
		}
	}
}

func (n *node) stale() {
	if n.changed == 0 {
		n.changed = n.w.now
	}
}

// talk is what the agent does with the bucket.
func (n *node) talk() {
	poll := (n.w.now+n.offset)%pollEvery == 0
	if (n.w.now+n.offset)%beatEvery == 0 {
		n.beat++
		poll = poll || n.w.now-n.touched > beatEvery // much may have changed
		n.touched = n.w.now
	}
	if poll && n.have != n.manifest && n.manifest != nil {
		n.have, n.specs, n.order, n.leash, n.behind = n.manifest, map[slot]string{}, nil, false, true
		for i := range n.have.Apps {
			e := &n.have.Apps[i]
			n.leash = n.leash || e.DisconnectSeconds > 0
			for k := range e.Instances() {
				at := slot{e.App.Name, k}
				n.order = append(n.order, at)
				if k > 0 && len(e.Previous) == 0 {
					n.specs[at] = n.specs[slot{e.App.Name, 0}]
				} else {
					n.specs[at] = state.SpecSum(n.have, e.Of(k))
				}
			}
		}
		n.stale()
	}
}

// converge starts and stops processes as the manifest says.
func (n *node) converge() {
	if !n.behind && !n.leash {
		return
	}
	n.behind = false
	for at := range n.procs {
		if n.specs[at] == "" {
			delete(n.procs, at)
			n.stale()
		} else if d := n.disconnect(at.app); d > 0 && n.w.now-n.touched >= d {
			delete(n.procs, at)
			n.stale()
		}
	}
	for _, at := range n.order {
		if d := n.disconnect(at.app); d > 0 && n.w.now-n.touched >= d {
			continue
		}
		if old := n.procs[at]; old == nil || old.spec != n.specs[at] {
			n.start(at, old)
		}
	}
}

func (n *node) disconnect(app string) time.Duration {
	if e := n.have.Entry(app); e != nil {
		return time.Duration(e.DisconnectSeconds * float64(second))
	}
	return 0
}

func (n *node) start(at slot, old *process) {
	w := n.w
	w.pids++
	w.result.Starts++
	p := &process{spec: n.specs[at], pid: w.pids, started: w.now, bad: n.have.Entry(at.app).Of(at.n).App.ToProcess == badProcess}
	if old != nil {
		// What was to change while the node was away changes when it is back, whatever the rollout does meanwhile.
		p.rolled = w.now-n.returned > aWhile && (old.rolled || old.healthy && w.now-old.started > aWhile)
	}
	n.procs[at] = p
	n.stale()
}

// tell writes the report.
func (n *node) tell() {
	r := &state.Report{Node: n.id, UpdatedAt: n.w.time()}
	if n.have != nil {
		r.Manifest.Generation = n.have.Generation
	}
	for at, p := range n.procs {
		inst := state.Instance{
			ID: state.InstanceID(n.id, at.app, at.n), App: at.app, N: at.n, Spec: p.spec, PID: p.pid,
			StartTime: n.w.began.Add(p.started), State: state.Starting,
		}
		switch {
		case p.bad:
			inst.State, inst.Reason, inst.PID = state.Backoff, "exit code 1", 0
		case p.healthy:
			inst.State, inst.Health = state.Healthy, state.HealthHealthy
		}
		r.Instances = append(r.Instances, inst)
	}
	slices.SortFunc(r.Instances, func(a, b state.Instance) int { return cmp.Compare(a.ID, b.ID) })
	n.report, n.changed = r, 0
}

// off is a crash of the machine, or its end.
func (n *node) off() {
	n.on, n.agent = false, false
	n.procs = map[slot]*process{}
}

// boot is its return: the agent has what it last knew on its disk.
func (n *node) boot() {
	n.on, n.agent, n.linked = true, true, true
	n.returned, n.changed, n.behind = n.w.now, n.w.now, n.have != nil
	for _, p := range n.procs {
		p.rolled = false // the rollout went on without this node
	}
}

// join adds a machine.
func (w *world) join() *node {
	id := fmt.Sprintf("n%05d", len(w.nodes))
	n := &node{
		w: w, id: id, on: true, agent: true, linked: true, procs: map[slot]*process{}, changed: max(w.now, 1),
		offset: time.Duration(w.rand.IntN(10)) * second, slow: time.Duration(w.rand.IntN(8)) * second, touched: w.now,
	}
	n.record = &state.Node{
		ID: id, Schedulable: true, State: state.NodeUp,
		Facts: state.Facts{Hostname: id, OS: state.OS{CPUs: 4 << w.rand.IntN(3)}, Memory: state.Memory{Total: state.Bytes(8<<w.rand.IntN(3)) << 30}},
		Tags:  []string{fmt.Sprintf("zone:z%d", w.rand.IntN(4)), pick(w, []string{"ssd", "hdd"})},
	}
	w.nodes, w.byID[id] = append(w.nodes, n), n
	return n
}
