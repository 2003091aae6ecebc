package scheduler

import "slices"

// reservePorts gives each fixed port of each node to one app: first to entries that are not the plan's to change, then
// to those that have it now, then, by name, to apps whose new version asks for it.
func (p *planner) reservePorts() {
	p.makeRoomForPorts()
	for i := range p.slab {
		h := &p.slab[i]
		for k := range h.places {
			if pl := &h.places[k]; !pl.ours() || pl.asIs || pl.old() {
				pl.takeAll(pl.oldPorts())
			}
		}
		for k := range h.places {
			if pl := &h.places[k]; pl.ours() && !pl.asIs && !pl.old() && pl.job.mode != stopping {
				pl.keepPorts()
			}
		}
	}
	for _, j := range p.jobs {
		if len(j.ports) == 0 || j.mode == stopping || !j.unport {
			continue
		}
		for _, pl := range j.places {
			if pl.ours() && !pl.asIs && !pl.old() && !pl.settled {
				pl.claim()
			}
		}
	}
}

// makeRoomForPorts gives each host space for the ports that are in use there.
func (p *planner) makeRoomForPorts() {
	counts, all := make([]int, len(p.slab)), 0
	for i := range p.slab {
		for k := range p.slab[i].places {
			counts[i] += len(p.slab[i].places[k].oldPorts())
		}
		all += counts[i]
	}
	slots := spare(&p.memo.slots, all)
	for i, n := range counts {
		p.slab[i].ports, slots = slots[:0:n], slots[n:]
	}
}

// keepPorts takes the ports that the app has on the node and still wants.
func (pl *place) keepPorts() {
	kept := 0
	for _, port := range pl.oldPorts() {
		if slices.Contains(pl.job.ports, port) && pl.host.take(port, pl) {
			kept++
		}
	}
	pl.settled = kept == len(pl.job.ports)
	pl.job.unport = pl.job.unport || !pl.settled
}

// claim takes the ports of the app as it is now. An app that is only kept goes on with its old content, if that is how
// it avoids a conflict.
func (pl *place) claim() {
	j := pl.job
	if pl.takeAll(j.ports) {
		pl.settled = true
		return
	}
	pl.host.release(j.ports, pl)
	pl.conflict, j.stirred = true, true
	if j.mode == keeping && pl.entry != nil {
		pl.asIs = true
		pl.takeAll(pl.oldPorts())
	}
}

// reclaim tries again for the apps that kept their old content, until no port comes free any more.
func (p *planner) reclaim() {
	var waiting []*place
	for _, j := range p.jobs {
		if len(j.ports) == 0 || !j.stirred {
			continue
		}
		for _, pl := range j.places {
			if pl.conflict && pl.asIs {
				waiting = append(waiting, pl)
			}
		}
	}
	for again := true; again; {
		again = false
		for _, pl := range waiting {
			if _, by := pl.host.taken(pl.job.ports, pl.job); pl.conflict && by == nil {
				pl.host.release(pl.oldPorts(), pl)
				pl.takeAll(pl.job.ports)
				pl.conflict, pl.asIs, again = false, false, true
				pl.account(&pl.job.needs)
			}
		}
	}
}

func (pl *place) takeAll(ports []int) bool {
	all := true
	for _, port := range ports {
		all = pl.host.take(port, pl) && all
	}
	return all
}

// oldPorts are the fixed ports of what runs there so far.
func (pl *place) oldPorts() []int {
	switch {
	case pl.listed != nil:
		return pl.listed.ports
	case pl.job != nil:
		return pl.job.ports
	default:
		return nil
	}
}

func (pl *place) name() string {
	if pl.entry != nil {
		return pl.entry.App.Name
	}
	return pl.job.name
}
