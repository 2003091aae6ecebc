package converge

import (
	"time"

	"stathub/state"
)

// Sibling is one instance of an app on this node, as Renew sees it.
type Sibling struct {
	ID       string
	State    state.InstanceState
	Since    time.Time // when its process started
	Outdated string    // not empty: what changed since then, for people; only of one that Renew may replace
	Renewing bool      // it got something new, and has not come up well since
	Checked  bool      // it has health checks
}

// Renewal is what to do for the instances of one app whose artifacts changed.
type Renewal struct {
	Next string    // the instance to replace now; "" is none
	Well []string  // came up well: Renewing no longer
	Open bool      // one that is Renewing has not come up well so far
	Held string    // not empty: why the outdated ones stay as they are, which holds while Open
	Wake time.Time // when time alone will bring more to do; zero is never
}

// goodStart is how long an instance without health checks must run before it counts as well.
const goodStart = 10 * time.Second

// Renew replaces outdated instances one at a time, and the next only after the one before is well: healthy if it has
// health checks, else up for 10 s. One that does not come up well with what is new ends that: the others stay as they are,
// until something newer comes or it is well after all. Those that are worst off go first.
//
// An instance that is on its way up or down for whatever reason holds the others up. One that waits for its restart, or
// has ended, does not, unless it got something new: a start brings what is newest anyway.
func Renew(siblings []Sibling, now time.Time) Renewal {
	var r Renewal
	moving, blocked, best := false, false, 0
	for _, s := range siblings {
		well, due := isWell(s, now)
		switch {
		case s.State == state.Fetching || s.State == state.Starting || s.State == state.Stopping:
			moving, r.Open = true, r.Open || s.Renewing
		case s.Outdated != "" && s.State.Live():
			if rank := s.rank(); rank > best {
				r.Next, best = s.ID, rank
			}
		case !s.Renewing:
		case well:
			r.Well = append(r.Well, s.ID)
		default:
			blocked, r.Open = true, true
			if !s.State.Live() || s.State == state.Unhealthy {
				r.Held = s.ID + " did not come up well with it"
			}
			if !due.IsZero() && (r.Wake.IsZero() || due.Before(r.Wake)) {
				r.Wake = due
			}
		}
	}
	if moving || blocked && best < rankRenewing {
		r.Next = ""
	}
	return r
}

// The order in which outdated instances are replaced, the highest first. One that did not come up well with something
// new has the next new thing tried on it before all others.
const (
	rankGood = 1 + iota
	rankUnhealthy
	rankRenewing
)

func (s Sibling) rank() int {
	switch {
	case s.Renewing:
		return rankRenewing
	case s.State == state.Unhealthy:
		return rankUnhealthy
	default:
		return rankGood
	}
}

// isWell reports whether an instance came up well, or when time alone will show it.
func isWell(s Sibling, now time.Time) (well bool, due time.Time) {
	switch {
	case s.State == state.Completed || s.State == state.Healthy:
		return true, time.Time{}
	case s.Checked || s.State != state.Running:
		return false, time.Time{}
	}
	due = s.Since.Add(goodStart)
	// A clock that was set back would make the wait longer than it was meant to be.
	return !now.Before(due) || now.Before(s.Since), due
}

// Changed gives the first artifact that an instance runs with of which newest knows another revision; "" when there is
// none, or the one or the other is not known: unsure means hands off (law 4).
func Changed(running []state.ArtifactState, newest func(uri string) string) (uri string) {
	for _, a := range running {
		if now := newest(a.URI); a.ETag != "" && now != "" && now != a.ETag {
			return a.URI
		}
	}
	return ""
}
