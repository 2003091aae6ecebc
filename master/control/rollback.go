package control

import (
	"context"
	"fmt"

	"stathub/master/history"
	"stathub/state"
)

// History gives the revisions of an app, newest first. Those that somebody deletes meanwhile may be missing.
func (c *Controller) History(ctx context.Context, name string) ([]history.Entry, error) {
	if c.App(name).ETag == "" {
		return nil, missing(state.KindApp, name)
	}
	c.AwaitPlan(ctx) // it writes what was just changed
	return c.history.Revisions(ctx, name)
}

// Rollback makes an app what it was in a revision: its app document, but for whether it is started, and of its
// choreography all but the scale, which stays as the load of now needs it. Revision 0 is the last good one before what the app
// is now, or, where none ever was, the one before it. An unknown revision is code NotFound, one that cannot be read code
// Nonsense. With a condition the app must be at that revision of its document. It gives the number that was taken.
func (c *Controller) Rollback(ctx context.Context, name string, n int64, cond state.Condition) (doc Doc[state.App], taken int64, err error) {
	if c.App(name).ETag == "" {
		return doc, 0, missing(state.KindApp, name)
	}
	if n == 0 {
		if n, err = c.earlier(ctx, name); err != nil {
			return doc, 0, err
		}
	}
	old, err := c.history.Read(ctx, name, n)
	switch {
	case state.CodeOf(err) == state.NotFound:
		return doc, 0, state.Errorf(state.NotFound, "", "app %q has no revision %d: GET /v1/app/%s/history lists them", name, n, name)
	case err != nil && !history.Unreachable(err):
		return doc, 0, state.Errorf(state.Nonsense, state.HistoryKey(name, n), "revision %d cannot be read, so it cannot be put back: %w", n, err)
	case err != nil:
		return doc, 0, err
	}
	doc, err = edit(ctx, c, c.apps, name, cond, func(now Doc[state.App]) (*state.App, error) {
		next := old.App
		switch {
		case now.ETag == "" || deleted(now):
			return nil, missing(state.KindApp, name)
		case now.Err == nil:
			next.Start, next.RestartToken = now.Value.Start, now.Value.RestartToken
		}
		next.Deleted = false
		return &next, nil
	})
	if err != nil {
		return doc, n, err
	}
	c.event(AppRolledBack, state.Event{App: name, Message: fmt.Sprintf("app %s is put back to revision %d", name, n)})
	if old.Choreo == nil {
		return doc, n, nil
	}
	_, err = edit(ctx, c, c.choreos, name, state.Condition{}, func(now Doc[state.Choreo]) (*state.Choreo, error) {
		next := *old.Choreo
		if now.Value != nil {
			next.Scale = now.Value.Scale
		}
		next.Dist = nil
		return &next, nil
	})
	if err != nil {
		return doc, n, fmt.Errorf("the app is that of revision %d again, but its choreography is not: try again: %w", n, err)
	}
	return doc, n, nil
}

// earlier gives the revision that a rollback without a number goes to.
func (c *Controller) earlier(ctx context.Context, name string) (int64, error) {
	all, err := c.History(ctx, name)
	if err != nil {
		return 0, err
	}
	var now *state.Revision
	if app, choreo := c.App(name), c.Choreo(name); app.Err == nil && choreo.Err == nil {
		now = history.New(app.Value, choreo.Value)
	}
	n := history.Earlier(all, now)
	if n == 0 {
		return 0, state.Errorf(state.Nonsense, "", "app %q has no earlier revision to go back to", name)
	}
	return n, nil
}
