package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"stathub/state"
)

// Leader says whether this master may decide: only one of those that share a bucket does. *lease.Elector is one.
type Leader interface {
	// Lead gives the term in which this master leads, and whether it does at this moment. A term has no gaps: whoever leads
	// again after a moment without the lease does so in a higher one.
	Lead() (term int64, leads bool)
	// Changed gives a channel that is closed once Lead, or Holder, may say something else.
	Changed() <-chan struct{}
	// Holder is the name of the master that leads, as far as known; empty: nobody, or nobody knows.
	Holder() string
}

// alone is the Leader of a master that shares its bucket with no other.
type alone struct{ name string }

func (alone) Lead() (int64, bool)      { return 1, true }
func (alone) Changed() <-chan struct{} { return nil }
func (a alone) Holder() string         { return a.name }

// office is in which role this master is. The Controller's mu guards it.
type office struct {
	term    int64               // in which it leads; 0: it follows, and decides nothing
	unseen  map[state.Kind]bool // folders that were not read since the term began: its picture must be later than its lease
	behind  bool                // agents followed a manifest of a higher term: they would refuse what it writes
	judging bool                // heartbeats were observed in this term. Until then a node is what its record says
	told    string              // which other master leads, as it was told last
}

// attend takes note of who leads, at the beginning of a round. Whoever comes to lead begins anew with what others may
// have done meanwhile, and with the judgement of nodes: heartbeats may have been in the old leader's memory alone (law 7).
func (c *Controller) attend() {
	term, leads := c.opts.Leader.Lead()
	holder := c.opts.Leader.Holder()
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.office
	switch {
	case leads && term != o.term:
		c.office = office{term: term, unseen: map[state.Kind]bool{}}
		for _, kind := range kinds {
			o.unseen[kind], c.due[kind] = true, true
		}
		c.listenAnew()
		c.compared, c.past, c.notes = map[string]recordBasis{}, nil, nil
		c.plan.Rollouts, c.heard, c.balance = nil, time.Time{}, balance{perMinute: c.opts.RebalanceMoves}
		c.dirty = true
		if _, single := c.opts.Leader.(alone); !single {
			c.event(MasterLeads, state.Event{Message: fmt.Sprintf("%s leads, in term %d", c.opts.Name, term)})
		}
	case !leads:
		if o.term != 0 {
			c.office = office{told: o.told}
			c.listenAnew()
			c.dirty = true
		}
		if holder != "" && holder != c.opts.Name && holder != o.told {
			o.told = holder
			c.event(MasterFollows, state.Event{Message: fmt.Sprintf("%s follows %s, which leads", c.opts.Name, holder)})
		}
	}
}

// listenAnew forgets what was heard: a master that does not lead hears nothing of what the leader keeps in its memory. The
// caller holds mu.
func (c *Controller) listenAnew() {
	c.pulses.clear()
	c.liveness = c.newDetector()
}

// afresh notes that a folder was read whole, and reports whether it was the first time in this term. With the last of them
// this master may decide. The caller holds mu.
func (c *Controller) afresh(kind state.Kind) bool {
	first := c.office.unseen[kind]
	if delete(c.office.unseen, kind); first && len(c.office.unseen) == 0 {
		c.dirty = true
	}
	return first
}

// inCharge reports whether this master may decide now: it leads, and has seen the bucket since. It is asked before each
// thing that only a leader may write.
func (c *Controller) inCharge() bool {
	term, leads := c.opts.Leader.Lead()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return leads && term == c.office.term && len(c.office.unseen) == 0 && !c.office.behind
}

// HighestTerm is the highest term of manifests, and of those that agents followed. It is false while the bucket was not
// read yet.
func (c *Controller) HighestTerm() (term int64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, doc := range c.manifests.docs {
		if doc.Value != nil {
			term = max(term, doc.Value.Term)
		}
	}
	for _, doc := range c.reports.docs {
		if doc.Value != nil {
			term = max(term, doc.Value.Manifest.Term)
		}
	}
	return term, len(c.missing) == 0
}

// compareTerms finds out whether the lease is of too low a term. Whoever holds it takes a higher one soon.
func (c *Controller) compareTerms() {
	if _, single := c.opts.Leader.(alone); single {
		return
	}
	highest, _ := c.HighestTerm()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.office.behind = highest > c.office.term
}

// writer is what this master writes manifests as. The caller holds mu.
func (c *Controller) writer() (name string, term int64) { return c.opts.Name, c.office.term }

// errDeposed is in errors of writes that only a leader may make.
var errDeposed = errors.New("this master does not lead")

func deposed(key string) error { return &state.Error{Code: state.Denied, Key: key, Err: errDeposed} }

// reserved is the bucket where only a leader may write.
type reserved struct {
	state.Store
	inCharge func() bool
}

func (r reserved) Unwrap() state.Store { return r.Store }

func (r reserved) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if !r.inCharge() {
		return "", deposed(key)
	}
	return r.Store.Put(ctx, key, body, cond)
}

func (r reserved) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	if !r.inCharge() {
		return deposed(key)
	}
	return r.Store.Delete(ctx, key, ifMatch)
}
