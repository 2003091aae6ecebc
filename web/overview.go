package web

import (
	"strconv"
	"time"

	"stathub/state"
	"stathub/state/guard"
)

// Overview is the first page of a master.
type Overview struct {
	Read bool // the bucket was read: what is not there is not there

	Nodes     NodeTile
	Procs     ProcTile
	Apps      int // all of them
	AtScale   int
	Short     []AppRow // apps that are not at scale, some
	ShortMore int      // others

	Pins     []PinRow // what people keep from the master, some
	PinsMore int
	Events   Events

	Problems     []string // what is wrong with documents, some
	ProblemsMore int

	Bucket string // its URL
	Stores []guard.State
	Term   int64     // of the leader's lease
	Expiry time.Time // of the leader's lease
	Note   string    // why no leader is known, or why it may be another one by now; may be empty

	AgentCommand string // starts an agent of this master
	AppCommand   string // makes a first app
	Near         bool   // the browser is on the machine of the master: others may not reach it by this address
}

// ShortAll is how many apps are not at scale.
func (o Overview) ShortAll() int { return o.Apps - o.AtScale }

// MainReasons are why it is not as it should be: those of most nodes.
func (a AppRow) MainReasons() []state.AppReason {
	return a.Status.Reasons[:min(3, len(a.Status.Reasons))]
}

// NodeTile counts nodes.
type NodeTile struct{ All, Up, Down, Draining, Cordoned int }

// ProcTile counts instances.
type ProcTile struct{ Wanted, Running, Unhealthy, Unknown int }

// Missing is how many do not run.
func (p ProcTile) Missing() int { return max(0, p.Wanted-p.Running) }

// PinRow is an entry of a manifest that belongs to a person; without an App it stands for a whole manifest that is paused.
type PinRow struct {
	Node, App, Owner string
	Count            int
}

// ByHand reports whether it was the master's before somebody edited it.
func (p PinRow) ByHand() bool { return p.Owner == state.OwnerHand }

// milliseconds shows a latency.
func milliseconds(d time.Duration) string {
	if d > 0 && d < 50*time.Microsecond {
		return "<0.1"
	}
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64)
}
