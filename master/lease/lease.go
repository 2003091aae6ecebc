// Package lease finds out which one of several masters leads. They share one document, leases/master.json. The leader
// writes it anew all the time; the others look at it, and whoever has seen it unchanged for too long takes it over with a
// higher term. Each write is conditional on the revision that was seen, so of two that try only one succeeds.
//
// What holds: no two electors get the same term, and a term has no gaps: whoever holds the lease again after its time had run
// out does so in a higher one. Time is measured by each elector's own clock,
// which goes on while the process is stopped and while the machine sleeps (law 8). The holder counts as leading for hold
// after it *began* its last successful write; the others wait for ttl, which is longer, after they *saw* that write. So
// as long as clocks run at about the same speed nobody leads beside a leader of a higher term, however long a process is
// paused. What a paused leader had sent off already may still arrive: it fails on the revision that it was decided from,
// or is of a term that agents refuse where they followed a higher one.
//
// The limits: somebody who deletes, empties or replaces the lease while its holder leads can have two masters lead, in
// two terms, until the holder writes it the next time. And where a bucket has neither a lease nor a trace of a term, the
// first master leads at once in term 1.
package lease

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"stathub/state"
)

// The times of a lease. The leader may fail to write it once and still lead.
const (
	renewEvery  = 2500 * time.Millisecond
	hold        = 6 * time.Second  // after the beginning of the last write that the holder leads
	ttl         = 10 * time.Second // without a change after which the others take it over
	lookEvery   = time.Second
	retryAfter  = 300 * time.Millisecond // after a request that failed
	knownPause  = 50 * time.Millisecond  // between two questions whether the bucket was read; they cost nothing
	callTimeout = 4 * time.Second        // of a request
	lastCall    = 2 * time.Second        // in which a holder that stops gives the lease back
)

// Key is where the lease lies.
var Key = state.KindLease.Key("master")

// Options say who wants to lead. Store and Name are needed.
type Options struct {
	Store   state.Store
	Name    string       // of this master, one that state.CheckName accepts
	Address string       // URL of its console and API, for people
	Log     *slog.Logger // nil: none

	// Known gives the highest term that the bucket is known to have in other documents: whoever leads must be of a higher
	// one, or of that one itself. It is false while the bucket was not read; then nobody takes the lease. Nil: 0.
	Known func() (term int64, ok bool)

	Clock  func() time.Duration // goes on while the process is stopped and while the machine sleeps; nil: the machine's
	Now    func() time.Time     // for Expiry, which only people read; nil: time.Now
	Jitter func() float64       // 0 to 1, spreads requests; nil: random
}

// Elector keeps the lease, or watches it. Make it with New; Run runs it once. The other methods are safe for concurrent use.
type Elector struct {
	opts Options
	log  *slog.Logger
	me   owner

	// Run's alone.
	sure bool          // sight is the newest revision as far as known: nothing was written that may or may not be there
	due  time.Duration // when the holder writes the lease again

	mu      sync.RWMutex
	sight   sight
	term    int64         // that this one holds the lease in; 0: it does not
	renewed time.Duration // when the write began that last confirmed it
	waits   string        // why nobody is known to lead, for people
	trouble error         // of the last request; nil: it succeeded
	said    Status        // what was announced last
	changed chan struct{} // closed when that changes, and replaced
}

// owner says who holds a lease.
type owner struct{ name, session string }

func (o owner) has(l *state.Lease) bool {
	return l != nil && l.Holder == o.name && l.Session == o.session
}

// New makes an Elector that touches nothing yet.
func New(o Options) *Elector {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Known == nil {
		o.Known = func() (int64, bool) { return 0, true }
	}
	if o.Clock == nil {
		o.Clock = sinceBoot
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Jitter == nil {
		o.Jitter = mathrand.Float64
	}
	return &Elector{
		opts: o, log: o.Log, me: owner{o.Name, rand.Text()}, changed: make(chan struct{}),
		waits: "the lease was not read yet",
	}
}

// Run takes part until ctx ends. Then it gives the lease back, if it has it, so that another master takes over at once:
// end it when nothing decides any more.
func (e *Elector) Run(ctx context.Context) {
	hints := e.opts.Store.Watch(ctx, state.KindLease.Prefix())
	for ctx.Err() == nil {
		wait := e.turn(ctx)
		e.announce()
		others := hints
		if !e.sure || e.me.has(e.sight.lease) {
			others = nil // what this one writes itself is hinted at, too
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case _, open := <-others:
			if !open {
				hints = nil // the store has no more of them; the looks go on
			}
		}
		timer.Stop()
	}
	e.resign(context.WithoutCancel(ctx))
	e.announce()
}

// Lead gives the term in which this master holds the lease, 0 when it does not, and whether it may decide now. It is
// worked out anew each time: ask before each thing that only a leader may do.
func (e *Elector) Lead() (term int64, leads bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.lead()
}

func (e *Elector) lead() (term int64, leads bool) {
	return e.term, e.term != 0 && e.opts.Clock()-e.renewed < hold
}

// Changed gives a channel that is closed when another master leads, or none, or this one in another term. Get it before
// you ask what is so now. That the time of a leader has run out may be told late.
func (e *Elector) Changed() <-chan struct{} {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.changed
}

// Status is what is known of who leads.
type Status struct {
	Name   string      // of this master
	Leads  bool        // it may decide now
	Leader state.Lease // as it was last read; without Holder nobody leads, or nobody knows
	Note   string      // why no leader is known, or why it may be another one by now; may be empty
}

// Status says who leads, for people.
func (e *Elector) Status() Status {
	e.mu.RLock()
	defer e.mu.RUnlock()
	s := Status{Name: e.me.name}
	if _, s.Leads = e.lead(); e.sight.lease != nil {
		s.Leader = *e.sight.lease
	}
	switch {
	case s.Leads:
	case e.trouble != nil:
		s.Note = e.trouble.Error()
	default:
		s.Note = e.waits
	}
	return s
}

// Holder is the name in the lease as it was last read; empty: nobody leads, or nobody knows.
func (e *Elector) Holder() string { return e.Status().Leader.Holder }

// announce closes changed when there is something to tell.
func (e *Elector) announce() {
	now := e.Status()
	e.mu.Lock()
	defer e.mu.Unlock()
	was := e.said
	if e.said = now; was.Leads == now.Leads && was.Leader.Holder == now.Leader.Holder && was.Leader.Term == now.Leader.Term {
		return
	}
	close(e.changed)
	e.changed = make(chan struct{})
	switch holder := now.Leader.Holder; {
	case now.Leads && (!was.Leads || was.Leader.Term != now.Leader.Term):
		e.log.Info("this master leads", "term", now.Leader.Term)
	case was.Leads && !now.Leads:
		e.log.Warn("this master does not lead any more", "leader", holder, "term", now.Leader.Term, "note", now.Note)
	case !now.Leads && holder != "" && was.Leader.Holder != holder:
		e.log.Info("another master leads", "leader", holder, "term", now.Leader.Term, "address", now.Leader.Address)
	}
}

// document is the lease as this master writes it. What others put into it stays.
func (e *Elector) document(term int64) *state.Lease {
	l := state.Lease{
		Holder: e.me.name, Term: term, Expiry: e.opts.Now().Add(ttl).UTC().Truncate(time.Millisecond), Address: e.opts.Address,
		Session: e.me.session, Process: thisProcess(),
	}
	if old := e.sight.lease; old != nil {
		l.Extra = old.Extra
	}
	return &l
}

// spread gives a time around d, a fifth more or less.
func (e *Elector) spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*e.opts.Jitter()))
}

func cannot(what string, err error) error {
	return fmt.Errorf("cannot %s the lease, which says which master leads: %w", what, err)
}
