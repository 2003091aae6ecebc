package web

import (
	"slices"
	"strings"

	"stathub/state"
)

// Events is a table of events, the newest first, for template "events".
type Events struct {
	Rows   []EventRow
	NoApp  bool // the page tells the app already
	NoNode bool // the page tells the node already
	NoInst bool // the page tells the instance already
	Local  bool // of an agent: its instances have their pages below /procs
}

// EventRow is an event as a table shows it.
type EventRow struct{ *state.Event }

// NewEvents makes a table of events.
func NewEvents(rows []*state.Event) Events {
	e := Events{Rows: make([]EventRow, 0, len(rows))}
	for _, row := range rows {
		e.Rows = append(e.Rows, EventRow{row})
	}
	return e
}

// badEvents are the kinds that somebody should look at, of agents and masters.
var badEvents = []string{
	"app.lost", "artifact.failed", "artifact.held", "disk.failed", "document.unreadable", "entry.hand-edited", "entry.kept", "events.lost",
	"instance.disconnected", "instance.disk", "instance.exit", "instance.limits", "instance.oom", "instance.pids", "instance.replace",
	"instance.start-failed", "instance.unhealthy", "manifest.held", "manifest.rejected", "manifest.replaced", "node.doubled", "node.down",
	"rollout.reverted", "rollout.stalled", "schedule.frozen", "store.lost",
}

// BadEvents gives the kinds that somebody should look at.
func BadEvents() []string { return slices.Clone(badEvents) }

// Bad reports whether somebody should look at it.
func (e EventRow) Bad() bool {
	_, bad := slices.BinarySearch(badEvents, e.Kind)
	return bad
}

// Class is the colour of its kind.
func (e EventRow) Class() string {
	switch {
	case e.Bad():
		return "bad"
	case strings.HasSuffix(e.Kind, ".healthy"), strings.HasSuffix(e.Kind, ".done"), e.Kind == "node.up":
		return "good"
	}
	return ""
}

// Many is how many events it stands for where that is more than one; else 0.
func (e EventRow) Many() int {
	if e.Count < 2 {
		return 0
	}
	return e.Count
}
