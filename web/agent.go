package web

import (
	"maps"
	"slices"
	"strings"
	"time"

	"stathub/state"
	"stathub/state/guard"
)

// Agent is the first page of an agent: its node, and what runs there.
type Agent struct {
	state.Node
	Problems   []string
	Stores     []guard.State // how its bucket answers
	Standalone bool          // it has no master: what runs is edited here
	Master     string        // URL of its master; may be empty
	Manifest   string        // where its manifest is
	TagsETag   string
	EnvsETag   string
	Apps       []AppRow
	Procs      Procs
	Events     Events
	Crashes    []AgentCrash
	Measured   bool // there is something for the charts
}

// TagLines are the tags as people edit them: one a line.
func (a Agent) TagLines() string { return strings.Join(a.Tags, "\n") }

// EnvLines is the environment as people edit it: NAME=value, one a line.
func (a Agent) EnvLines() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.Envs)) {
		b.WriteString(name + "=" + a.Envs[name] + "\n")
	}
	return b.String()
}

// Multiline reports whether a value of the environment has several lines: then lines cannot be edited.
func (a Agent) Multiline() bool {
	for name, value := range a.Envs {
		if strings.ContainsAny(name+value, "\r\n") {
			return true
		}
	}
	return false
}

// DiskTotal is the size of its disks, each counted once.
func (a Agent) DiskTotal() state.Bytes { return DiskSize(&a.Node) }

// AgentCrash is the last output of an instance that ended badly.
type AgentCrash struct {
	Name, Instance string
	At             time.Time
	Size           state.Bytes
}

// AgentApp is the page of one app of an agent.
type AgentApp struct {
	AppRow
	Standalone bool   // it is edited here
	Master     string // where it is edited else; may be empty
	Text       string // the document
	Procs      Procs
	Events     Events
}
