package control

import (
	"strconv"
	"sync"

	"stathub/master/liveness"
	"stathub/state"
)

// Beat takes in a heartbeat that came in through the gateway, and reports whether it did: then nothing is to be written
// (design section 6). Only a master that leads does, since it alone judges who is alive, and only for a node that has a
// record: any other is found by its document in the bucket.
func (c *Controller) Beat(node string) bool {
	term, leads := c.opts.Leader.Lead()
	c.mu.RLock()
	known := leads && term == c.office.term && c.nodes.docs[node].Value != nil
	c.mu.RUnlock()
	if known {
		c.pulses.add(node)
	}
	return known
}

// pulses counts the heartbeats that are in no bucket. They are lost with the master: the one that takes over begins with
// what the records say, and gives every node a whole timeout to be heard.
type pulses struct {
	mu    sync.Mutex
	count map[string]int64 // by node
}

func (p *pulses) add(node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count == nil {
		p.count = map[string]int64{}
	}
	p.count[node]++
}

func (p *pulses) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.count)
}

// mark gives the sign of life of a node, which changes whenever its document in the bucket or its pulse does, so that a
// node may send one now here and now there. It is empty for a node with neither.
func (p *pulses) mark(node string, listed state.ETag) state.ETag {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.count[node]
	if n == 0 {
		return listed
	}
	return listed + "\n" + state.ETag(strconv.FormatInt(n, 36)) // no ETag has a line break
}

// retain forgets the nodes that do not fit.
func (p *pulses) retain(fits func(node string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for node := range p.count {
		if !fits(node) {
			delete(p.count, node)
		}
	}
}

// signs gives the signs of life of the nodes that are to have some. The caller holds mu.
func (c *Controller) signs() map[string]state.ETag {
	c.pulses.retain(func(id string) bool { return c.nodes.docs[id].Value != nil })
	listed := c.attached()
	all := make(map[string]state.ETag, len(listed)+len(c.nodes.docs))
	for id, etag := range listed {
		if c.introduced(id) {
			all[id] = c.pulses.mark(id, etag)
		}
	}
	for id := range c.nodes.docs {
		if mark := c.pulses.mark(id, listed[id]); mark != "" && !c.detached(id) {
			all[id] = mark
		}
	}
	return all
}

// introduced reports whether there is more of a node than its heartbeat. Anybody can leave one in any name: such names are
// in no list, and must not count among those that fell silent together. The caller holds mu.
func (c *Controller) introduced(id string) bool {
	_, recorded := c.nodes.docs[id]
	_, reported := c.reports.docs[id]
	return recorded || reported || c.liveness.Knows(id)
}

func (c *Controller) newDetector() *liveness.Detector {
	return liveness.New(c.opts.NodeTimeout, 2*c.opts.Poll, c.opts.Freeze)
}
