package scheduler

import "math/bits"

// extend finds places for what an app still lacks.
func (p *planner) extend(j *job) {
	if j.mode != placing {
		return
	}
	if j.each() {
		p.extendEach(j)
		return
	}
	lack := j.choreo.Scale - j.live
	if lack > 0 && j.single() {
		lack -= p.remain(j)
	}
	if lack > 0 {
		p.grow(j, lack)
	}
	p.trimSilent(j)
}

// grow adds instances, one at a time, to the spread values that have fewest of the app, there to the node that has, then
// to the emptiest; the last tie is broken by a hash, so that many small apps do not all meet on the first node.
func (p *planner) grow(j *job, lack int) {
	p.cands = p.cands[:0]
	p.eachOpen(j, func(h *host, pl *place) {
		p.cands = append(p.cands, candidate{key: j.weight(h, pl), rank: j.rank(h), host: h, place: pl})
	})
	pick := p.picker(j, 1)
	for ; lack > 0; lack-- {
		c := pick.next()
		if c == nil {
			return
		}
		if c.place == nil {
			c.place = p.newPlace(j, c.host)
		}
		p.put(c.place, c.place.n+1)
		c.key = c.place.weight()
		more, _ := c.host.room(j, c.place)
		pick.taken(c.place.n < j.limit && more > 0)
	}
}

// eachOpen calls f for every node that can take one more instance of the app, with the app's place there, if it has one.
func (p *planner) eachOpen(j *job, f func(h *host, pl *place)) {
	p.mark(j)
	for w, word := range p.open {
		for word &= j.match.ok[w]; word != 0; word &= word - 1 {
			h := &p.slab[w*64+bits.TrailingZeros64(word)]
			if why, _ := p.verdict(j, h, p.at[h.i]); why == fits {
				f(h, p.at[h.i])
			}
		}
	}
}

func (p *planner) newPlace(j *job, h *host) *place {
	pl := &place{job: j, host: h, fresh: true}
	if !j.needs.none() {
		pl.needs = &j.needs
	}
	return pl
}

// put gives a place its instances and, where it is new, enters it into the books.
func (p *planner) put(pl *place, n int) {
	if pl.fresh {
		pl.fresh = false
		pl.host.added = append(pl.host.added, pl)
		pl.job.places = append(pl.job.places, pl)
		pl.job.fresh = true
	}
	if pl.old() && n > pl.n {
		if need := pl.needsToGrow(); need != pl.needsNow() {
			pl.account(&need)
		}
	}
	pl.set(n)
	if !pl.settled {
		pl.settled = pl.takeAll(pl.job.ports)
	}
}

func (p *planner) extendEach(j *job) {
	p.eachOpen(j, func(h *host, pl *place) {
		if pl == nil {
			pl = p.newPlace(j, h)
		}
		more, _ := h.room(j, pl)
		if n := min(j.choreo.Scale, j.limit, pl.n+more); pl.n < n {
			p.put(pl, n)
		}
	})
}

// trimSilent drops from silent nodes as many instances as now have another place. The rest stays in their manifests:
// with nowhere else to go, the node had better start them when it comes back.
func (p *planner) trimSilent(j *job) {
	if !j.silent {
		return
	}
	lack := max(0, j.choreo.Scale-j.live)
	for _, pl := range j.places {
		if pl.ours() && !pl.host.alive {
			n := min(pl.n, lack)
			lack -= n
			pl.set(n)
		}
	}
}

// room is how many more instances of an app the host can take, and what it has too little of for another one. pl is the
// app's place there, if it has one.
func (h *host) room(j *job, pl *place) (n int, scarce cause) {
	if n, scarce = maxOnHost-h.total, full; n <= 0 || j.needs.none() {
		return n, scarce
	}
	used, need := h.used, j.needs
	if pl != nil && pl.old() { // those that are there come to need as much, too
		need = pl.needsToGrow()
		used = used.plus(pl.needsNow(), -pl.n).plus(need, pl.n)
	}
	if more, lacks := used.fits(need, h.capacity); more < n {
		return more, lacks
	}
	return n, scarce
}

func (pl *place) needsNow() resources {
	if pl.needs == nil {
		return resources{}
	}
	return *pl.needs
}

// needsToGrow is what each instance of a place is accounted with where some are not as the app is now.
func (pl *place) needsToGrow() resources { return pl.needsNow().most(pl.job.needs) }

// weight orders the nodes for an app: first by how many of it they have, then by how full they are. An app that sets
// resources aside looks at those first, any other at the number of instances.
func (j *job) weight(h *host, pl *place) uint64 {
	n := 0
	if pl != nil {
		n = pl.n
	}
	first, second := h.total, h.share
	if !j.needs.none() {
		first, second = second, first
	}
	return uint64(n)<<44 | uint64(first)<<22 | uint64(second)
}

func (pl *place) weight() uint64 { return pl.job.weight(pl.host, pl) }

// rank is a number that differs for each app on the same node.
func (j *job) rank(h *host) uint64 {
	return scramble(j.known.hash ^ h.sighting.hash*0x9e3779b97f4a7c15)
}

func scramble(x uint64) uint64 {
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return x ^ x>>32
}
