package scheduler

import (
	"cmp"
	"slices"

	"stathub/state"
)

// host is one node as this plan sees it.
type host struct {
	i        int
	sighting *sighting
	id       string
	record   *state.Node     // nil: there is none that can be read
	manifest *state.Manifest // nil: there is none that can be read
	report   *state.Report
	held     string // why its manifest is left alone; empty: it is the master's to write
	bar      cause  // why it takes nothing new, whatever the app
	alive    bool   // instances on it count as placed
	total    int    // instances, of all apps
	used     resources
	capacity resources
	share    int // of the capacity that is used, in percent
	ports    []slot
	places   []place  // what was there before the plan, in the order of the manifest
	added    []*place // what is new
	byID     map[string]*state.Instance
}

// slot is a fixed port of a host and who has it.
type slot struct {
	port int
	by   *place
}

func (p *planner) makeHosts() {
	order := p.memo.begin(&p.in)
	p.slab = make([]host, len(order))
	p.at = spare(&p.memo.byHost, len(order))
	p.open = newHostSet(len(order))
	for i, s := range order {
		h := &p.slab[i]
		h.i, h.sighting, h.id, h.record, h.report = i, s, s.id, s.node, s.report
		if s.listed {
			h.manifest = s.current.Manifest
		}
		// A node whose record is missing or unreadable may well be alive: what it runs counts, so that nothing is started twice.
		h.alive = h.record == nil || h.record.State != state.NodeDown || p.in.Frozen != ""
		h.held = h.aloof(&p.in)
		h.bar = h.barrier(p.in.Frozen != "")
		if h.bar == fits {
			p.open.add(i)
		}
		if h.record != nil {
			h.capacity = capacity(h.record)
		}
	}
}

// aloof says why the manifest of the host is left alone.
func (h *host) aloof(in *Input) string {
	switch {
	case h.sighting.listed && h.sighting.current.Unreadable:
		return "its manifest cannot be read, so it is left alone"
	case h.manifest != nil && h.manifest.Paused:
		return "its manifest is paused"
	case h.record == nil:
		return "there is no readable record of the node, so its manifest is left alone"
	case h.manifest == nil:
		if app := h.stranger(in); app != "" {
			return "it has no manifest and runs " + app + ", which has no readable app document; writing one would stop it"
		}
	}
	return ""
}

// restored reports whether the manifest is to be written again, whatever is in it.
func (h *host) restored() bool { return h.sighting.listed && h.sighting.current.Restore }

// barrier says why the host takes nothing new.
func (h *host) barrier(frozen bool) cause {
	switch {
	case h.held != "":
		return held
	case h.down() && frozen:
		return frozenDown
	case h.down():
		return down
	case h.draining():
		return draining
	case !h.record.Schedulable:
		return cordoned
	}
	return fits
}

// stranger gives an app that the node reports and that nobody can say anything about.
func (h *host) stranger(in *Input) string {
	for _, app := range h.sighting.told() {
		if in.Apps[app.name] == nil && app.present > 0 {
			return app.name
		}
	}
	return ""
}

// reported gives the apps that the node reports, by name: what it runs when its manifest is gone.
func (h *host) reported() []reportedApp {
	apps := slices.DeleteFunc(slices.Clone(h.sighting.told()), func(a reportedApp) bool { return a.present == 0 })
	slices.SortFunc(apps, func(a, b reportedApp) int { return cmp.Compare(a.name, b.name) })
	return apps
}

// down reports whether the node is silent.
func (h *host) down() bool { return h.record != nil && h.record.State == state.NodeDown }

// draining reports whether what runs on the node is to move away.
func (h *host) draining() bool {
	return h.record != nil && (h.record.Drain || h.record.State == state.NodeDraining)
}

// mark is a number that tells this host with n instances from others.
func (h *host) mark(n int) uint64 {
	if n == 0 {
		return 0
	}
	return scramble(h.sighting.hash + uint64(n)*0x9e3779b97f4a7c15)
}

// use changes what is set aside on the host by n times what an instance needs.
func (h *host) use(needs resources, n int) {
	if n == 0 || needs.none() {
		return
	}
	h.used = h.used.plus(needs, n)
	if h.record != nil {
		h.share = h.used.share(h.capacity)
	}
}

// take reserves a port for a place and reports whether it has it now.
func (h *host) take(port int, pl *place) bool {
	for i := range h.ports {
		if h.ports[i].port == port {
			return h.ports[i].by == pl
		}
	}
	h.ports = append(h.ports, slot{port, pl})
	return true
}

func (h *host) release(ports []int, pl *place) {
	for _, port := range ports {
		h.ports = slices.DeleteFunc(h.ports, func(s slot) bool { return s.port == port && s.by == pl })
	}
}

// taken gives the first of the ports that another app has, and that app's place.
func (h *host) taken(ports []int, j *job) (port int, by *place) {
	for _, port := range ports {
		for i := range h.ports {
			if s := &h.ports[i]; s.port == port && s.by.job != j {
				return port, s.by
			}
		}
	}
	return 0, nil
}
