package control

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

// rollout gives how far the last change of an app is; nil where there is nothing to say. The caller holds mu.
func (c *Controller) rollout(name string, s *state.AppStatus, now time.Time) *state.Rollout {
	app, choreo := c.apps.docs[name], c.choreos.docs[name]
	if app.Value == nil || app.Value.Deleted || !app.Value.Start || choreo.Value != nil && choreo.Value.Schedule != nil {
		return nil
	}
	p, view := c.past[name], &state.Rollout{}
	if p.Past != nil && (p.Last == nil || p.seen.app != app.ETag) {
		p.Past = nil // of the documents before the last edit
	}
	switch r := c.plan.Rollouts[name]; {
	case r != nil && r.Old+r.New > 0:
		view.Old, view.New, view.Healthy, view.Since = r.Old, r.New, r.Available, r.Since.UTC().Truncate(time.Millisecond)
		explain(view, r, scheduler.PolicyOf(choreo.Value), now)
	case p.Past != nil && !p.Last.GoodAt.IsZero() && s.Placed > 0:
		view.State, view.New, view.Since = state.RolloutDone, s.Placed, p.Last.At
		view.Healthy = max(0, min(s.Placed, s.Running-s.Unhealthy+s.Completed))
	default:
		return nil
	}
	if p.Past != nil {
		view.Revision = p.Last.Revision
		if failure := p.Failure(); failure != nil && view.State != state.RolloutStalled {
			view.State, view.Instance, view.Reason = state.RolloutReverted, failure.Instance, failure.Reason
		}
	}
	return view
}

// explain says how a rollout stands, and what it waits for.
func explain(view *state.Rollout, r *scheduler.Rollout, policy scheduler.Policy, now time.Time) {
	switch {
	case r.Complete:
		view.State = state.RolloutDone
		return
	case r.Failed:
		view.State = state.RolloutStalled
	default:
		view.State = state.RolloutGoing
	}
	if policy.Paused && r.Old > 0 {
		view.State = state.RolloutPaused
	}
	switch w := r.Wait; {
	case r.Held != "":
		view.Reason = r.Held
	case w == nil:
	case w.Reason == "":
		view.Instance = w.Instance
		view.Reason = fmt.Sprintf("waits %s more for %s to have been healthy for %s",
			seconds(max(0, w.Until.Sub(now))), w.Instance, seconds(policy.MinHealthy))
	default:
		view.Instance, view.Reason = w.Instance, "waits for "+w.Instance+": "+w.Reason
	}
}

// seconds says a time in seconds, in whole ones where it is longer than one.
func seconds(d time.Duration) string {
	s := d.Seconds()
	if s > 1 {
		s = math.Ceil(s)
	}
	return strconv.FormatFloat(math.Round(s*10)/10, 'f', -1, 64) + " s"
}
