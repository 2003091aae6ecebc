package scheduler

import (
	"cmp"
	"maps"
	"slices"

	"stathub/state"
)

// manifest gives the manifest that the node is to have, or nil where the present one is right or is to be left alone.
// Entries keep their order; new ones come last, by name.
func (p *planner) manifest(h *host) *state.Manifest {
	if h.held != "" {
		return nil
	}
	entries := make([]state.ManifestEntry, 0, len(h.places))
	changed, unlisted := false, false
	var added []*place
	for _, pl := range h.places {
		if pl.entry == nil {
			if pl.n > 0 {
				added = append(added, pl)
			}
			unlisted = unlisted || pl.was > 0
			continue
		}
		e, differs := p.entry(pl)
		changed = changed || differs
		if e != nil {
			entries = append(entries, *e)
		}
	}
	slices.SortFunc(added, func(a, b *place) int { return cmp.Compare(a.job.name, b.job.name) })
	for _, pl := range added {
		entries = append(entries, *p.render(pl, &state.ManifestEntry{}))
	}
	m := &state.Manifest{}
	switch {
	case h.manifest != nil:
		*m = *h.manifest
		changed = changed || len(added) > 0 || !maps.Equal(m.Envs, h.record.Envs)
	case len(added) > 0 || unlisted:
		changed = true // without entries, too: only a manifest stops what the node still runs
		if h.report != nil {
			m.Generation = h.report.Manifest.Generation // of the manifest that is gone
		}
	}
	if !changed {
		return nil
	}
	m.Node, m.Generation, m.Term, m.Writer, m.UpdatedAt = h.id, m.Generation+1, p.in.Term, p.in.Writer, p.in.Now
	m.Envs, m.Apps = maps.Clone(h.record.Envs), entries
	return m
}

// entry gives what becomes of an entry that is there, nil when it goes, and whether that is a change.
func (p *planner) entry(pl *place) (e *state.ManifestEntry, changed bool) {
	switch {
	case pl.taken:
		mine := *pl.entry
		mine.Owner = state.OwnerHand
		return &mine, true
	case !pl.ours():
		return pl.entry, false
	case pl.n == 0 && pl.job.mode != keeping:
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
	e.App, e.Count, e.RestartToken, e.Owner = *pl.job.app, pl.n, pl.job.token, state.OwnerMaster
	if pl.job.choreo != nil {
		e.Schedule = pl.job.choreo.Schedule
	}
	e.Sum = p.digests.of(&e)
	return &e
}
