package faultsuite

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// outcome is what the writer of an edit knows of it.
type outcome int

const (
	unknown      outcome = iota // no answer, or one that leaves it open
	acknowledged                // it must be there
	refused                     // another writer was first: it must not be there
)

// edit is one edit of a register.
type edit struct {
	token, before string // what it wrote, and what it found there
	register      *register
	outcome       outcome
	way           string // by which it went
}

// journal is what all writers did.
type journal struct {
	acknowledged atomic.Int64

	mu    sync.Mutex
	edits map[string]*edit
	last  map[string]map[outcome][]int // what was written over without condition, by choreography
}

func newJournal() *journal {
	return &journal{edits: map[string]*edit{}, last: map[string]map[outcome][]int{}}
}

// begin notes an edit before it is sent.
func (j *journal) begin(e *edit) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.edits[e.token] = e
}

// end notes what became of it.
func (j *journal) end(e *edit, o outcome) {
	j.mu.Lock()
	e.outcome = o
	j.mu.Unlock()
	if o == acknowledged {
		j.acknowledged.Add(1)
	}
}

// scaled notes that a choreography, which one writer alone scales, was scaled without a condition.
func (j *journal) scaled(app string, n int, o outcome) {
	j.mu.Lock()
	if j.last[app] == nil {
		j.last[app] = map[outcome][]int{}
	}
	j.last[app][o] = append(j.last[app][o], n)
	j.mu.Unlock()
	if o == acknowledged {
		j.acknowledged.Add(1)
	}
}

// check holds the journal against the last token of a register.
func (j *journal) check(r *register, token string) []error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	chain := map[string]bool{}
	for token != first {
		e := j.edits[token]
		switch {
		case e == nil || e.register != r:
			return append(errs, fmt.Errorf("%s: invented: nobody wrote %q", r.key, token))
		case chain[token]:
			return append(errs, fmt.Errorf("%s: %q follows itself", r.key, token))
		case e.outcome == refused:
			errs = append(errs, fmt.Errorf("%s: %q by %s was refused, and is there", r.key, token, e.way))
		}
		chain[token] = true
		token = e.before
	}
	for _, e := range j.edits {
		if e.register == r && e.outcome == acknowledged && !chain[e.token] {
			errs = append(errs, fmt.Errorf("%s: lost: %q by %s was acknowledged, over %q", r.key, e.token, e.way, e.before))
		}
	}
	return errs
}

// checkScale holds it against the scale of a choreography: that of the last acknowledged edit, or of one whose answer
// was lost, which may have come late.
func (j *journal) checkScale(app string, scale int) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	sure := j.last[app][acknowledged]
	if len(sure) > 0 && sure[len(sure)-1] == scale || len(sure) == 0 && scale == 0 {
		return nil
	}
	for _, n := range j.last[app][unknown] {
		if n == scale {
			return nil
		}
	}
	return fmt.Errorf("app %s has a scale of %d, the last acknowledged of %d edits said %d", app, scale, len(sure), sure[max(0, len(sure)-1):])
}

// counts gives how many edits ended each way.
func (j *journal) counts() (sure, open, lost int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.edits {
		switch e.outcome {
		case acknowledged:
			sure++
		case refused:
			lost++
		default:
			open++
		}
	}
	for _, by := range j.last {
		sure, open = sure+len(by[acknowledged]), open+len(by[unknown])
	}
	return sure, open, lost
}
