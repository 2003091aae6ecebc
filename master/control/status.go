package control

import (
	"maps"
	"slices"
	"strings"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

// Status gives how an app is doing.
func (c *Controller) Status(name string) state.AppStatus { return c.Statuses(name)[name] }

// Statuses gives how apps are doing: of all when none is named.
func (c *Controller) Statuses(names ...string) map[string]state.AppStatus {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(names) == 0 {
		names = slices.AppendSeq(slices.Collect(maps.Keys(c.apps.docs)), maps.Keys(c.lost))
	}
	c.follow()
	all := make(map[string]state.AppStatus, len(names))
	for _, name := range names {
		planned := c.plan.Apps[name]
		s := state.AppStatus{Wanted: planned.Wanted, Placed: planned.Placed, Reasons: reasons(planned.Reasons), Unreadable: c.unreadableApp(name)}
		if c.lostDoc(name) != nil {
			s = c.lostStatus(name)
		}
		c.countInto(&s, name)
		all[name] = s
	}
	silent, now := c.liveness.Frozen(), time.Now()
	for name, s := range all {
		if silent != "" && s.Running < s.Placed && s.Unknown > 0 && !frozen(&s) {
			s.Reasons = append(s.Reasons, state.AppReason{Code: scheduler.CodeFrozen, Message: silent})
		}
		s.Rollout = c.rollout(name, &s, now)
		if s.State = sum(&s, c.apps.docs[name]); c.lostDoc(name) != nil {
			s.State = state.AppLost
		}
		if err := c.apps.docs[name].Err; err != nil && len(s.Reasons) == 0 {
			s.Reasons = []state.AppReason{{Code: scheduler.CodeBroken, Message: strings.ToValidUTF8(err.Error(), "\uFFFD")}}
		}
		all[name] = s
	}
	return all
}

func reasons(planned []scheduler.Reason) []state.AppReason {
	all := make([]state.AppReason, 0, len(planned))
	for _, r := range planned {
		all = append(all, state.AppReason{Code: r.Code, Message: strings.ToValidUTF8(r.Message, "\uFFFD"), Nodes: r.Nodes, Names: r.Names})
	}
	return all
}

// sum gives the state of an app whose counts and reasons are complete.
func sum(s *state.AppStatus, doc Doc[state.App]) state.AppState {
	switch {
	case doc.Err != nil:
		return state.AppBroken
	case doc.Value == nil:
		return state.AppStopped
	case doc.Value.Deleted:
		return state.AppDeleting
	default:
		return s.Sum(doc.Value.Start, frozen(s))
	}
}

func frozen(s *state.AppStatus) bool {
	return slices.ContainsFunc(s.Reasons, func(r state.AppReason) bool { return r.Code == scheduler.CodeFrozen })
}
