package scheduler

import (
	"cmp"
	"fmt"
	"slices"
)

// turn is an instance that the rollout has not reached.
type turn struct {
	pl       *place
	n        int
	broken   bool // there is nothing to lose
	unproven bool // it runs, and may or may not do its work
	added    bool // it is not there yet
	done     bool
}

// advance has further instances replaced: those that do no work at once, since it costs nothing and they may be what the
// change is to mend; of the others as many as leave no more than maxParallel unavailable. Their order is by number, then
// by node, so that they are of different nodes where possible. It reports whether it replaced any.
func (r *rollout) advance() (any bool) {
	if r.Held != "" {
		return false
	}
	slices.SortStableFunc(r.old, func(a, b turn) int {
		return cmp.Or(compareBool(b.broken, a.broken), compareBool(b.unproven, a.unproven), compareBool(a.added, b.added),
			cmp.Compare(a.n, b.n), cmp.Compare(a.pl.host.i, b.pl.host.i))
	})
	r.noRoom = nil
	for i := range r.old {
		t := &r.old[i]
		if t.done {
			continue
		}
		others := r.unproven
		if t.unproven {
			others = 0 // one of those is replaced: no further one becomes unavailable
		}
		if !t.broken && (r.Failed && !r.blocked || r.canariesOut() || r.inFlight+others >= r.policy.MaxParallel) {
			break
		}
		t.done = r.turn(*t)
		any = any || t.done
	}
	return any
}

// canariesOut reports whether the canaries have been replaced, and have yet to prove themselves.
func (r *rollout) canariesOut() bool {
	return r.Available < r.policy.Canary && r.New >= r.policy.Canary
}

// turn replaces an instance where it is. Where there is no room for the new content, it goes elsewhere; with nowhere to
// go, too, if it is an instance of its own kind that has its fixed port. Otherwise it stays as it is, and the rollout
// waits. It reports whether the instance had its turn.
func (r *rollout) turn(t turn) bool {
	pl := t.pl
	is := pl.mix.is
	for t.n >= len(is) || is[t.n] == r.target {
		if t.n--; t.n < 0 {
			return true // the last ones were given up in the turns of others
		}
	}
	wait := r.waitFor(pl, t.n, "it is being replaced")
	lack, own := r.lack(pl)
	switch {
	case lack == "":
		is[t.n] = r.target
		pl.mix.note(r.target)
		r.takeOver(pl)
		r.New++
	case own || r.roomElsewhere(pl):
		pl.set(pl.n - 1)
		pl.mix.is, pl.mix.closed = is[:len(is)-1], true
		pl.mix.note(r.target)
		r.p.freed = true
		wait.Reason = "it moves to another node, since " + lack
	default:
		wait.Reason, wait.n = lack+", and no other node has room", badFailing
		r.noRoom = &wait
		return false
	}
	if r.blocked {
		r.Failed, r.Progress = false, r.p.in.Now
	}
	if t.unproven {
		r.unproven--
	}
	r.Old, r.inFlight = r.Old-1, r.inFlight+1
	r.await(wait)
	return true
}

// lack says what a place has too little of for one more instance of the new content; empty: nothing. own says that it is
// the port that such an instance has.
func (r *rollout) lack(pl *place) (what string, own bool) {
	h, ports := pl.host, r.j.ports
	if len(ports) > 0 {
		if port, by := h.taken(ports, r.j); by != nil {
			return fmt.Sprintf("port %d of the new version is in use by %s on the node", port, by.name()), false
		}
		if slices.Contains(pl.mix.is, r.target) {
			return "the new version's fixed " + portWords(ports) + " leaves room for one instance on the node", true
		}
	}
	var had resources
	if pl.needs != nil {
		had = *pl.needs
	}
	if need := had.most(r.j.needs); h.used.plus(had, -pl.n).plus(need, pl.n).excess(had, need, h.capacity) > 0 {
		return "the node has too little for what the new version sets aside", false
	}
	return "", false
}

// takeOver gives a place the ports and resources that its instances now need, and frees the others.
func (r *rollout) takeOver(pl *place) {
	needs, ports := r.j.needs, r.j.ports
	for _, c := range pl.mix.is {
		if c != r.target {
			needs = needs.most(contentNeeds(c))
		}
	}
	if pl.needs != nil && pl.needs.grewFrom(needs) {
		r.p.freed = true
	}
	if pl.account(nil); !needs.none() {
		pl.account(&needs)
	}
	if old := pl.oldPorts(); len(old) > 0 {
		pl.host.release(old, pl)
		r.p.freed = true
		for _, c := range pl.mix.is {
			pl.takeAll(fixedPorts(&c.prev.App))
		}
	}
	pl.settled = pl.takeAll(ports)
}

func contentNeeds(c *content) resources { return needs(c.prev.App.ResAlloc) }

func (r *rollout) roomElsewhere(except *place) (found bool) {
	if r.j.mode != placing {
		return false
	}
	r.p.eachOpen(r.j, func(h *host, _ *place) { found = found || h != except.host })
	return found
}

// resettle finds places for instances that left theirs, and for those that waited for room that is free now.
func (p *planner) resettle() {
	for p.freed {
		p.freed = false
		for _, j := range p.order {
			p.extend(j)
		}
		for _, r := range p.active {
			for _, pl := range r.j.places {
				if pl.ours() && !pl.asIs {
					pl.fit(r.fresh)
				}
			}
			if r.noRoom != nil {
				r.advance()
			}
		}
	}
}

func samePorts(c *content, j *job) bool { return slices.Equal(fixedPorts(&c.prev.App), j.ports) }
