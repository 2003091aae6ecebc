package scheduler

import (
	"time"

	"stathub/state"
)

// Policy is a choreography's update policy with its defaults filled in (design section 3).
type Policy struct {
	MaxParallel int           // instances that a rollout may make unavailable at one time
	MinHealthy  time.Duration // for which an instance must have been healthy to count as available
	Deadline    time.Duration // without a further available instance, after which a rollout has failed
	AutoRevert  bool          // a rollout that failed puts the last good revision back
	Canary      int           // instances that go first; 0: none do
	Paused      bool          // no further instance is replaced
}

// PolicyOf gives the policy of a choreography, which may be nil.
func PolicyOf(ch *state.Choreo) Policy {
	p := Policy{MaxParallel: state.DefaultMaxParallel, MinHealthy: state.DefaultMinHealthy, Deadline: state.DefaultDeadline, AutoRevert: true}
	if ch == nil || ch.Update == nil {
		return p
	}
	u := ch.Update
	if u.MaxParallel != nil {
		p.MaxParallel = *u.MaxParallel
	}
	if u.MinHealthySeconds != nil {
		p.MinHealthy = state.Seconds(*u.MinHealthySeconds)
	}
	if u.DeadlineSeconds != nil {
		p.Deadline = state.Seconds(*u.DeadlineSeconds)
	}
	if u.AutoRevert != nil {
		p.AutoRevert = *u.AutoRevert
	}
	p.Canary, p.Paused = u.Canary, u.Paused
	return p
}
