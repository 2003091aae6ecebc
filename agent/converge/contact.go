package converge

import (
	"math"
	"strconv"
	"time"

	"stathub/state"
)

// Contact is how an agent stands with its bucket, which is what instances with a Disconnect hang on: a master that hears
// nothing of the agent for long starts another of them elsewhere.
type Contact struct {
	Silent time.Duration // since the bucket last heard of the agent for certain; Never: nobody knows
	Trying bool          // nobody knows, and the first try to be heard is under way
	Sure   bool          // the manifest that is followed was read since contact came back: it says who runs what now
}

// Never is the Silent of an agent that does not know when it was heard.
const Never = time.Duration(math.MaxInt64)

// guard stops an instance that must not outlive the contact, and kills one whose time to stop is over. wake is when that
// will be.
func (c Contact) guard(id string, have *Have, now time.Time) (action Action, wake time.Time) {
	if have.Disconnect == 0 || c.Trying {
		return Action{}, time.Time{}
	}
	after, then := have.Disconnect, Action{Kind: Disconnect, ID: id, Reason: silence(have.Disconnect) + ": another may be started elsewhere"}
	switch {
	case have.State == state.Stopping && !have.Killed:
		after += have.KillTimeout
		then = Action{Kind: Kill, ID: id, Reason: silence(have.Disconnect) + ", and it had its time to stop"}
	case have.State == state.Stopping || !active(have.State):
		return Action{}, time.Time{}
	}
	if c.Silent < after {
		return Action{}, now.Add(after - c.Silent)
	}
	return then, time.Time{}
}

func silence(bound time.Duration) string {
	return "out of touch with the bucket for " + strconv.FormatFloat(bound.Seconds(), 'f', -1, 64) + " s"
}

// apart says why an instance must not be started for lack of contact, "" if it may.
func (d Desired) apart(want *Want) string {
	switch {
	case want.Disconnect == 0:
		return ""
	case d.Contact.Silent >= want.Disconnect:
		return "waits for contact, " + silence(want.Disconnect) + " or more: it may run elsewhere by now"
	case d.Unsure || !d.Contact.Sure:
		return "waits until the manifest is read once more: it may run elsewhere by now"
	default:
		return ""
	}
}
