package web

import (
	"maps"
	"slices"
	"time"

	"stathub/state"
)

// NodePage is the page of one node. Besides the node it has what its tab shows.
type NodePage struct {
	NodeRow
	Tab     string // overview, procs, manifest, events or crashes
	ETag    string // of the record
	Bad     []state.BadDocument
	Errors  []string // what its agent finds wrong with the machine
	Refused string   // why its agent does not follow the manifest; empty: it does
	Tags    []string // that other nodes have

	Procs    Procs
	Pager    Pager // of processes or events
	Manifest *NodeManifest
	Events   Events
	Kept     []NodeKept
	KeptErr  string // why they are not known
}

// NodeTabs are the tabs of a node's page.
func NodeTabs() []string { return []string{"overview", "procs", "manifest", "events", "crashes"} }

// NodeKept is something that the bucket keeps of a node, for people.
type NodeKept struct {
	Key      string
	Rejected bool   // a manifest that could not be read, else the last output of an instance
	Instance string // local name; of a crash
	At       time.Time
	Size     state.Bytes
}

// Path is that of its page.
func (k NodeKept) Path() string { return "/bucket/" + k.Key }

// Gone reports whether the node may be forgotten: nothing is to be heard of it.
func (p NodePage) Gone() bool { return p.State == state.NodeDown || p.Detached }

// EnvNames are the names of its environment, in order.
func (p NodePage) EnvNames() []string {
	return slices.Sorted(maps.Keys(p.Envs))
}

// NodeManifest is what a node must run.
type NodeManifest struct {
	*state.Manifest // as it last could be read; nil: it never could, or there is none
	There           bool
	ETag            string // of the document as it is
	Bad             *state.BadDocument
	Entries         []NodeEntry
	Followed        *state.ManifestStatus // by the agent; nil: it never told

	Edit  bool // Text is to be edited
	Text  string
	Error string // why the document cannot be edited here
}

// Current reports whether the agent follows the document as it is.
func (m NodeManifest) Current() bool {
	return m.Followed != nil && string(m.Followed.ETag) == m.ETag && m.Followed.Error == ""
}

// NodeEntry is an entry of a manifest.
type NodeEntry struct {
	*state.ManifestEntry
	Running int  // instances of it whose processes run
	NoApp   bool // there is no app of that name
}

// Who is whose entry it is: master, hand, or a person's name; a person's without one is "person".
func (e NodeEntry) Who() string {
	switch {
	case e.Pinned() && e.Owner == state.OwnerMaster:
		return state.OwnerHand
	case e.Owner == "":
		return "person"
	}
	return e.Owner
}
