package supervise

import (
	"time"

	"stathub/state"
)

const (
	// lively is how long after a change or a hint the manifest is looked at as often as it ever is: edits come in groups.
	lively = 10 * time.Minute
	// slowest is how many times Poll lies between two looks at a manifest that has been quiet for as many times lively.
	slowest = 6
	// safetyNet lies between two looks while somebody tells of changes.
	safetyNet = time.Minute
	// hintPatience is how long a hint is taken at its word though nothing new is to be seen: a file server's clients may
	// show old content for a minute.
	hintPatience = 2 * time.Minute

	heldFor   = 30 * time.Second       // that a store is asked to hold its answer back, at the most
	heldFloor = 100 * time.Millisecond // between two held answers, however often the manifest changes
)

// pace says how often a manifest is looked at whose store does not hold answers back.
type pace struct {
	poll   time.Duration // while something goes on
	costly bool          // each look is paid for
	hinted bool          // somebody tells of changes now
}

// next gives how long to wait after a look at now. changed is when a new revision was last seen, or the agent started;
// hint is when somebody last told of a change, zero for never.
func (p pace) next(now, changed, hint time.Time) time.Duration {
	last := changed
	if hint.After(last) {
		last = hint
	}
	quiet := now.Sub(last)
	switch {
	case p.hinted && hint.After(changed) && quiet < hintPatience:
		return p.poll
	case p.hinted:
		return max(p.poll, safetyNet)
	case !p.costly || quiet <= lively:
		return p.poll
	case quiet >= slowest*lively:
		return slowest * p.poll
	default: // in proportion
		return time.Duration(float64(p.poll) * (float64(quiet) / float64(lively)))
	}
}

// spread gives a wait of about d: give or take a fifth, so that many agents that wait spread out.
func spread(d time.Duration, jitter float64) time.Duration {
	return time.Duration(float64(d) * (1 + 0.4*(jitter-0.5)))
}

// scatter gives a wait of d on average, from a half to three halves of it, for many agents that failed at one moment.
func scatter(d time.Duration, jitter float64) time.Duration {
	return time.Duration(float64(d) * (0.5 + jitter))
}

// soon gives a wait of d at the most, and of half of it at least, for many agents that failed at one moment.
func soon(d time.Duration, jitter float64) time.Duration {
	return time.Duration(float64(d) * (0.5 + 0.5*jitter))
}

// hinted reports whether the store tells of every change now; see Options.Store.
func (s *Supervisor) hinted() bool { return state.Hinting(s.opts.Store) }

// costly reports whether each request is paid for; see Options.Store.
func (s *Supervisor) costly() bool {
	c, ok := state.As[interface{ Costly() bool }](s.opts.Store)
	return ok && c.Costly()
}
