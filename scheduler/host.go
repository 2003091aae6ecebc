package scheduler

import (
	"stathub/state"
)

// host is one node as this plan sees it.
type host struct {
	i        int
	id       string
	record   *state.Node     // nil: there is none that can be read
	manifest *state.Manifest // nil: there is none that can be read
	report   *state.Report
	held     string // why its manifest is left alone; empty: it is the master's to write
	alive    bool   // instances on it count as placed
	total    int    // instances, of all apps
	ports    map[int]string
	places   []*place // the apps' places here, in the order in which they came up
}

func newHost(i int, id string, in *Input) *host {
	h := &host{i: i, id: id, record: in.Nodes[id], report: in.Reports[id]}
	current, listed := in.Manifests[id]
	h.manifest = current.Manifest
	// A node whose record is missing or unreadable may well be alive: what it runs counts, so that nothing is started twice.
	h.alive = h.record == nil || h.record.State != state.NodeDown || in.Frozen != ""
	switch {
	case current.Unreadable:
		h.held = "its manifest cannot be read, so it is left alone"
	case listed && h.manifest != nil && h.manifest.Paused:
		h.held = "its manifest is paused"
	case h.record == nil:
		h.held = "there is no readable record of the node, so its manifest is left alone"
	case h.manifest == nil:
		if app := h.stranger(in); app != "" {
			h.held = "it has no manifest and runs " + app + ", which has no readable app document; writing one would stop it"
		}
	}
	return h
}

// stranger gives an app that the node reports and that nobody can say anything about.
func (h *host) stranger(in *Input) string {
	if h.report == nil {
		return ""
	}
	for i := range h.report.Instances {
		inst := &h.report.Instances[i]
		if in.Apps[inst.App] == nil && present(inst) {
			return inst.App
		}
	}
	return ""
}

// present reports whether an instance in a report stands for a place: one that is on its way out does not.
func present(inst *state.Instance) bool {
	return inst.State != state.Stopping && inst.State != state.Stopped
}

// reported counts the instances that the node reports, by app: what it runs when its manifest is gone.
func (h *host) reported() map[string]int {
	counts := map[string]int{}
	if h.report != nil {
		for i := range h.report.Instances {
			if inst := &h.report.Instances[i]; present(inst) {
				counts[inst.App]++
			}
		}
	}
	return counts
}

// down reports whether the node is silent.
func (h *host) down() bool { return h.record != nil && h.record.State == state.NodeDown }

// draining reports whether what runs on the node is to move away.
func (h *host) draining() bool {
	return h.record != nil && (h.record.Drain || h.record.State == state.NodeDraining)
}

// take reserves the port for an app and reports whether it has it now.
func (h *host) take(port int, app string) bool {
	if holder, ok := h.ports[port]; ok {
		return holder == app
	}
	if h.ports == nil {
		h.ports = map[int]string{}
	}
	h.ports[port] = app
	return true
}

func (h *host) release(ports []int, app string) {
	for _, port := range ports {
		if h.ports[port] == app {
			delete(h.ports, port)
		}
	}
}

// taken gives the first of the ports that another app has, and that app.
func (h *host) taken(ports []int, app string) (port int, by string) {
	for _, port := range ports {
		if by, ok := h.ports[port]; ok && by != app {
			return port, by
		}
	}
	return 0, ""
}
