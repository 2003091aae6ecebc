package control

import (
	"context"
	"time"

	"stathub/state"
)

// pace keeps looks at the reports apart. After a deploy each agent reports, one after the other, and each report comes with
// a hint; but a look lists the reports of all. So what hints ask for takes a fifth of the loop's time at the most. The
// controller's mu guards it.
type pace struct{ next time.Time }

const (
	paceRest = 4           // times what the last look took
	paceMost = time.Second // the longest rest
)

// looked notes a look at the reports.
func (p *pace) looked(began, now time.Time) {
	p.next = now.Add(min(paceRest*now.Sub(began), paceMost))
}

// takeDue gives the folders to look at now. The reports may have to wait, whatever asks for them: wakeForReports tells when
// they are due.
func (c *Controller) takeDue(now time.Time) map[state.Kind]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	due := c.due
	c.due = map[state.Kind]bool{}
	if due[state.KindReport] && now.Before(c.pace.next) {
		delete(due, state.KindReport)
		c.due[state.KindReport] = true
	}
	return due
}

// wakeForReports gives a channel that tells when the reports that are due may be looked at; nil: none are.
func (c *Controller) wakeForReports() <-chan time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if !c.due[state.KindReport] {
		return nil
	}
	return time.After(time.Until(c.pace.next))
}

// strangers reports whether there are reports of nodes that were never heard of.
func (c *Controller) strangers() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for id := range c.reports.docs {
		if _, heard := c.beats[id]; !c.detached(id) && !c.liveness.Alive(id) && !(heard && c.liveness.Knows(id)) {
			return true
		}
	}
	return false
}

// revisions are stores that have the bytes of some revisions at hand. They are of just that revision.
type revisions interface {
	Revision(key string, etag state.ETag) ([]byte, bool)
}

// readListed reads a document of which a listing told a revision, "" for none. Where the store has the bytes of that
// revision at hand it need not be asked.
func readListed(ctx context.Context, s state.Store, key string, listed state.ETag) ([]byte, state.Entry, error) {
	if r, ok := state.As[revisions](s); ok && listed != "" {
		if data, ok := r.Revision(key, listed); ok {
			return data, state.Entry{Key: key, ETag: listed, Size: int64(len(data))}, nil
		}
	}
	return state.Read(ctx, s, key, "", state.MaxDocument)
}
