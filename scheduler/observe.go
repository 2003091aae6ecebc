package scheduler

import (
	"fmt"
	"maps"
	"slices"

	"stathub/state"
)

// observe finds what is placed where before the plan: by the manifests, and by the report where a manifest is gone.
func (p *planner) observe() {
	for _, h := range p.hosts {
		switch {
		case h.manifest != nil:
			for i := range h.manifest.Apps {
				p.observeEntry(h, &h.manifest.Apps[i])
			}
		default:
			counts := h.reported()
			for _, app := range slices.Sorted(maps.Keys(counts)) {
				if j := p.byName[app]; j != nil {
					p.add(&place{job: j, host: h, was: counts[app], held: h.held != ""})
				}
			}
		}
		if h.held != "" {
			p.note(NoteHeld, h.id, "", h.held)
		}
	}
}

func (p *planner) observeEntry(h *host, e *state.ManifestEntry) {
	pl := &place{job: p.byName[e.App.Name], host: h, entry: e, was: e.Instances(), held: h.held != ""}
	pl.person = e.Owner != state.OwnerMaster
	if !pl.person && !pl.held && e.Sum != p.digests.of(e) {
		pl.person, pl.taken = true, true
		p.note(NoteHandEdited, h.id, e.App.Name, "the entry was edited by hand: it is the person's now, and the master leaves it alone until it is released")
	}
	if !pl.person && !pl.held && (pl.job == nil || pl.job.app == nil) {
		pl.asIs = true
		p.note(NoteKept, h.id, e.App.Name, fmt.Sprintf("%s: the entry stays as it is", p.absence(pl.job)))
	}
	p.add(pl)
}

func (p *planner) absence(j *job) string {
	if j != nil && j.broken != "" {
		return "the app cannot be read (" + j.broken + ")"
	}
	return "there is no app document"
}

// add enters a place into the books with what is there now.
func (p *planner) add(pl *place) {
	h := pl.host
	h.places = append(h.places, pl)
	pl.n = pl.was
	h.total += pl.n
	if pl.job != nil {
		pl.job.places = append(pl.job.places, pl)
		if h.alive {
			pl.job.live += pl.n
		}
	}
}

// reservePorts gives each fixed port of each node to one app: first to entries that are not the plan's to change, then
// to those that have it now, then, by name, to apps whose new version asks for it.
func (p *planner) reservePorts() {
	for _, h := range p.hosts {
		for _, pl := range h.places {
			if !pl.ours() || pl.asIs {
				pl.takeAll(pl.oldPorts())
			}
		}
	}
	for _, h := range p.hosts {
		for _, pl := range h.places {
			if pl.ours() && !pl.asIs && pl.job.mode != stopping {
				for _, port := range pl.oldPorts() {
					if slices.Contains(pl.job.ports, port) {
						h.take(port, pl.job.name)
					}
				}
			}
		}
	}
	for _, j := range p.jobs {
		for _, pl := range j.places {
			if pl.ours() && !pl.asIs && j.mode != stopping {
				pl.claim()
			}
		}
	}
}

// claim takes the ports of the app as it is now. An app that is only kept goes on with its old content, if that is how
// it avoids a conflict.
func (pl *place) claim() {
	j := pl.job
	if pl.takeAll(j.ports) {
		return
	}
	pl.host.release(j.ports, j.name)
	pl.conflict = true
	if j.mode == keeping && pl.entry != nil {
		pl.asIs = true
		pl.takeAll(pl.oldPorts())
	}
}

// reclaim tries again for the apps that kept their old content, until no port comes free any more.
func (p *planner) reclaim() {
	var waiting []*place
	for _, j := range p.jobs {
		for _, pl := range j.places {
			if pl.conflict && pl.asIs {
				waiting = append(waiting, pl)
			}
		}
	}
	for again := true; again; {
		again = false
		for _, pl := range waiting {
			if _, by := pl.host.taken(pl.job.ports, pl.job.name); pl.conflict && by == "" {
				pl.host.release(pl.oldPorts(), pl.job.name)
				pl.takeAll(pl.job.ports)
				pl.conflict, pl.asIs, again = false, false, true
			}
		}
	}
}

func (pl *place) takeAll(ports []int) bool {
	all := true
	for _, port := range ports {
		all = pl.host.take(port, pl.name()) && all
	}
	return all
}

// oldPorts are the fixed ports of what runs there so far.
func (pl *place) oldPorts() []int {
	switch {
	case pl.entry != nil:
		return fixedPorts(&pl.entry.App)
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
