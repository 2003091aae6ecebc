package control

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"stathub/state"
)

// Past is a revision of an app as the API shows it.
type Past struct {
	state.Revision
	Changes []state.Change `json:"changes"`        // from the revision before it that can be read; empty for the first
	Error   string         `json:"error,omitzero"` // why it cannot be read; then it is nothing but its number
}

// History gives the revisions of an app, newest first. Those that somebody deletes meanwhile may be missing.
func (c *Controller) History(ctx context.Context, name string) ([]Past, error) {
	if c.App(name).ETag == "" {
		return nil, missing(state.KindApp, name)
	}
	c.AwaitPlan(ctx) // it writes what was just changed
	numbers, err := c.revisions(ctx, state.HistoryPrefix(name))
	if err != nil {
		return nil, err
	}
	all := make([]Past, len(numbers[name]))
	var mu sync.Mutex
	var lost error
	gone := map[int64]bool{}
	each(numbers[name], func(n int64) {
		i, _ := slices.BinarySearch(numbers[name], n)
		r, _, err := c.revision(ctx, name, n)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			all[i].Revision = *r
		case state.CodeOf(err) == state.NotFound:
			gone[n] = true
		case unreachable(err):
			lost = err
		default:
			all[i].Revision.Revision, all[i].Error = n, err.Error()
		}
	})
	if lost != nil {
		return nil, lost
	}
	all = slices.DeleteFunc(all, func(p Past) bool { return p.Revision.Revision == 0 })
	compare(all)
	slices.Reverse(all)
	return all, nil
}

// compare says of revisions, oldest first, what each changed.
func compare(all []Past) {
	var before *state.Revision
	for i := range all {
		p := &all[i]
		p.Changes = []state.Change{}
		if p.Error != "" {
			continue
		}
		if before != nil {
			if changes, err := state.Changes(content(before), content(&p.Revision)); err == nil {
				p.Changes = changes
			}
		}
		before = &p.Revision
	}
}

// content is what a revision is of, as JSON: /app and /choreo.
func content(r *state.Revision) []byte {
	bare := newRevision(&r.App, r.Choreo)
	return state.Encode(&struct {
		App    *state.App    `json:"app"`
		Choreo *state.Choreo `json:"choreo,omitzero"`
	}{&bare.App, bare.Choreo})
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
		if n, err = c.usual(ctx, name); err != nil {
			return doc, 0, err
		}
	}
	old, _, err := c.revision(ctx, name, n)
	switch {
	case state.CodeOf(err) == state.NotFound:
		return doc, 0, state.Errorf(state.NotFound, "", "app %q has no revision %d: GET /v1/app/%s/history lists them", name, n, name)
	case err != nil && !unreachable(err):
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
	if err != nil || old.Choreo == nil {
		return doc, n, err
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

// usual gives the revision that a rollback without a number goes to.
func (c *Controller) usual(ctx context.Context, name string) (int64, error) {
	all, err := c.History(ctx, name)
	if err != nil {
		return 0, err
	}
	app, choreo := c.App(name), c.Choreo(name)
	last := int64(0)
	for i := range all {
		p := &all[i]
		switch {
		case p.Error != "", app.Err == nil && choreo.Err == nil && sameRevision(&p.Revision, newRevision(app.Value, choreo.Value)):
		case !p.GoodAt.IsZero():
			return p.Revision.Revision, nil
		case last == 0 && p.Failed == nil:
			last = p.Revision.Revision
		}
	}
	if last == 0 {
		return 0, state.Errorf(state.Nonsense, "", "app %q has no earlier revision to go back to", name)
	}
	return last, nil
}
