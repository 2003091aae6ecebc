package converge

import (
	"fmt"
	"time"

	"stathub/state"
	"stathub/state/schedule"
)

// Job makes an instance one of a scheduled job: it is started at set times, and runs to its end. A run that is under way
// is left alone whatever changes in the app: the next one is as the app is then.
type Job struct {
	Times       *schedule.Schedule
	Concurrency string // one of the words of state.Schedule; "" is forbid
	Base        string // not empty: the ID of the instance beside which this one runs what overlaps. It is forgotten after its run
}

// Progress is how far an instance of a scheduled job is.
type Progress struct {
	Schedule string    // of which Fired is: Schedule.String; "" is unknown
	Fired    time.Time // times up to here are dealt with; zero: nothing is known
	Run      time.Time // when the run was due that is under way, or was the last; zero: none
}

// Recheck is how often the wall clock is looked at, in case it was set or the machine slept: a timer tells of neither.
const Recheck = 30 * time.Second

// jobPlan is the decision about one instance of a scheduled job.
type jobPlan struct {
	desired  Desired
	want     *Want
	id       string
	have     *Have
	gate     *gate
	now      time.Time
	at, next time.Time // the run that is due, and when the one after now is; zero: none
	mark     time.Time // not zero: Fired is to be this, whatever else is done
}

// job plans for an instance of a scheduled job that is neither stopping nor off.
func job(desired Desired, want *Want, id string, have *Have, g *gate, now time.Time) (Action, time.Time) {
	p := jobPlan{desired: desired, want: want, id: id, have: have, gate: g, now: now.Round(0)}
	if want.Job.Base != "" {
		return p.beside()
	}
	times, last := want.Job.Times, have.Fired
	if last.IsZero() || have.Schedule != "" && have.Schedule != times.String() || times.SetBack(last, p.now) {
		last, p.mark = p.now, p.now // what came before this schedule was known is not made up for
	}
	p.at, p.next = times.Due(last, p.now)
	wake := earlier(p.now.Add(Recheck), p.next)
	var action Action
	var sooner time.Time
	if active(have.State) {
		action, sooner = p.active()
	} else {
		action, sooner = p.idle()
	}
	return action, earlier(wake, sooner)
}

// active decides while there is a process, or a try to make one.
func (p *jobPlan) active() (Action, time.Time) {
	have := p.have
	switch {
	case have.Run.IsZero() && have.Spec != "" && !p.desired.Unsure:
		return Action{Kind: Stop, ID: p.id, Reason: "it is a scheduled job now"}, time.Time{}
	case have.Failing != "":
		return Action{Kind: Replace, ID: p.id, Reason: have.Failing}, time.Time{}
	case p.at.IsZero():
		return p.settle(have.State, have.Reason), time.Time{}
	}
	switch p.want.Job.Concurrency {
	case state.ConcurrencyReplace:
		if p.desired.Unsure {
			return Action{}, time.Time{} // an old copy of the manifest ends nothing
		}
		return Action{Kind: Stop, ID: p.id, Reason: "the run of " + p.format(p.at) + " takes its place"}, time.Time{}
	case state.ConcurrencyAllow:
		return p.overlap()
	default:
		return p.skip("the run before it, of " + p.format(have.Run) + ", still goes on"), time.Time{}
	}
}

// overlap starts the run that is due beside the one that goes on.
func (p *jobPlan) overlap() (Action, time.Time) {
	places := p.desired.Beside[p.id]
	for _, place := range places {
		if p.gate.observed[place] != nil {
			continue
		}
		action, wake := p.start()
		if action.Kind != Start {
			return Action{}, wake
		}
		action.ID, action.Base = place, p.id
		return action, wake
	}
	return p.skip(fmt.Sprintf("%d runs before it still go on, and no more than that may at a time", len(places)+1)), time.Time{}
}

// idle decides while there is no process.
func (p *jobPlan) idle() (Action, time.Time) {
	if p.at.IsZero() {
		return p.between()
	}
	if c := p.want.Job.Concurrency; c != state.ConcurrencyAllow && c != state.ConcurrencyReplace {
		for _, place := range p.desired.Beside[p.id] {
			if h := p.gate.observed[place]; h != nil && active(h.State) {
				return p.skip("a run before it, of " + p.format(h.Run) + ", still goes on"), time.Time{}
			}
		}
	}
	return p.start()
}

// start starts the run that is due, unless it has to wait for what the app depends on.
func (p *jobPlan) start() (Action, time.Time) {
	v := p.gate.verdict(p.want)
	if v.wait != "" {
		return p.settle(state.Waiting, "the run of "+p.format(p.at)+" "+v.wait), v.wake
	}
	return Action{Kind: Start, ID: p.id, Reason: "it is due at " + p.format(p.at), Note: v.note, Due: p.at, Fired: p.at}, time.Time{}
}

// between decides while no run is due: the last one may have to be tried again.
func (p *jobPlan) between() (Action, time.Time) {
	if !p.have.Run.IsZero() && (p.have.Ended == nil || p.want.Policy.final(p.have.Ended) == "") {
		action, wake := p.again()
		if action.Kind == "" {
			return p.settle(p.have.State, p.have.Reason), wake
		}
		action.Fired = p.mark
		return action, wake
	}
	then := "next run at " + p.format(p.next)
	to := state.Waiting
	if p.next.IsZero() {
		then, to = "its schedule names no time within five years", state.Completed
	}
	if end := p.have.Ended; !p.have.Run.IsZero() && end.Failed {
		then, to = end.What+"; "+then, state.Failed
	}
	return p.settle(to, then), time.Time{}
}

// again goes on with a run that has no process: it was cut off before it came up, or failed and is to be tried again.
func (p *jobPlan) again() (Action, time.Time) {
	if p.have.Ended == nil {
		return start(p.want, p.id, p.have, p.gate, "its start was cut off")
	}
	return retry(p.want, p.id, p.have, p.gate, p.now)
}

// beside decides for an instance that runs what overlaps, and is no more once it has.
func (p *jobPlan) beside() (Action, time.Time) {
	switch have := p.have; {
	case p.gate.observed[p.id] == nil:
		return Action{}, time.Time{} // it is made when there is something for it to run
	case active(have.State) && have.Failing != "":
		return Action{Kind: Replace, ID: p.id, Reason: have.Failing}, time.Time{}
	case active(have.State):
		return Action{}, time.Time{}
	case !have.Run.IsZero() && (have.Ended == nil || p.want.Policy.final(have.Ended) == ""):
		return p.again()
	default:
		return Action{Kind: Forget, ID: p.id, Reason: "its run is over"}, time.Time{}
	}
}

func (p *jobPlan) skip(reason string) Action {
	return Action{Kind: Skip, ID: p.id, Reason: reason, Due: p.at, Fired: p.at}
}

func (p *jobPlan) settle(to state.InstanceState, reason string) Action {
	action := settle(p.id, p.have, to, reason)
	if action.Kind == "" && !p.mark.IsZero() {
		action = Action{Kind: Settle, ID: p.id, State: to, Reason: reason}
	}
	action.Fired = p.mark
	return action
}

func (p *jobPlan) format(t time.Time) string { return p.want.Job.Times.Format(t) }
