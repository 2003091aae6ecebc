package control

import (
	"context"
	"slices"

	"stathub/scheduler"
	"stathub/state"
)

// reflect finds out what the revisions before the newest one tell of it, and drops those that are too many. What cannot be
// read tells nothing.
func (c *Controller) reflect(ctx context.Context, app string, p *past) {
	if p.last == nil {
		return
	}
	if p.known == nil {
		p.known = map[int64]summary{}
	}
	p.proven, p.undone = false, nil
	if ch := p.last.Choreo; ch == nil || ch.Schedule == nil { // a scheduled job has no rollouts
		p.proven = c.proven(ctx, app, p)
	}
	if before := p.before(); p.proven && before > 0 {
		p.undone = c.summary(ctx, app, p, before).failed
	}
	c.prune(ctx, app, p)
}

// before gives the number of the revision before the newest; 0: there is none.
func (p *past) before() int64 {
	if len(p.numbers) < 2 {
		return 0
	}
	return p.numbers[len(p.numbers)-2]
}

// summary gives that of an older revision. Revisions change no more once a newer one is there, except that a master marks
// the one that it undoes before it does.
func (c *Controller) summary(ctx context.Context, app string, p *past, n int64) summary {
	if s, ok := p.known[n]; ok {
		return s
	}
	r, _, err := c.revision(ctx, app, n)
	switch {
	case err == nil:
		p.known = withSummary(p.known, r)
	case !unreachable(err):
		known := withSummary(p.known, &state.Revision{Revision: n})
		known[n] = summary{}
		p.known = known
	}
	return p.known[n]
}

// lookBack goes through the revisions before the newest, newest first, until stop says so, and gives the number of the one
// at which it did; 0: at none.
func (c *Controller) lookBack(ctx context.Context, app string, p *past, stop func(summary) bool) int64 {
	for _, n := range slices.Backward(p.numbers) {
		if n != p.last.Revision && stop(c.summary(ctx, app, p, n)) {
			return n
		}
	}
	return 0
}

// lastGood gives the newest good revision whose app is another one than now; 0: there is none.
func (c *Controller) lastGood(ctx context.Context, app string, p *past) int64 {
	now := scheduler.ContentKey(&p.last.App)
	return c.lookBack(ctx, app, p, func(s summary) bool { return s.good && s.content != now })
}

// proven reports whether an app was good as it is now, in whichever revision.
func (c *Controller) proven(ctx context.Context, app string, p *past) bool {
	now := scheduler.ContentKey(&p.last.App)
	return !p.last.GoodAt.IsZero() || c.lookBack(ctx, app, p, func(s summary) bool { return s.good && s.content == now }) > 0
}

// prune deletes the oldest revisions where there are too many, but never the last good one.
func (c *Controller) prune(ctx context.Context, app string, p *past) {
	extra := len(p.numbers) - 1 - keptRevisions
	if extra <= 0 {
		return
	}
	good := c.lastGood(ctx, app, p)
	kept := slices.Clone(p.numbers[:0:0])
	for i, n := range p.numbers {
		if i >= extra || n == good || c.dropRevision(ctx, app, n) != nil {
			kept = append(kept, n)
		}
	}
	p.numbers = kept
}

func (c *Controller) dropRevision(ctx context.Context, app string, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := c.store.Delete(ctx, state.HistoryKey(app, n), "")
	if state.CodeOf(err) == state.NotFound {
		return nil
	}
	return err
}
