package web

import (
	"path"
	"slices"
	"strconv"
	"time"

	"stathub/state"
)

// Process is the page of one instance, on a master or on its own agent.
type Process struct {
	state.Instance
	Limits   ProcRow // the same instance as tables have it: node, links, and what it uses of its limits
	API      string  // base of its routes, such as "/v1/node/n1/proc/web.0"
	Crashes  string  // URL of the crash outputs of its node, such as "/v1/node/n1/crash"
	Local    bool    // on the agent: there is one node
	Spec     *state.App
	Schedule *state.Schedule // nil: it is no scheduled job
	Events   Events          // its latest ones
	Signals  []Signal
}

// NewProcess makes the page's view of an instance of a node. entry is of the node's manifest, nil when that has none for the
// app any more: the instance is on its way out.
func NewProcess(node string, instance state.Instance, entry *state.ManifestEntry) Process {
	p := Process{Instance: instance, Limits: ProcRow{Proc: instance.Proc(node)}, Signals: slices.Clone(signals)}
	if entry != nil {
		own := entry.Of(min(instance.N, max(0, entry.Count-1))) // runs of a job that overlap have higher numbers
		p.Spec, p.Schedule = &own.App, own.Schedule
		p.Limits.Limits = own.App.ResAlloc
		for i := range p.Signals {
			p.Signals[i].Own = p.Signals[i].Number == own.App.KillSignal
		}
		if !slices.ContainsFunc(p.Signals, func(s Signal) bool { return s.Own }) && own.App.KillSignal > 0 {
			p.Signals = append(p.Signals, Signal{Number: own.App.KillSignal, Own: true})
		}
	}
	return p
}

// Signal is a signal that a process may be sent.
type Signal struct {
	Number int
	Name   string // may be empty
	Own    bool   // it is the one that its app is stopped with
}

// signals are those that people send, by their numbers on Linux (signal(7)).
var signals = []Signal{
	{15, "SIGTERM", false}, {9, "SIGKILL", false}, {2, "SIGINT", false}, {1, "SIGHUP", false}, {3, "SIGQUIT", false}, {6, "SIGABRT", false},
	{10, "SIGUSR1", false}, {12, "SIGUSR2", false}, {19, "SIGSTOP", false}, {18, "SIGCONT", false},
}

// String is its name and number, or the number alone.
func (s Signal) String() string {
	if s.Name == "" {
		return strconv.Itoa(s.Number)
	}
	return s.Name + " (" + strconv.Itoa(s.Number) + ")"
}

// signalName is the name of a signal, or its number.
func signalName(number int) string {
	for _, s := range signals {
		if s.Number == number {
			return s.Name
		}
	}
	return strconv.Itoa(number)
}

// Name is the instance on its node: "web.0".
func (p Process) Name() string { return local(p.ID) }

// Restartable reports whether it can be started again by itself: not what runs by a schedule, or is to be stopped.
func (p Process) Restartable() bool { return p.Spec != nil && p.Spec.Start && p.Schedule == nil }

// Checked reports whether it has health checks.
func (p Process) Checked() bool { return p.Spec != nil && len(p.Spec.HealthChecks) > 0 }

// Folder is where it works, where the app says so; empty: in a folder of its own below the agent's.
func (p Process) Folder() string {
	if p.Spec == nil || !path.IsAbs(p.Spec.WorkingDirectory) {
		return ""
	}
	return p.Spec.WorkingDirectory
}

// PIDLimit is how many processes and threads it may have; 0: there is no limit.
func (p Process) PIDLimit() int {
	switch {
	case p.Spec == nil || p.Spec.ResAlloc == nil:
		return 0
	case p.Spec.ResAlloc.PIDs == 0:
		return state.DefaultPIDs
	}
	return p.Spec.ResAlloc.PIDs
}

// Processes is how many processes it has, as far as is known.
func (p Process) Processes() int {
	if p.PID == 0 {
		return 0
	}
	return 1 + len(p.Children)
}

// DiskLimit is how much its folder may hold; 0: there is no limit.
func (p Process) DiskLimit() state.Bytes {
	if p.Limits.Limits == nil {
		return 0
	}
	return p.Limits.Limits.Disk
}

// DiskShare is what it uses of that.
func (p Process) DiskShare() Share { return shareOf(float64(p.Disk), float64(p.DiskLimit())) }

// PIDShare is how many processes it has of those that it may have.
func (p Process) PIDShare() Share { return shareOf(float64(p.Processes()), float64(p.PIDLimit())) }

// fetched is how far the download of an artifact is.
func fetched(a state.ArtifactState) Share {
	return shareOf(float64(a.BytesDone), float64(a.BytesTotal))
}

// Took is how long a run of a scheduled job took, or has been going on; empty: it never came up.
func Took(r state.Run) string {
	switch {
	case r.Start.IsZero():
		return ""
	case r.End.IsZero():
		return span(time.Since(r.Start))
	}
	return span(r.End.Sub(r.Start))
}
