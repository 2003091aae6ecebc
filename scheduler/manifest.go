package scheduler

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"stathub/state"
)

// manifest gives the manifest that the node is to have, or nil where the present one is right or is to be left alone.
// Entries keep their order; new ones come last, by name.
func (p *planner) manifest(h *host) *state.Manifest {
	if h.held != "" || !p.differs(h) {
		return nil
	}
	kills, pruned := pending(h.manifest, h.report)
	entries := make([]state.ManifestEntry, 0, len(h.places)+len(h.added))
	added := make([]*place, 0, len(h.added))
	changed := pruned || h.restored() || p.outrun(h)
	for i := range h.places {
		pl := &h.places[i]
		if pl.entry == nil {
			if changed = changed || pl.was > 0; pl.n > 0 {
				added = append(added, pl)
			}
			continue
		}
		e, differs := p.entry(pl)
		if changed = changed || differs; e != nil {
			entries = append(entries, *e)
		}
	}
	for _, pl := range h.added {
		if pl.n > 0 {
			added = append(added, pl)
		}
	}
	slices.SortFunc(added, func(a, b *place) int { return cmp.Compare(a.job.name, b.job.name) })
	for _, pl := range added {
		entries = append(entries, *p.render(pl, &state.ManifestEntry{}))
	}
	m := &state.Manifest{}
	if h.manifest != nil {
		*m = *h.manifest
		changed = changed || !maps.Equal(m.Envs, h.record.Envs)
	}
	if !changed && len(added) == 0 {
		return nil
	}
	p.number(h, m)
	m.Node, m.UpdatedAt = h.id, p.in.Now.UTC().Truncate(time.Millisecond)
	m.Envs, m.Apps, m.Kill = maps.Clone(h.record.Envs), entries, kills
	return m
}

// differs reports whether a node's manifest may have to change. It is quick, and mostly right to say no.
func (p *planner) differs(h *host) bool {
	if len(h.added) > 0 || h.restored() || p.outrun(h) {
		return true
	}
	if h.manifest != nil && (len(h.manifest.Kill) > 0 || !maps.Equal(h.manifest.Envs, h.record.Envs)) {
		return true
	}
	for i := range h.places {
		if !h.places[i].same() {
			return true
		}
	}
	return false
}

// same reports whether the entry of a place surely is as it is to be: it says exactly what the documents of its app say.
func (pl *place) same() bool {
	switch {
	case pl.entry == nil || pl.taken || pl.n != pl.was:
		return false
	case !pl.ours() || pl.asIs:
		return true
	case pl.n == 0 && pl.job.mode != keeping:
		return false
	}
	return pl.listed.plain && pl.listed.sum != 0 && pl.listed.sum == pl.job.known.sum(pl.n)
}

// entry gives what becomes of an entry that is there, nil when it goes, and whether that is a change.
func (p *planner) entry(pl *place) (e *state.ManifestEntry, changed bool) {
	switch {
	case pl.taken:
		mine := *pl.entry
		mine.Owner, mine.Sum = state.OwnerHand, "" // so that naming the master as its owner again hands it back
		return &mine, true
	case pl.same() || !pl.ours():
		return pl.entry, false
	case pl.n == 0 && pl.job.mode != keeping && !pl.lingers():
		return nil, true
	case pl.asIs && pl.n == pl.entry.Count:
		return pl.entry, false
	case pl.asIs:
		fewer := *pl.entry
		fewer.Count = pl.n
		fewer.Sum = p.digests.of(&fewer)
		return &fewer, true
	}
	e = p.render(pl, pl.entry)
	return e, e.Sum != pl.entry.Sum
}

// render writes the app as it is now into a copy of an entry of the master's. Members that are not known stay.
func (p *planner) render(pl *place, old *state.ManifestEntry) *state.ManifestEntry {
	e := *old
	now := &pl.job.known.entry
	e.Count, e.Owner = pl.n, state.OwnerMaster
	pl.write(&e)
	if pl.job.choreo != nil {
		e.Schedule = now.Schedule
		if pl.entry == nil || !pl.host.down() { // what a silent node knows of is what it was told
			e.DisconnectSeconds = now.DisconnectSeconds
		}
	}
	if !pl.old() && len(e.Extra) == 0 && e.Schedule == now.Schedule && e.DisconnectSeconds == now.DisconnectSeconds {
		e.Sum = pl.job.known.digest(pl.n)
	} else {
		e.Sum = p.digests.of(&e)
	}
	return &e
}
