package lease

import (
	"fmt"
	"time"

	"stathub/state"
)

// maxTerm is the highest term that there is; a higher one is none.
const maxTerm = state.MaxSequence

// quiet is how long the leader may leave the lease as it is before people are told.
const quiet = 4 * time.Second

// sight is what an elector knows of the lease.
type sight struct {
	looked bool          // it was read once
	etag   state.ETag    // the newest revision; empty: there is no lease
	lease  *state.Lease  // nil: there is none, or it cannot be read
	broken error         // why it cannot be read
	at     time.Duration // by the elector's clock, when this revision was first seen
	ever   bool          // there was a lease at some look
	high   int64         // the highest term that was ever seen in it
}

// saw takes in a revision that differs from the one before.
func (s *sight) saw(etag state.ETag, l *state.Lease, broken error, now time.Duration) {
	s.looked, s.etag, s.lease, s.broken, s.at = true, etag, l, broken, now
	s.ever = s.ever || etag != ""
	if l != nil {
		s.high = max(s.high, l.Term)
	}
}

// verdict is what to do about the lease.
type verdict struct {
	write bool
	term  int64         // to write
	wait  time.Duration // until the lease may be taken, if nothing changes
	why   string        // why not now, for people
}

// judge decides what to do about the lease as it was just read. held is the term in which this elector holds it as far as
// it knows, 0: in none, and leads whether its time has not run out. known is the highest term that other documents have.
// dead reports whether a process on this machine surely has ended.
func (s *sight) judge(me owner, held int64, leads bool, known int64, now time.Duration, dead func(process string) bool) verdict {
	floor := s.high
	if known <= maxTerm {
		floor = max(floor, known)
	}
	take := verdict{write: true, term: min(floor+1, maxTerm)}
	left := ttl - (now - s.at)
	wait := func(why string) verdict {
		if left <= 0 {
			return take
		}
		return verdict{wait: left, why: fmt.Sprintf("%s; this master takes over in %.0f s", why, left.Seconds())}
	}
	switch {
	case me.has(s.lease):
		// A term has no gaps, and agents may follow a higher one than that of an old copy.
		if s.lease.Term == floor && (leads || floor != held) {
			take.term = floor
		}
		return take
	case s.lease == nil && leads:
		return take // somebody did something to it: nobody else takes it so soon
	case s.broken != nil:
		return wait("the lease cannot be read: " + s.broken.Error())
	case s.lease == nil && !s.ever && floor == 0:
		return take // a new bucket
	case s.lease == nil:
		return wait("the lease is gone")
	case s.lease.Holder == "":
		return take // given back
	case dead(s.lease.Process):
		return take
	case now-s.at < quiet:
		return verdict{wait: left}
	default:
		return wait(fmt.Sprintf("master %s was not heard of for %.0f s", s.lease.Holder, (now - s.at).Seconds()))
	}
}
