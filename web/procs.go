package web

import (
	"net/url"
	"strconv"

	"stathub/state"
)

// Procs is a table of instances, for template "procs".
type Procs struct {
	Rows   []ProcRow
	NoApp  bool // the page tells the app already
	NoNode bool // the page tells the node already
}

// ProcRow is an instance as a table shows it.
type ProcRow struct {
	state.Proc
	URL      string           // of its page
	Hostname string           // of its node; may be empty
	Address  string           // of its node's agent, for links to its ports
	Silent   bool             // the node is not heard of: this is what it told last
	Limits   *state.Resources // of the instance; nil: none are known
}

// ProcURL is the path of an instance's page on a master.
func ProcURL(node, instance string) string {
	return NodeURL(node) + "/procs/" + url.PathEscape(local(instance))
}

// NodeURL is the path of a node's page on a master.
func NodeURL(node string) string { return "/nodes/" + url.PathEscape(node) }

// AppURL is the path of an app's page.
func AppURL(app string) string { return "/apps/" + url.PathEscape(app) }

// CPUs is what the instance uses, in cores.
func (p ProcRow) CPUs() string { return strconv.FormatFloat(p.CPU, 'f', 2, 64) }

// CPULimit is the most that it may use, in cores; empty: there is no limit.
func (p ProcRow) CPULimit() string {
	if p.Limits == nil || p.Limits.CPUs <= 0 {
		return ""
	}
	return strconv.FormatFloat(p.Limits.CPUs, 'f', -1, 64)
}

// CPUShare is what it uses of its limit.
func (p ProcRow) CPUShare() Share {
	if p.Limits == nil {
		return Share{}
	}
	return shareOf(p.CPU, p.Limits.CPUs)
}

// MemLimit is the most that it may use, in bytes; 0: there is no limit.
func (p ProcRow) MemLimit() state.Bytes {
	if p.Limits == nil {
		return 0
	}
	return p.Limits.Mem
}

// MemShare is what it uses of its limit.
func (p ProcRow) MemShare() Share { return shareOf(float64(p.RSS), float64(p.MemLimit())) }

// Healthiness is the sum of its health checks where its state does not tell it already; empty: there is none.
func (p ProcRow) Healthiness() state.Health {
	if p.Health == state.HealthUnknown || string(p.Health) == string(p.State) || !p.State.Live() {
		return ""
	}
	return p.Health
}

// Idle reports whether it is between two runs of a scheduled job, the last of which did not fail.
func (p ProcRow) Idle() bool {
	return !p.NextRun.IsZero() && (p.State == state.Waiting || p.State == state.Completed)
}

// Share is a part of something, in percent, for template "share".
type Share struct {
	Percent int
	Known   bool
	Goal    bool // all of it is as it should be
}

// shareOf gives used of whole, at most all of it; it is not known where there is no whole.
func shareOf(used, whole float64) Share {
	if !(whole > 0) {
		return Share{}
	}
	return Share{Percent: int(min(100, max(0, 100*used/whole))), Known: true}
}

// Level is how near to its end it is, where there is something to fear: "full", "high" or "".
func (s Share) Level() string {
	switch {
	case s.Goal:
	case s.Percent >= 95:
		return "full"
	case s.Percent >= 80:
		return "high"
	}
	return ""
}

// ProcList is the page that finds instances.
type ProcList struct {
	Query    string
	Fault    *QueryFault // why it cannot be read
	Warnings []string
	Procs    Procs
	Pager    Pager
}
