package scheduler

// retain decides which of an app's present instances stay where they are.
func (p *planner) retain(j *job) {
	if j.stirred {
		for _, pl := range j.places {
			if j.mode != stopping {
				pl.renew()
			}
			switch {
			case !pl.ours() || j.mode == keeping:
			case j.mode == stopping:
				pl.set(0)
			default:
				pl.set(p.staying(pl))
			}
		}
	}
	if j.mode == placing {
		if excess := j.live - j.choreo.Scale; excess > 0 && !j.each() {
			p.shrink(j, excess)
		}
	}
}

// renew accounts the place with what its app needs now.
func (pl *place) renew() {
	if !pl.ours() || pl.asIs || pl.old() || pl.job.app == nil {
		return
	}
	if pl.needs == nil && pl.job.needs.none() || pl.needs != nil && *pl.needs == pl.job.needs {
		return
	}
	pl.account(&pl.job.needs)
}

// staying is how many of the instances of a place may stay, before the scale of the app as a whole is looked at.
// Instances on a silent node stay for now: extend drops those that found another place.
func (p *planner) staying(pl *place) int {
	j, h := pl.job, pl.host
	n := min(pl.was, pl.limit())
	if j.each() {
		n = min(n, j.choreo.Scale)
	}
	n = pl.lower(n)
	switch {
	case h.down() && p.in.Frozen != "":
		if pl.conflict && pl.entry != nil {
			pl.asIs = true
			pl.takeAll(pl.oldPorts())
		}
		return n
	case pl.conflict, h.draining(), !j.match.ok.has(h.i), j.single() && p.expired(j, h, pl):
		return 0
	}
	return n
}

// shrink takes excess instances away, one at a time: from silent and cordoned nodes first, then from the spread values
// that have most of the app, then from the node that has, then from the fullest.
func (p *planner) shrink(j *job, excess int) {
	for class := 0; class < 3 && excess > 0; class++ {
		p.cands = p.cands[:0]
		for _, pl := range j.places {
			if pl.ours() && pl.n > 0 && pl.host.alive && class == pl.host.class() && pl.lower(pl.n-1) < pl.n {
				p.cands = append(p.cands, candidate{key: ^pl.weight(), rank: ^j.rank(pl.host), host: pl.host, place: pl})
			}
		}
		pick := p.picker(j, -1)
		for ; excess > 0; excess-- {
			c := pick.next()
			if c == nil {
				break
			}
			c.place.set(c.place.n - 1)
			c.key = ^c.place.weight()
			pick.taken(c.place.n > 0)
		}
	}
}

// class tells from which nodes instances are taken first.
func (h *host) class() int {
	switch {
	case h.down():
		return 0
	case h.record != nil && !h.record.Schedulable:
		return 1
	default:
		return 2
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}
