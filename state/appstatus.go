package state

import (
	"slices"
	"strings"
	"time"
)

// AppStatus is how an app is doing, as the API shows it beside the app.
type AppStatus struct {
	State     AppState    `json:"state"`              // of the app as a whole
	Wanted    int         `json:"wanted"`             // instances that are asked for
	Placed    int         `json:"placed"`             // instances that manifests of living nodes list
	Running   int         `json:"running"`            // instances that living nodes report as running
	Healthy   int         `json:"healthy"`            // of the running ones, those whose health checks pass
	Unhealthy int         `json:"unhealthy"`          // of the running ones, those whose health checks fail
	Unknown   int         `json:"unknown"`            // instances on silent nodes that were running when last heard of
	Waiting   int         `json:"waiting,omitzero"`   // instances of a scheduled job between two runs
	Completed int         `json:"completed,omitzero"` // instances that have done their work, and are not started again
	Reasons   []AppReason `json:"reasons"`            // why it is not as it should be
	Rollout   *Rollout    `json:"rollout,omitzero"`   // how far the last change is; absent: there was none

	Unreadable []BadDocument `json:"unreadable,omitzero"` // of its document and its choreography; what could last be read holds
}

// Rollout is how far the last change of an app has reached its instances. The counts are of placed instances on nodes that live.
type Rollout struct {
	State    RolloutState `json:"state"`             // of the rollout
	Revision int64        `json:"revision"`          // of the history; 0: not written yet
	Old      int          `json:"old"`               // instances that the change has not reached
	New      int          `json:"new"`               // instances that it has
	Healthy  int          `json:"healthy"`           // of the new ones, those that have been healthy for long enough
	Since    time.Time    `json:"since,omitzero"`    // when this master first saw the change
	Instance string       `json:"instance,omitzero"` // node/app.n of the one that it waits for, or failed on
	Reason   string       `json:"reason,omitzero"`   // why it waits, or why it was given up
}

// Instances is how many it concerns.
func (r *Rollout) Instances() int { return r.Old + r.New }

// RolloutState sums up a Rollout.
type RolloutState string

// The states of a rollout.
const (
	RolloutGoing    RolloutState = "going"    // instances are being replaced
	RolloutStalled  RolloutState = "stalled"  // no progress within the deadline; it goes on should the instance recover
	RolloutReverted RolloutState = "reverted" // it was given up, and the last good revision is being put back, or is back
	RolloutPaused   RolloutState = "paused"   // somebody paused it: no further instance is replaced
	RolloutDone     RolloutState = "done"     // every instance has the change and is healthy
)

// AppReason is why an app is not as it should be.
type AppReason struct {
	Code    string   `json:"code"`           // what for programs
	Message string   `json:"message"`        // what for people
	Nodes   int      `json:"nodes,omitzero"` // how many nodes it concerns
	Names   []string `json:"names,omitzero"` // the first 50 of them
}

// AppState sums up an AppStatus.
type AppState string

// The states of an app.
const (
	AppBroken    AppState = "broken"    // its document cannot be read
	AppLost      AppState = "lost"      // its document is gone, and its instances run on
	AppDeleting  AppState = "deleting"  // it is on its way out
	AppStopping  AppState = "stopping"  // not started, and instances still run
	AppStopped   AppState = "stopped"   // not started
	AppIdle      AppState = "idle"      // started, but no instance is asked for
	AppDeploying AppState = "deploying" // all instances are placed, but not all run yet
	AppDegraded  AppState = "degraded"  // instances find no node, cannot run, are unhealthy, or are on nodes that fell silent together
	AppRunning   AppState = "running"   // all run
	AppScheduled AppState = "scheduled" // a scheduled job between two runs
	AppCompleted AppState = "completed" // all have done their work
)

// The codes of an AppReason that an agent gives.
const (
	CodeNotRunning = "not-running" // the instance is placed, but does not run
	CodeRunFailed  = "run-failed"  // the last run of the scheduled job failed
)

const (
	MaxReasonNames = 50 // of one AppReason
	maxReasons     = 20 // of one app: messages of agents may all differ
)

// Count takes up an instance of the app. up says that its node lives.
func (s *AppStatus) Count(inst *Instance, up bool) {
	switch {
	case up && inst.betweenRuns():
		s.Waiting++
	case up && inst.State == Completed:
		s.Completed++
	}
	if !inst.State.Live() || inst.State == Stopping && up {
		return
	}
	if !up {
		s.Unknown++
		return
	}
	s.Running++
	switch inst.Health {
	case HealthHealthy:
		s.Healthy++
	case HealthUnhealthy:
		s.Unhealthy++
	}
}

// Troubled reports whether Blame may have something to take up.
func (i *Instance) Troubled() bool {
	return (i.State == Backoff || i.State == Failed || i.State == Waiting) && i.Reason != ""
}

// Blame takes up why an instance on a living node does not run. Instances with the same trouble share an AppReason; those
// of one node come one after the other.
func (s *AppStatus) Blame(inst *Instance, node string) {
	if !inst.Troubled() {
		return
	}
	code, message := CodeNotRunning, "an instance does not run: "
	if inst.betweenRuns() {
		if inst.State != Failed {
			return
		}
		code, message = CodeRunFailed, "the last run failed: "
	}
	what, _, _ := strings.Cut(inst.Reason, "; next ") // try or run: that differs from one to the next
	message += strings.ToValidUTF8(what, "\uFFFD")
	i := slices.IndexFunc(s.Reasons, func(r AppReason) bool { return r.Code == code && r.Message == message })
	if i < 0 {
		if len(s.Reasons) >= maxReasons {
			return
		}
		s.Reasons = append(s.Reasons, AppReason{Code: code, Message: message})
		i = len(s.Reasons) - 1
	}
	r := &s.Reasons[i]
	if n := len(r.Names); n > 0 && r.Names[n-1] == node {
		return
	}
	r.Nodes++
	if len(r.Names) < MaxReasonNames {
		r.Names = append(r.Names, node)
	}
}

// Failing reports whether an instance was blamed.
func (s *AppStatus) Failing() bool {
	return slices.ContainsFunc(s.Reasons, func(r AppReason) bool { return r.Code == CodeNotRunning || r.Code == CodeRunFailed })
}

// Sum gives the state that follows from the counts and reasons of an app that can be read. started is its own word,
// degraded says that something is wrong with it that these do not show.
func (s *AppStatus) Sum(started, degraded bool) AppState {
	switch {
	case !started && s.Running > 0:
		return AppStopping
	case !started:
		return AppStopped
	case s.Placed < s.Wanted || s.Unhealthy > 0 || degraded || s.Failing():
		return AppDegraded
	case s.Running+s.Waiting+s.Completed < s.Placed:
		return AppDeploying
	case s.Running == 0 && s.Waiting > 0:
		return AppScheduled
	case s.Running == 0 && s.Completed > 0:
		return AppCompleted
	case s.Wanted == 0 && s.Running == 0:
		return AppIdle
	default:
		return AppRunning
	}
}
