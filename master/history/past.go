package history

import (
	"context"
	"maps"
	"slices"
	"time"

	"stathub/scheduler"
	"stathub/state"
)

// Kept is how many revisions of an app are kept, beside the newest and the last good one.
const Kept = 50

// Past is what is known of the revisions of one app. It never changes: Record and Amend give another one.
type Past struct {
	Last   *state.Revision        // the newest; nil while it is not known or cannot be read
	Proven bool                   // Last's app was good, in Last or in an earlier revision
	undone *state.RevisionFailure // why the revision before Last was given up, where Last undoes it

	app     string
	numbers []int64           // of those that are there, ascending
	known   map[int64]summary // of those that were read
	etag    state.ETag        // of Last
}

// NewPast makes the Past of an app of whose revisions only the numbers are known, ascending.
func NewPast(app string, numbers []int64) *Past { return &Past{app: app, numbers: numbers} }

// Failure gives why a revision was given up for the newest one, or why the newest one is being given up.
func (p *Past) Failure() *state.RevisionFailure {
	if p.Last != nil && p.Last.Failed != nil {
		return p.Last.Failed
	}
	return p.undone
}

// summary is what matters of a revision that is not the newest.
type summary struct {
	content string // scheduler.ContentKey of its app; empty: it cannot be read
	good    bool
	failed  *state.RevisionFailure
}

func (p *Past) remember(r *state.Revision) {
	p.know(r.Revision, summary{scheduler.ContentKey(&r.App), !r.GoodAt.IsZero(), r.Failed})
}

func (p *Past) know(n int64, s summary) {
	known := maps.Clone(p.known)
	if known == nil {
		known = map[int64]summary{}
	}
	known[n] = s
	p.known = known
}

// Record makes now the newest revision, unless that is of the same content already, as of the time at. Code Exists means
// that other writers kept being first.
func (s *Store) Record(ctx context.Context, past *Past, now *state.Revision, at time.Time) (*Past, error) {
	p := *past
	for try := 0; ; try++ {
		if err := s.readLast(ctx, &p); err != nil {
			return nil, err
		}
		if p.Last != nil && Same(p.Last, now) {
			break
		}
		err := s.append(ctx, &p, now, at)
		if err == nil {
			break
		}
		if state.CodeOf(err) != state.Exists || try == 3 {
			return nil, err
		}
		// Another master was first, or somebody put one there. What it says decides.
		numbers, err := s.numbers(ctx, state.HistoryPrefix(p.app))
		if err != nil {
			return nil, err
		}
		p.numbers, p.Last = numbers[p.app], nil
	}
	s.reflect(ctx, &p)
	return &p, nil
}

// readLast reads the newest revision, once. One that cannot be read is no ground to compare with.
func (s *Store) readLast(ctx context.Context, p *Past) error {
	if p.Last != nil || len(p.numbers) == 0 {
		return nil
	}
	r, etag, err := s.read(ctx, p.app, p.numbers[len(p.numbers)-1])
	if err != nil && Unreachable(err) {
		return err
	}
	p.Last, p.etag = r, etag
	return nil
}

func (s *Store) append(ctx context.Context, p *Past, now *state.Revision, at time.Time) error {
	r := *now
	r.Revision, r.At = 1, at
	if n := len(p.numbers); n > 0 {
		r.Revision = p.numbers[n-1] + 1
	}
	etag, err := s.write(ctx, p.app, &r, state.Condition{IfAbsent: true})
	if err != nil {
		return err
	}
	if p.Last != nil {
		p.remember(p.Last)
	}
	p.numbers = append(slices.Clip(p.numbers), r.Revision)
	p.Last, p.etag = &r, etag
	return nil
}

// Amend changes what the newest revision tells of how it went, over the document that was read. Where somebody else did
// something to that, its code is Stale or NotFound, and the Past has no Last: Record reads it again.
func (s *Store) Amend(ctx context.Context, past *Past, do func(r *state.Revision)) (*Past, error) {
	p, next := *past, *past.Last
	do(&next)
	etag, err := s.write(ctx, p.app, &next, state.Condition{IfMatch: p.etag})
	switch code := state.CodeOf(err); {
	case err == nil:
		p.Last, p.etag = &next, etag
	case code == state.Stale || code == state.NotFound:
		p.Last = nil
	}
	return &p, err
}

// reflect finds out what the revisions before the newest one tell of it, and drops those that are too many. What cannot be
// read tells nothing.
func (s *Store) reflect(ctx context.Context, p *Past) {
	if p.Last == nil {
		return
	}
	p.Proven, p.undone = false, nil
	if ch := p.Last.Choreo; ch == nil || ch.Schedule == nil { // a scheduled job has no rollouts
		p.Proven = s.proven(ctx, p)
	}
	if n := len(p.numbers); p.Proven && n > 1 {
		p.undone = s.summary(ctx, p, p.numbers[n-2]).failed
	}
	s.prune(ctx, p)
}

// summary gives that of an older revision. Revisions change no more once a newer one is there, except that a master marks
// the one that it undoes before it does.
func (s *Store) summary(ctx context.Context, p *Past, n int64) summary {
	if known, ok := p.known[n]; ok {
		return known
	}
	r, err := s.Read(ctx, p.app, n)
	switch {
	case err == nil:
		p.remember(r)
	case !Unreachable(err):
		p.know(n, summary{})
	}
	return p.known[n]
}

// lookBack goes through the revisions before the newest, newest first, until stop says so, and gives the number of the one
// at which it did; 0: at none.
func (s *Store) lookBack(ctx context.Context, p *Past, stop func(summary) bool) int64 {
	for _, n := range slices.Backward(p.numbers) {
		if n != p.Last.Revision && stop(s.summary(ctx, p, n)) {
			return n
		}
	}
	return 0
}

// LastGood gives the newest good revision whose app is another one than Last's; 0: there is none.
func (s *Store) LastGood(ctx context.Context, past *Past) int64 {
	p := *past
	return s.lastGood(ctx, &p)
}

func (s *Store) lastGood(ctx context.Context, p *Past) int64 {
	now := scheduler.ContentKey(&p.Last.App)
	return s.lookBack(ctx, p, func(is summary) bool { return is.good && is.content != now })
}

// proven reports whether an app was good as it is now, in whichever revision.
func (s *Store) proven(ctx context.Context, p *Past) bool {
	now := scheduler.ContentKey(&p.Last.App)
	return !p.Last.GoodAt.IsZero() || s.lookBack(ctx, p, func(is summary) bool { return is.good && is.content == now }) > 0
}

// prune deletes the oldest revisions where there are too many, but never the last good one.
func (s *Store) prune(ctx context.Context, p *Past) {
	extra := len(p.numbers) - 1 - Kept
	if extra <= 0 {
		return
	}
	good := s.lastGood(ctx, p)
	var kept []int64
	for i, n := range p.numbers {
		if i >= extra || n == good || s.drop(ctx, p.app, n) != nil {
			kept = append(kept, n)
		}
	}
	p.numbers = kept
}
