// Package converge decides what an agent does next: a pure function of what the manifest asks for, what was observed,
// and the time. It acts on nothing, so every decision can be replayed.
package converge

import (
	"slices"
	"time"

	"stathub/state"
)

// Desired is what the last good manifest asks for. It is not changed once made: IDs and Wants belong together.
type Desired struct {
	// Known says that a manifest was read at least once. Without one nothing is stopped and nothing is started (law 1); what
	// must not outlive the contact with the bucket is stopped in any case.
	Known bool
	// Unsure says that the manifest is an old copy, and that what is asked for now was not read yet: nothing is stopped and
	// nothing is forgotten, since the processes may be of a later one.
	Unsure bool
	// Halt says that the agent ends and takes its processes along: all are stopped, none is started or forgotten.
	Halt  bool
	IDs   []string         // the order of starts
	Wants map[string]*Want // by instance ID
	Apps  map[string]*App  // by name: what dependsOn is about

	// Beside has, by the ID of an instance of a scheduled job, those that its runs get which overlap. They have their Want,
	// and are not in IDs.
	Beside map[string][]string

	Contact Contact // at the time of the decision
}

// Want is one instance that is to exist.
type Want struct {
	Spec   string // state.SpecSum
	Policy Policy
	Hold   string // not empty: why the instance is not to be started (nor stopped) for now
	Off    string // not empty: why the instance is to have no process, though what it has (folder, logs) is kept
	App    *App   // the app it is of; nil: it depends on nothing
	Job    *Job   // nil: it is to run at all times

	// Disconnect, if not 0, is how long the agent may be out of touch with the bucket before the instance must stop.
	Disconnect time.Duration
}

// Observed is what the agent knows of each instance, by instance ID.
type Observed map[string]*Have

// Have is one instance as it was observed. The zero value is an instance that was never tried.
type Have struct {
	State    state.InstanceState // "" counts as Stopped
	Reason   string              // of the state
	Spec     string              // what its process, or its last try, was made from; "" is unknown
	Since    time.Time           // when its process came up
	Failing  string              // not empty: why its process, which runs, is to be replaced by a new one
	Outdated string              // not empty: why its process, which runs well, is to make way for a new one; that is no failure
	Failures int                 // ends in a row, each before state.GoodRunning of running
	Progress                     // of a scheduled job
	Ended    *End                // how the last try ended by itself; nil after a stop that was asked for, or before the first try

	// Of its process.
	Disconnect  time.Duration // Want.Disconnect
	KillTimeout time.Duration // its time to stop
	Killed      bool          // it is stopping, and killed already
}

// End is an end that nobody asked for: an exit, or a start that failed.
type End struct {
	At      time.Time
	Failed  bool   // not an exit with code 0
	Started bool   // false: it never came up
	What    string // for people: "exit code 1", "port 8080 is in use"

	// Spread is the share of the wait that is added to it, below 0 taken off: many nodes that wait for the same thing, such as
	// an artifact whose source is away, do not ask for it in step.
	Spread float64 `json:",omitzero"`
}

// Kind is what an action does.
type Kind string

// The kinds of actions.
const (
	Start   Kind = "start"   // make a process; there is none
	Stop    Kind = "stop"    // end the process, or the try to make one
	Replace Kind = "replace" // end the process, which counts as a failed end of it; the restart policy says what follows
	Forget  Kind = "forget"  // drop all that is kept of an instance that has no process
	Settle  Kind = "settle"  // take State and Reason; nothing is done. One to Stopped also forgets how the last try ended
	Skip    Kind = "skip"    // leave a run of a scheduled job out

	Disconnect Kind = "disconnect" // Stop, since the agent is out of touch with the bucket
	Kill       Kind = "kill"       // the process that is stopping has had its time: end it now
)

// Action is one thing to do for one instance, and why.
type Action struct {
	Kind   Kind
	ID     string
	Reason string
	State  state.InstanceState // of Settle
	Note   string              // of Start: what people should know of the instance while it runs

	// Of scheduled jobs.
	Due   time.Time // of Start: the run that begins with it, zero for one that goes on. Of Skip: the run
	Fired time.Time // not zero: what the Progress of the instance has to be, with the schedule of its Want
	Base  string    // not empty, of Start: Fired is of this instance
}

// Plan is what to do now, in this order: stops and what needs no process first, then starts in the order of the
// manifest. Wake is when time alone will bring more to do; zero is never.
type Plan struct {
	Actions []Action
	Wake    time.Time
}

// Diff plans for all instances.
func Diff(desired Desired, observed Observed, now time.Time) Plan {
	var plan Plan
	var starts []Action
	g := &gate{desired: desired, observed: observed, now: now}
	add := func(id string) {
		action, wake := one(desired, id, observed[id], g, now)
		if action.Kind == Start {
			starts = append(starts, action)
		} else if action.Kind != "" {
			plan.Actions = append(plan.Actions, action)
		}
		plan.Wake = earlier(plan.Wake, wake)
	}
	var gone []string
	for id := range observed {
		if desired.Wants[id] == nil {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	for _, id := range gone {
		add(id)
	}
	for _, id := range desired.IDs {
		for _, beside := range desired.Beside[id] {
			if observed[beside] != nil {
				add(beside)
			}
		}
		add(id)
	}
	plan.Actions = append(plan.Actions, starts...)
	return plan
}

// One plans for one instance: at most one action (its Kind is empty when there is none), and when to look again.
func One(desired Desired, observed Observed, id string, now time.Time) (Action, time.Time) {
	return one(desired, id, observed[id], &gate{desired: desired, observed: observed, now: now}, now)
}

func one(desired Desired, id string, have *Have, g *gate, now time.Time) (Action, time.Time) {
	if have == nil {
		have = &Have{}
	}
	action, lost := desired.Contact.guard(id, have, now)
	if action.Kind != "" {
		return action, time.Time{}
	}
	action, wake := decide(desired, id, have, g, now)
	return action, earlier(wake, lost)
}

func decide(desired Desired, id string, have *Have, g *gate, now time.Time) (Action, time.Time) {
	want := desired.Wants[id]
	switch {
	case desired.Halt:
		if active(have.State) {
			return Action{Kind: Stop, ID: id, Reason: "the agent stops"}, time.Time{}
		}
		return Action{}, time.Time{}
	case !desired.Known, have.State == state.Stopping:
		return Action{}, time.Time{}
	case desired.Unsure && want != nil && want.Job != nil && want.Off == "":
		return job(desired, want, id, have, g, now)
	case desired.Unsure && (want == nil || active(have.State) && have.Failing == ""):
		return Action{}, time.Time{}
	case want == nil && active(have.State):
		return Action{Kind: Stop, ID: id, Reason: "no longer in the manifest"}, time.Time{}
	case want == nil:
		return Action{Kind: Forget, ID: id, Reason: "no longer in the manifest"}, time.Time{}
	case want.Off != "" && active(have.State):
		return Action{Kind: Stop, ID: id, Reason: want.Off}, time.Time{}
	case want.Off != "":
		return settle(id, have, state.Stopped, want.Off), time.Time{}
	case want.Job != nil:
		return job(desired, want, id, have, g, now)
	case active(have.State):
		// An unknown spec is not a changed one: unsure means hands off (law 4).
		changed := have.Spec != "" && have.Spec != want.Spec
		switch {
		case want.Hold != "":
		case changed && !desired.Unsure:
			return Action{Kind: Stop, ID: id, Reason: "its specification changed, or a restart was asked for"}, time.Time{}
		case have.Failing != "" && !changed:
			return Action{Kind: Replace, ID: id, Reason: have.Failing}, time.Time{}
		case have.Outdated != "" && !changed && !desired.Unsure:
			return Action{Kind: Stop, ID: id, Reason: have.Outdated}, time.Time{}
		}
		return Action{}, time.Time{}
	case want.Hold != "":
		return settle(id, have, state.Waiting, want.Hold), time.Time{}
	default:
		return idle(want, id, have, g, now)
	}
}

// idle decides for a wanted instance that has no process.
func idle(want *Want, id string, have *Have, g *gate, now time.Time) (Action, time.Time) {
	switch {
	case have.Ended == nil:
		return start(want, id, have, g, "in the manifest")
	case have.Spec != want.Spec:
		return start(want, id, have, g, "its specification changed")
	}
	if final := want.Policy.final(have.Ended); final != "" {
		return settle(id, have, final, have.Ended.What), time.Time{}
	}
	return retry(want, id, have, g, now)
}

// retry starts an instance that ended once more, when it has waited long enough.
func retry(want *Want, id string, have *Have, g *gate, now time.Time) (Action, time.Time) {
	end := have.Ended
	delay := want.Policy.delay(have.Failures, end.Started)
	due := end.At.Add(delay + time.Duration(end.Spread*float64(delay)))
	// A clock that was set back would make the wait longer than it was meant to be.
	if !now.Before(due) || now.Before(end.At) {
		return start(want, id, have, g, "it ended: "+end.What)
	}
	return settle(id, have, state.Backoff, end.What+"; next try after "+delay.String()), due
}

// start starts an instance once what its app depends on is up, and nothing tells that it may run elsewhere.
func start(want *Want, id string, have *Have, g *gate, reason string) (Action, time.Time) {
	v := g.verdict(want)
	if v.wait != "" {
		return settle(id, have, state.Waiting, v.wait), v.wake
	}
	return Action{Kind: Start, ID: id, Reason: reason, Note: v.note}, time.Time{}
}

func settle(id string, have *Have, to state.InstanceState, reason string) Action {
	if have.State == to && have.Reason == reason {
		return Action{}
	}
	return Action{Kind: Settle, ID: id, State: to, Reason: reason}
}

// active reports whether there is a process, or a try to make one.
func active(s state.InstanceState) bool {
	return s.Live() || s == state.Fetching || s == state.Starting
}
