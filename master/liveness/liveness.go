// Package liveness judges which nodes are alive, from nothing but the moments at which their heartbeats were seen to change
// (laws 7 and 8).
package liveness

import (
	"cmp"
	"fmt"
	"time"

	"stathub/state"
)

// Detector judges which nodes are alive. It reads no clock: Observe is told the time. A gap between two observations,
// because the bucket was out of reach or the master slept, counts as one step at most: the nodes could not be heard then.
// It is not safe for concurrent use.
type Detector struct {
	timeout time.Duration // of silence, after which a node counts as down
	step    time.Duration // the most silence that one observation may add
	freeze  Freeze

	last     time.Time // of the last observation; zero before the first
	nodes    map[string]*node
	reprieve time.Duration // observed since a held node was last heard of
}

type node struct {
	beat    state.ETag
	silence time.Duration // observed since the heartbeat changed, or since the first observation
	seen    time.Time     // when the heartbeat was last seen to change; zero: never
	up      bool
	held    bool // silent, but with so many others that the master suspects itself (law 7): still up, as far as records go
}

// Freeze says how many nodes must fall silent together before the master suspects itself instead of them (law 7): at least
// Nodes, and more than Percent of those that were up. With a Percent of 100 it never does.
type Freeze struct {
	Percent int // 1 to 100; 0: 50
	Nodes   int // 0: 3
}

// What a zero Freeze stands for.
const (
	FreezePercent = 50
	FreezeNodes   = 3
)

func (f Freeze) orDefault() Freeze {
	return Freeze{cmp.Or(f.Percent, FreezePercent), cmp.Or(f.Nodes, FreezeNodes)}
}

// suspicious reports whether that many nodes of those that were up are silent together.
func (f Freeze) suspicious(silent, up int) bool {
	return silent >= f.Nodes && 100*silent > f.Percent*up
}

// New makes a Detector that has observed nothing. A node is down after timeout of silence; one observation adds step to it
// at the most.
func New(timeout, step time.Duration, freeze Freeze) *Detector {
	return &Detector{timeout: timeout, step: step, freeze: freeze.orDefault(), nodes: map[string]*node{}}
}

// Observe takes in a complete listing of heartbeats. records gives the recorded state of every node that has a record:
// it stands until the node has been silent for the timeout.
func (d *Detector) Observe(now time.Time, beats map[string]state.ETag, records map[string]state.NodeState) {
	first := d.last.IsZero()
	var passed time.Duration
	if !first {
		passed = min(max(now.Sub(d.last), 0), d.step)
	}
	d.last = now
	d.reprieve += passed
	d.drop(beats, records)
	for id, recorded := range records {
		if d.nodes[id] == nil {
			if first || beats[id] == "" { // else it joined: its first heartbeat and its record are seen together
				d.nodes[id] = &node{beat: beats[id], up: recorded == state.NodeUp || recorded == state.NodeDraining}
			}
		} else if beats[id] == "" {
			d.nodes[id].silence += passed
		}
	}
	for id, beat := range beats {
		n := d.nodes[id]
		switch {
		case n == nil && first:
			// Without a record the node is new, and its agent most likely alive. If not, the timeout will tell.
			d.nodes[id] = &node{beat: beat, up: true}
		case n == nil:
			d.nodes[id] = &node{beat: beat, up: true, seen: now}
		case n.beat == beat:
			n.silence += passed
		default:
			if n.held {
				d.reprieve = 0
			}
			*n = node{beat: beat, up: true, seen: now}
		}
	}
	d.judge()
}

// drop forgets nodes that have neither heartbeat nor record.
func (d *Detector) drop(beats map[string]state.ETag, records map[string]state.NodeState) {
	for id := range d.nodes {
		_, recorded := records[id]
		if _, beating := beats[id]; !beating && !recorded {
			delete(d.nodes, id)
		}
	}
}

// judge decides who is down. When the first node reaches the timeout, those that went silent with it are close behind:
// all that are conspicuously quiet count as suspects. Once frozen, the silent ones are given up only after the
// suspicion is gone and a whole timeout has passed since the last one that came back.
func (d *Detector) judge() {
	population, suspects, fallen, frozen := 0, 0, 0, false
	for _, n := range d.nodes {
		if !n.up {
			continue
		}
		population++
		if n.silence > d.timeout*3/5 {
			suspects++
		}
		if n.silence > d.timeout {
			fallen++
		}
		frozen = frozen || n.held
	}
	freeze := fallen > 0 && d.freeze.suspicious(suspects, population)
	if freeze && !frozen {
		d.reprieve = d.timeout
	}
	freeze = freeze || frozen && d.reprieve < d.timeout
	for _, n := range d.nodes {
		if !n.up || n.silence <= d.timeout {
			n.held = false
			continue
		}
		n.held, n.up = freeze, freeze
	}
}

// Forget drops a node at once.
func (d *Detector) Forget(id string) { delete(d.nodes, id) }

// Knows reports whether the node was ever observed, and not dropped since.
func (d *Detector) Knows(id string) bool { return d.nodes[id] != nil }

// Alive reports whether the node counts as up.
func (d *Detector) Alive(id string) bool {
	n := d.nodes[id]
	return n != nil && n.alive()
}

func (n *node) alive() bool { return n.up && !n.held }

// Living gives the nodes that count as up.
func (d *Detector) Living() map[string]bool {
	living := map[string]bool{}
	for id, n := range d.nodes {
		if n.alive() {
			living[id] = true
		}
	}
	return living
}

// Seen gives when the node was last heard of; zero when it never was.
func (d *Detector) Seen(id string) time.Time {
	if n := d.nodes[id]; n != nil {
		return n.seen
	}
	return time.Time{}
}

// Silences gives how long the nodes that count as down have been silent.
func (d *Detector) Silences() map[string]time.Duration {
	all := map[string]time.Duration{}
	for id, n := range d.nodes {
		if n.silence > d.timeout {
			all[id] = n.silence
		}
	}
	return all
}

// Heard reports whether the last observation, or the first one of a new node, heard it.
func (d *Detector) Heard(id string) bool { return d.nodes[id] != nil && d.nodes[id].silence == 0 }

// Held reports whether the node is silent and its record is to stay as it is for now.
func (d *Detector) Held(id string) bool { return d.nodes[id] != nil && d.nodes[id].held }

// Frozen says why nobody is moved off silent nodes (law 7); empty: nothing is frozen.
func (d *Detector) Frozen() string {
	held, population := 0, 0
	for _, n := range d.nodes {
		if n.up {
			population++
		}
		if n.held {
			held++
		}
	}
	if held == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d nodes fell silent together: nothing is moved off them until their heartbeats return; "+
		"if they are really gone, forget them (DELETE /v1/node/{id})", held, population)
}
