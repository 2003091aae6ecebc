package web

import (
	"time"

	"stathub/state"
)

// App is the page of one app.
type App struct {
	AppRow
	ETag        state.ETag // of its document; empty: there is none
	Description string
	Process     string // what it runs
	Lost        string // its document as manifests have it, where that is gone: a PUT of it puts it back
	Broken      []state.BadDocument

	Choreo   *state.Choreo // nil: there is none that can be read
	Policy   RolloutPolicy
	NextRun  time.Time // of a scheduled job
	Runs     []RunRow  // of it, the newest first
	Progress *Progress // of its last change; nil: there is nothing to tell

	History  History
	Verdicts []VerdictGroup // of the nodes, where they are asked for
	Explain  bool           // they are

	Procs     Procs
	Pager     Pager
	Events    Events
	EventsURL string
	URL       string // of the page, without what it is asked for besides
}

// RolloutPolicy is how a change reaches the instances, defaults filled in.
type RolloutPolicy struct {
	MaxParallel, Canary  int
	MinHealthy, Deadline time.Duration
	AutoRevert, Paused   bool
}

// RunRow is a run of a scheduled job.
type RunRow struct {
	Instance, URL string
	state.Run
}

// Went is how it went: "running", "skipped", "completed" or "failed".
func (r RunRow) Went() string {
	switch {
	case r.Skipped > 0:
		return "skipped"
	case r.End.IsZero() && !r.Start.IsZero():
		return "running"
	case r.Code != nil && *r.Code == 0:
		return "completed"
	}
	return "failed"
}

// Took is how long it took; zero while it goes on.
func (r RunRow) Took() time.Duration {
	if r.Start.IsZero() || r.End.IsZero() {
		return 0
	}
	return r.End.Sub(r.Start)
}

// Progress is how far a change is, as a bar of Instances units.
type Progress struct {
	RolloutView
	CanPause bool
}

// Fresh is how many new instances have yet to prove themselves.
func (p Progress) Fresh() int { return max(0, p.New-p.Healthy) }

// Settled reports whether it needs no attention.
func (p Progress) Settled() bool { return p.State == state.RolloutDone }

// History is the table of revisions of an app, and a difference of two.
type History struct {
	Rows  []RevisionRow
	Error string // why they cannot be listed

	Of, With int64 // the revisions that are compared; Of 0: none are
	Diff     []DiffLine
	Missing  bool // one of the two is not there
}

// latestShown is how many revisions are shown at first.
const latestShown = 8

// Latest are the newest revisions.
func (h History) Latest() []RevisionRow { return h.Rows[:min(len(h.Rows), latestShown)] }

// Older are the others.
func (h History) Older() []RevisionRow { return h.Rows[len(h.Latest()):] }

// RevisionRow is a revision of an app.
type RevisionRow struct {
	Number  int64
	At      time.Time
	GoodAt  time.Time
	Failed  *state.RevisionFailure
	Current bool // it is what the app is now
	First   bool
	Changes string // what it changed, in short
	Error   string // why it cannot be read
	DiffURL string // its difference to the one before; empty: there is none
	NowURL  string // its difference to the current one; empty: it is that
}

// VerdictGroup is the nodes of which the same is to be said for an app.
type VerdictGroup struct {
	Code, Reason string
	Chosen       bool
	Instances    int
	Nodes        int
	Names        []string // the first of them
}

// More is how many nodes are not named.
func (g VerdictGroup) More() int { return g.Nodes - len(g.Names) }
