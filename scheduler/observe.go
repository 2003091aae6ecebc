package scheduler

import "fmt"

// observe finds what is placed where before the plan: by the manifests, and by the report where a manifest is gone.
func (p *planner) observe() {
	listings := make([][]listed, len(p.slab))
	count := 0
	for i := range p.slab {
		if h := &p.slab[i]; h.manifest != nil {
			listings[i] = p.memo.list(h.sighting, h.manifest, p.digests)
			count += len(listings[i])
		}
	}
	places := spare(&p.memo.places, count) // they must not move any more once somebody points to them
	for i := range p.slab {
		h := &p.slab[i]
		if h.manifest != nil {
			n := len(listings[i])
			h.places, places = places[:n:n], places[n:]
			for k := range listings[i] {
				p.observeEntry(h, &h.places[k], &listings[i][k])
			}
		} else {
			p.observeReport(h)
		}
		if h.held != "" {
			p.note(NoteHeld, h.id, "", h.held)
		}
	}
	p.assign()
}

func (p *planner) observeEntry(h *host, pl *place, e *listed) {
	pl.host, pl.entry, pl.listed, pl.was, pl.held, pl.person = h, e.app, e, int(e.count), h.held != "", e.person
	if e.job >= 0 {
		pl.job = p.jobs[e.job]
	}
	if e.forged && !pl.held {
		pl.person, pl.taken = true, true
		p.note(NoteHandEdited, h.id, e.app.App.Name, "the entry was edited by hand: it is the person's now, and the master leaves it alone until it is released")
	}
	if !pl.person && !pl.held && (pl.job == nil || pl.job.app == nil) {
		pl.asIs = true
		p.note(NoteKept, h.id, e.app.App.Name, fmt.Sprintf("%s: the entry stays as it is", p.absence(pl.job)))
	}
	if !e.needs.none() {
		pl.needs = &e.needs
	}
	pl.enter()
	pl.observeContent()
}

func (p *planner) observeReport(h *host) {
	apps := h.reported()
	h.places = make([]place, 0, len(apps))
	for _, app := range apps {
		i, ok := p.memo.index[app.name]
		if !ok {
			continue
		}
		h.places = append(h.places, place{job: p.jobs[i], host: h, was: app.present, held: h.held != ""})
		pl := &h.places[len(h.places)-1]
		if !pl.job.needs.none() {
			pl.needs = &pl.job.needs
		}
		pl.enter()
	}
}

func (p *planner) absence(j *job) string {
	if j != nil && j.broken != "" {
		return "the app cannot be read (" + j.broken + ")"
	}
	return "there is no app document"
}

// enter puts what is there now into the books.
func (pl *place) enter() {
	h := pl.host
	pl.n = pl.was
	h.total += pl.n
	if pl.needs != nil {
		h.use(*pl.needs, pl.n)
	}
	j := pl.job
	if j == nil {
		return
	}
	if h.alive {
		j.live += pl.n
		j.where += h.mark(pl.n)
	} else {
		j.silent = true
	}
	j.stirred = j.stirred || !pl.steady()
}

// steady reports whether the place surely stays as it is, unless the app is to have fewer instances.
func (pl *place) steady() bool {
	j := pl.job
	if !pl.ours() {
		return true
	}
	if pl.asIs || pl.mix != nil || pl.was > j.limit || pl.needsNow() != j.needs {
		return false
	}
	switch j.mode {
	case keeping:
		return true
	case placing:
		return (pl.host.bar == fits || pl.host.bar == cordoned) && j.match.ok.has(pl.host.i) && (!j.each() || pl.was <= j.choreo.Scale)
	}
	return false
}

// assign gives the apps their places, in the order of the hosts.
func (p *planner) assign() {
	counts, all := make([]int, len(p.jobs)), 0
	for i := range p.slab {
		for k := range p.slab[i].places {
			if j := p.slab[i].places[k].job; j != nil {
				counts[j.i]++
				all++
			}
		}
	}
	places := spare(&p.memo.byJob, all)
	for i, j := range p.jobs {
		n := counts[i]
		j.places, places = places[:0:n], places[n:]
	}
	for i := range p.slab {
		for k := range p.slab[i].places {
			if pl := &p.slab[i].places[k]; pl.job != nil {
				pl.job.places = append(pl.job.places, pl)
			}
		}
	}
}
