package control

import (
	"context"
	"slices"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

// keptRevisions is how many revisions of an app are kept, beside the newest and the last good one.
const keptRevisions = 50

// past is what this master knows of the revisions of an app. The loop alone writes it, under c.mu.
type past struct {
	numbers []int64                // of those that are there, ascending
	known   map[int64]summary      // of those that were read
	last    *state.Revision        // the newest, nil while it is not known or cannot be read
	etag    state.ETag             // of last
	seen    revisionOf             // the documents that last is the revision of
	proven  bool                   // last's app was good, in last or in an earlier revision
	undone  *state.RevisionFailure // why the revision before last was given up, where last undoes it
}

// summary is what matters of a revision that is not the newest.
type summary struct {
	content string // scheduler.ContentKey of its app; empty: it cannot be read
	good    bool
	failed  *state.RevisionFailure
}

func summaryOf(r *state.Revision) summary {
	return summary{scheduler.ContentKey(&r.App), !r.GoodAt.IsZero(), r.Failed}
}

// revisionOf are the documents of an app, by their own revisions.
type revisionOf struct{ app, choreo state.ETag }

// keepHistory writes a revision for each app whose documents are not what its newest revision says, before manifests go
// by them. What cannot be written now holds up nothing: it is tried again.
func (c *Controller) keepHistory(ctx context.Context) {
	if c.past == nil && !c.listHistory(ctx) {
		return
	}
	type news struct {
		app    Doc[state.App]
		choreo Doc[state.Choreo]
	}
	var all []news
	c.mu.RLock()
	for name, app := range c.apps.docs {
		choreo := c.choreos.docs[name]
		if app.Err != nil || app.Value == nil || app.Value.Deleted || choreo.Err != nil {
			continue
		}
		if p := c.past[name]; p == nil || p.seen != (revisionOf{app.ETag, choreo.ETag}) {
			all = append(all, news{app, choreo})
		}
	}
	c.mu.RUnlock()
	each(all, func(n news) {
		name := n.app.Value.Name
		if err := c.record(ctx, n.app, n.choreo); err != nil {
			c.said.warn("history "+name, "cannot write the history of an app; trying again", "app", name, "error", err)
			return
		}
		c.said.clear("history " + name)
	})
}

// listHistory finds which revisions there are, once.
func (c *Controller) listHistory(ctx context.Context) bool {
	numbers, err := c.revisions(ctx, state.KindHistory.Prefix())
	if err != nil {
		c.said.warn("history", "cannot list the history of apps; trying again", "error", err)
		return false
	}
	c.said.clear("history")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past = make(map[string]*past, len(numbers))
	for app, all := range numbers {
		c.past[app] = &past{numbers: all}
	}
	return true
}

// revisions gives the numbers of the revisions under a prefix, by app, ascending.
func (c *Controller) revisions(ctx context.Context, prefix string) (map[string][]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	all := map[string][]int64{}
	for e, err := range c.store.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		if app, n, ok := state.ParseHistoryKey(e.Key); ok {
			all[app] = append(all[app], n)
		}
	}
	for _, numbers := range all {
		slices.Sort(numbers)
	}
	return all, nil
}

// revision reads a revision. One that is gone is code NotFound.
func (c *Controller) revision(ctx context.Context, app string, n int64) (*state.Revision, state.ETag, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := state.HistoryKey(app, n)
	data, entry, err := state.Read(ctx, c.store, key, "", state.MaxDocument)
	if err != nil {
		return nil, "", err
	}
	r, err := state.Decode[state.Revision](key, data)
	if err != nil {
		return nil, entry.ETag, err
	}
	r.Revision = n
	return r, entry.ETag, nil
}

// record makes the newest revision that of the documents given.
func (c *Controller) record(ctx context.Context, app Doc[state.App], choreo Doc[state.Choreo]) error {
	name := app.Value.Name
	c.mu.RLock()
	next := &past{known: map[int64]summary{}}
	if p := c.past[name]; p != nil {
		*next = *p
	}
	c.mu.RUnlock()
	now := newRevision(app.Value, choreo.Value)
	for try := 0; ; try++ {
		if err := c.readLast(ctx, name, next); err != nil {
			return err
		}
		if next.last != nil && sameRevision(next.last, now) {
			break
		}
		err := c.writeRevision(ctx, name, next, now)
		if err == nil {
			break
		}
		if state.CodeOf(err) != state.Exists || try == 3 {
			return err
		}
		// Another master was first, or somebody put one there. What it says decides.
		numbers, err := c.revisions(ctx, state.HistoryPrefix(name))
		if err != nil {
			return err
		}
		next.numbers, next.last = numbers[name], nil
	}
	next.seen = revisionOf{app.ETag, choreo.ETag}
	c.reflect(ctx, name, next)
	c.mu.Lock()
	c.past[name] = next
	c.mu.Unlock()
	return nil
}

// readLast reads the newest revision, once. One that cannot be read is no ground to compare with.
func (c *Controller) readLast(ctx context.Context, app string, p *past) error {
	if p.last != nil || len(p.numbers) == 0 {
		return nil
	}
	r, etag, err := c.revision(ctx, app, p.numbers[len(p.numbers)-1])
	if err != nil && unreachable(err) {
		return err
	}
	p.last, p.etag = r, etag
	return nil
}

// unreachable tells an outage from a document that is gone or cannot be read.
func unreachable(err error) bool {
	code := state.CodeOf(err)
	return code == state.Unavailable || code == state.Internal
}

func (c *Controller) writeRevision(ctx context.Context, app string, p *past, r *state.Revision) error {
	r.Revision = 1
	if n := len(p.numbers); n > 0 {
		r.Revision = p.numbers[n-1] + 1
	}
	r.At = time.Now().UTC().Truncate(time.Millisecond)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	etag, err := state.Write(ctx, c.store, state.HistoryKey(app, r.Revision), state.Encode(r), state.Condition{IfAbsent: true})
	if err != nil {
		return err
	}
	if p.last != nil {
		p.known = withSummary(p.known, p.last)
	}
	p.numbers = append(slices.Clip(p.numbers), r.Revision)
	p.last, p.etag = r, etag
	return nil
}

func withSummary(known map[int64]summary, r *state.Revision) map[int64]summary {
	next := make(map[int64]summary, len(known)+1)
	for n, s := range known {
		next[n] = s
	}
	next[r.Revision] = summaryOf(r)
	return next
}

// amend changes what the newest revision tells of how it went, over the revision of it that was read.
func (c *Controller) amend(ctx context.Context, app string, p *past, do func(r *state.Revision)) error {
	next := *p.last
	do(&next)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	etag, err := state.Write(ctx, c.store, state.HistoryKey(app, next.Revision), state.Encode(&next), state.Condition{IfMatch: p.etag})
	changed := *p
	switch code := state.CodeOf(err); {
	case err == nil:
		changed.last, changed.etag = &next, etag
	case code == state.Stale || code == state.NotFound:
		changed.last, changed.seen = nil, revisionOf{} // somebody else did something to it: read it again
	default:
		return err
	}
	c.mu.Lock()
	c.past[app] = &changed
	c.mu.Unlock()
	return err
}

// newRevision makes a revision of an app and its choreography: of what the app is and where it runs, not of whether it is
// started, how often it was restarted, and where it was placed.
func newRevision(app *state.App, choreo *state.Choreo) *state.Revision {
	r := &state.Revision{App: *app}
	r.App.Start, r.App.RestartToken, r.App.Deleted = true, "", false
	if choreo != nil {
		bare := *choreo
		bare.Dist = nil
		r.Choreo = &bare
	}
	return r
}

// sameRevision reports whether two revisions are of the same content. The scale alone makes no difference: it follows the
// load, and would push out of the history what somebody may want back.
func sameRevision(a, b *state.Revision) bool {
	return revisionKey(a) == revisionKey(b)
}

func revisionKey(r *state.Revision) string {
	choreo := state.Choreo{App: r.App.Name, Query: "*"} // what an app without one has
	if r.Choreo != nil {
		choreo = *r.Choreo
	}
	choreo.Scale = 0
	bare := newRevision(&r.App, &choreo)
	return string(state.ContentETag(bare))
}
