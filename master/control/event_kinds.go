package control

import "stathub/scheduler"

// The kinds of events that a master tells, apart from those of scheduler.Note. One that is about a node or an app names it.
const (
	MasterStart   = "master.start"   // it serves from now on
	MasterLeads   = "master.leads"   // it decides from now on
	MasterFollows = "master.follows" // another master decides, and this one serves besides
	MasterStop    = "master.stop"    // it ends by itself; a master that is killed says nothing

	NodeJoined    = "node.joined"    // it has a record from now on
	NodeDown      = "node.down"      // it was silent for too long
	NodeUp        = "node.up"        // it is heard of again
	NodeForgotten = "node.forgotten" // its documents are deleted
	NodeDrain     = "node.drain"     // what the master runs on it is to move away
	NodeUndrain   = "node.undrain"   // it may be placed on again

	ScheduleFrozen   = "schedule.frozen"   // so many nodes fell silent together that nothing is moved off them (law 7)
	ScheduleUnfrozen = "schedule.unfrozen" // that is over

	AppCreated    = "app.created"
	AppChanged    = "app.changed"
	AppRolledBack = "app.rolled-back" // which revision somebody put back; what that changes is told besides
	AppDeleted    = "app.deleted"     // asked for; its document goes once no manifest lists it
	AppLost       = "app.lost"        // its document is gone; its instances run on
	AppStarted    = "app.started"
	AppStopped    = "app.stopped"
	AppRestarted  = "app.restarted"
	AppScaled     = "app.scaled"
	AppChoreo     = "app.choreo" // where it is to run, or how, was changed

	AppPlaced  = "app.placed"  // instances are to run on nodes
	AppMoved   = "app.moved"   // instances are to run on other nodes than before
	AppRemoved = "app.removed" // instances are to run no more

	RolloutBegan    = "rollout.began"  // a change of an app begins to reach its instances
	RolloutDone     = "rollout.done"   // every instance has it and is healthy: the revision is good
	RolloutPaused   = "rollout.paused" // no further instance is replaced until it is resumed
	RolloutResumed  = "rollout.resumed"
	RolloutStalled  = "rollout.stalled"  // no further instance became healthy in time
	RolloutReverted = "rollout.reverted" // so the last good revision is put back

	EntryReleased = "entry.released" // a person's entry of a manifest is the master's now
	KillOrdered   = "kill.ordered"   // a process is to be killed by its agent, which could not be dialled

	ManifestReplaced = "manifest.replaced" // it could not be read for too long: it is kept under rejected/, and the last good one is back

	DocumentUnreadable = "document.unreadable" // nothing is stopped or changed because of it
	DocumentReadable   = "document.readable"   // it can be read again
)

// step reports whether a kind is of what people do, or of what follows from it: each is told, also of somebody who tries
// ten versions of an app in a minute.
func step(kind string) bool {
	switch kind {
	case AppCreated, AppChanged, AppRolledBack, AppDeleted, AppStarted, AppStopped, AppRestarted, AppScaled, AppChoreo,
		RolloutBegan, RolloutDone, RolloutPaused, RolloutResumed, RolloutStalled, RolloutReverted, NodeDrain, NodeUndrain, EntryReleased, KillOrdered, ManifestReplaced:
		return true
	default:
		return false
	}
}

// bad reports whether a kind is one that somebody should look at.
func bad(kind string) bool {
	switch kind {
	case NodeDown, ScheduleFrozen, DocumentUnreadable, ManifestReplaced, AppLost, RolloutStalled, RolloutReverted,
		scheduler.NoteKept, scheduler.NoteHandEdited, scheduler.NoteHeld:
		return true
	default:
		return false
	}
}
