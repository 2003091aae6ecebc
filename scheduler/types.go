// Package scheduler decides which node runs how many instances of which app. It is pure: the same input gives the same
// plan, it reads no clock and touches nothing. Whoever calls it writes the manifests and tells of the notes.
package scheduler

import (
	"time"

	"stathub/state"
)

// Input is all that a plan is made from. Schedule keeps nothing of it and changes nothing in it; manifests of the plan
// may share unchanged parts with it.
type Input struct {
	Now    time.Time // goes into UpdatedAt of the manifests; rollouts measure time with it: its monotonic reading keeps them from a clock that is set
	Writer string    // of the manifests
	Term   int64     // of the writer's lease

	Apps    map[string]*state.App    // by name; the readable ones
	Choreos map[string]*state.Choreo // by app; the readable ones
	Broken  map[string]string        // by app: what is wrong with its app or choreo document, which is there but unreadable

	Nodes     map[string]*state.Node   // by id: the records, State already judged
	Manifests map[string]Current       // by node; a node without a manifest has no member
	Reports   map[string]*state.Report // by node

	// Match gives the ids of the nodes that match a query, in any order. It is called once per distinct query of a plan.
	// Nothing changes the slice afterwards; the very same slice means the very same answer. An error is a reason why an
	// app stays as it is, never a stop.
	Match func(query string) ([]string, error)

	// Revisions says what the history knows of the apps' contents. Of an app without a member nobody wants to know whether
	// it is good.
	Revisions map[string]Revision

	Rollouts map[string]*Rollout // those of the plan before; nil: it is the first of this master

	// Frozen, when not empty, says why nobody is moved off a node that is down (law 7).
	Frozen string

	// Silent is how long nodes have been silent, as this master observed it: since their last sign of life, or since it
	// first looked. A node that is left out is not silent.
	Silent map[string]time.Duration

	// Moves is how many instances may be moved for balance alone; 0: none is.
	Moves int

	// Memo, where not nil, makes plans after the first one cheaper. It does not change them.
	Memo *Memo
}

// Current is the manifest that a node has now.
type Current struct {
	Manifest   *state.Manifest // the last readable one; may be nil when Unreadable
	Unreadable bool            // the document cannot be read now: somebody may be typing, so it is left alone
	Restore    bool            // the document could not be read for too long: Manifest is to be written again, changed or not
}

// Plan is what to do and why.
type Plan struct {
	Manifests map[string]*state.Manifest // by node; only those whose content is to change
	Apps      map[string]AppStatus       // by name: every app of Apps, Choreos and Broken
	Notes     []Note                     // in the order of node and app
	Rollouts  map[string]*Rollout        // by app: of those with something left to do or to find out
	Moved     int                        // instances that it moves for balance alone
	Wake      time.Time                  // when to plan again though nothing has changed; zero: no need
}

// AppStatus is how much of an app is placed once the plan is applied.
type AppStatus struct {
	Wanted  int               // instances; with mode each, over all nodes that are to have them
	Placed  int               // instances on nodes that are not down, people's own entries included
	Dist    []state.Placement // never changed: plans may share it
	Reasons []Reason          // why Placed is below Wanted, or why the app is not handled; biggest first
}

// Reason is one cause that keeps an app from being placed, with the nodes that it excludes.
type Reason struct {
	Code    string   // one of the constants below
	Message string   // plain English: "3 nodes do not match the query"
	Nodes   int      // how many nodes it excludes; 0 when the cause is not a node's
	Names   []string // their ids, in order, the first state.MaxReasonNames of them
}

// The codes of reasons and verdicts.
const (
	CodeBroken      = "broken"       // the app or choreo document cannot be read
	CodeNoApp       = "no-app"       // a choreo without its app
	CodeNoChoreo    = "no-choreo"    // an app without its choreo
	CodeStopped     = "stopped"      // Start is false
	CodeDeleted     = "deleted"      // Deleted is true
	CodeScale       = "scale"        // the scale asks for no more
	CodeQuery       = "query"        // the query cannot be evaluated
	CodeNoNode      = "no-node"      // there is no node at all
	CodeNoMatch     = "no-match"     // the node does not match the query
	CodeDown        = "down"         // the node is silent
	CodeFrozen      = "frozen"       // the node is silent, and so are many others
	CodeDraining    = "draining"     // the node is being drained
	CodeCordoned    = "cordoned"     // the node is not schedulable
	CodeHeld        = "held"         // the node's manifest is left alone
	CodeCPU         = "cpu"          // too few cores are free
	CodeMemory      = "memory"       // too little memory is free
	CodeDisk        = "disk"         // too little disk space is free
	CodeFull        = "full"         // the node has as many instances as one may have
	CodePort        = "port"         // another app has a fixed port of this one
	CodeOnePerNode  = "one-per-node" // the app's fixed port leaves room for one instance
	CodeMaxPerNode  = "max-per-node" // the choreo's maxPerNode is reached
	CodeLeaving     = "leaving"      // an instance may still run where it is to stop, and must not run twice
	CodePinned      = "pinned"       // a person's entry of this app is on the node
	CodePlaced      = "placed"       // the node was chosen
	CodeNotRequired = "not-required" // the node could run the app, but enough others do
)

// Note is something that people should hear of: for the log and the events.
type Note struct {
	Kind    string // one of the Note constants
	Node    string
	App     string // empty when it concerns the whole node
	Message string
}

// The kinds of notes.
const (
	NoteKept       = "entry.kept"        // an entry stays though its app document is missing or broken
	NoteHandEdited = "entry.hand-edited" // a master's entry was edited and is now the person's
	NoteHeld       = "manifest.held"     // no manifest is written for this node
)

// NodeVerdict says what one node has to do with an app.
type NodeVerdict struct {
	Node   string `json:"node"`
	Count  int    `json:"count"`  // instances of the app on it, once the plan is applied
	Chosen bool   `json:"chosen"` // Count is more than 0
	Code   string `json:"code"`
	Reason string `json:"reason"`
}
