package control

import (
	"cmp"
	"fmt"
	"time"

	"stathub/state"
)

// vitals judges which nodes are alive, from nothing but the moments at which their heartbeats were seen to change
// (law 8). It reads no clock: observe is told the time. A gap between two observations, because the bucket was out of
// reach or the master slept, counts as one step at most: the nodes could not be heard then.
type vitals struct {
	timeout time.Duration // of silence, after which a node counts as down
	step    time.Duration // the most silence that one observation may add
	freeze  Freeze

	last     time.Time // of the last observation; zero before the first
	nodes    map[string]*vital
	reprieve time.Duration // observed since a held node was last heard of
}

type vital struct {
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

func newVitals(timeout, step time.Duration, freeze Freeze) *vitals {
	return &vitals{timeout: timeout, step: step, freeze: freeze.orDefault(), nodes: map[string]*vital{}}
}

// observe takes in a complete listing of heartbeats. records gives the recorded state of every node that has a record:
// it stands until the node has been silent for the timeout.
func (v *vitals) observe(now time.Time, beats map[string]state.ETag, records map[string]state.NodeState) {
	first := v.last.IsZero()
	var passed time.Duration
	if !first {
		passed = min(max(now.Sub(v.last), 0), v.step)
	}
	v.last = now
	v.reprieve += passed
	v.drop(beats, records)
	for id, recorded := range records {
		if v.nodes[id] == nil {
			v.nodes[id] = &vital{beat: beats[id], up: recorded == state.NodeUp || recorded == state.NodeDraining}
		} else if beats[id] == "" {
			v.nodes[id].silence += passed
		}
	}
	for id, beat := range beats {
		n := v.nodes[id]
		switch {
		case n == nil && first:
			// Without a record the node is new, and its agent most likely alive. If not, the timeout will tell.
			v.nodes[id] = &vital{beat: beat, up: true}
		case n == nil:
			v.nodes[id] = &vital{beat: beat, up: true, seen: now}
		case n.beat == beat:
			n.silence += passed
		default:
			if n.held {
				v.reprieve = 0
			}
			*n = vital{beat: beat, up: true, seen: now}
		}
	}
	v.judge()
}

// drop forgets nodes that have neither heartbeat nor record.
func (v *vitals) drop(beats map[string]state.ETag, records map[string]state.NodeState) {
	for id := range v.nodes {
		_, recorded := records[id]
		if _, beating := beats[id]; !beating && !recorded {
			delete(v.nodes, id)
		}
	}
}

// judge decides who is down. When the first node reaches the timeout, those that went silent with it are close behind:
// all that are conspicuously quiet count as suspects. Once frozen, the silent ones are given up only after the
// suspicion is gone and a whole timeout has passed since the last one that came back.
func (v *vitals) judge() {
	population, suspects, fallen, frozen := 0, 0, 0, false
	for _, n := range v.nodes {
		if !n.up {
			continue
		}
		population++
		if n.silence > v.timeout*3/5 {
			suspects++
		}
		if n.silence > v.timeout {
			fallen++
		}
		frozen = frozen || n.held
	}
	freeze := fallen > 0 && v.freeze.suspicious(suspects, population)
	if freeze && !frozen {
		v.reprieve = v.timeout
	}
	freeze = freeze || frozen && v.reprieve < v.timeout
	for _, n := range v.nodes {
		if !n.up || n.silence <= v.timeout {
			n.held = false
			continue
		}
		n.held, n.up = freeze, freeze
	}
}

// forget drops a node at once.
func (v *vitals) forget(id string) { delete(v.nodes, id) }

// alive reports whether the node counts as up, and when it was last heard of: zero when this master never heard it.
func (v *vitals) alive(id string) (up bool, seen time.Time) {
	n := v.nodes[id]
	if n == nil {
		return false, time.Time{}
	}
	return n.up && !n.held, n.seen
}

// heard reports whether the last observation, or the first one of a new node, heard it.
func (v *vitals) heard(id string) bool { return v.nodes[id] != nil && v.nodes[id].silence == 0 }

// held reports whether the node is silent and its record is to stay as it is for now.
func (v *vitals) held(id string) bool { return v.nodes[id] != nil && v.nodes[id].held }

// frozen says why nobody is moved off silent nodes (law 7); empty: nothing is frozen.
func (v *vitals) frozen() string {
	held, population := 0, 0
	for _, n := range v.nodes {
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
