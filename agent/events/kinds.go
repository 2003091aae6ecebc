// Package events lists what an agent tells. How it gets into the bucket is package eventlog's.
package events

import "stathub/state/eventlog"

// The kinds of events that an agent tells. Those of an instance name it.
const (
	AgentStart = "agent.start" // the agent supervises from now on
	AgentStop  = "agent.stop"  // it ends by itself; an agent that is killed says nothing

	InstanceStart        = "instance.start"        // its process runs
	InstanceAdopted      = "instance.adopted"      // its process, which ran already, is watched by this agent
	InstanceExit         = "instance.exit"         // its process ended by itself
	InstanceKilled       = "instance.killed"       // its process is killed, as the manifest orders
	InstanceStop         = "instance.stop"         // its process is asked to stop
	InstanceStartFailed  = "instance.start-failed" // no process could be made
	InstanceHealthy      = "instance.healthy"      // all health checks pass
	InstanceUnhealthy    = "instance.unhealthy"    // one failed too often
	InstanceOOM          = "instance.oom"          // the kernel killed processes of it for lack of memory
	InstancePIDs         = "instance.pids"         // it may have no more processes and threads
	InstanceDisk         = "instance.disk"         // its working directory is over its limit
	InstanceLimits       = "instance.limits"       // limits that it asks for cannot be enforced here
	InstanceDisconnected = "instance.disconnected" // it is asked to stop, as the bucket did not hear of the agent for too long
	InstanceReplace      = "instance.replace"      // its process is stopped for that, and a new one takes its place

	JobRun  = "job.run"  // a run of a scheduled job begins
	JobSkip = "job.skip" // one is left out, as the one before it still goes on

	ManifestFollowed = "manifest.followed" // what it says holds from now on
	ManifestRejected = "manifest.rejected" // it cannot be followed, the last good one still holds

	ArtifactChanged = "artifact.changed" // the instance makes way for one with the newer artifact
	ArtifactHeld    = "artifact.held"    // it does not: another one did not come up well with the newer artifact
	ArtifactFailed  = "artifact.failed"  // the source does not give it, and the copy in the cache is used
	ArtifactBack    = "artifact.back"    // the source gives it again

	NodeDoubled = "node.doubled" // another agent, elsewhere, is this node too

	StoreLost  = "store.lost"  // the bucket does not answer
	StoreBack  = "store.back"  // it does again
	DiskFailed = "disk.failed" // the store directory cannot be written: full, read-only, broken
	EventsLost = eventlog.Lost // events were dropped, as there were too many to keep
)

// Bad reports whether a kind is one that somebody should look at.
func Bad(kind string) bool {
	switch kind {
	case InstanceExit, InstanceStartFailed, InstanceUnhealthy, InstanceReplace, ManifestRejected, NodeDoubled, StoreLost, DiskFailed, EventsLost,
		InstanceDisconnected, InstanceOOM, InstancePIDs, InstanceDisk, InstanceLimits, ArtifactHeld, ArtifactFailed:
		return true
	default:
		return false
	}
}
