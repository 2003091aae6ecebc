// Package history keeps the revisions of apps in the bucket: what each app was, with its choreography, and how its rollout
// went. When there is a new one, and which one an app goes back to, is its caller's to decide.
package history

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"stathub/state"
)

// Store is the history folder of a bucket. Its methods are safe for concurrent use.
type Store struct {
	Bucket      state.Store
	CallTimeout time.Duration // of each read or write
	ListTimeout time.Duration
}

// parallel bounds the documents that are read at one time.
const parallel = 16

// Numbers gives the numbers of all revisions, by app, ascending.
func (s *Store) Numbers(ctx context.Context) (map[string][]int64, error) {
	return s.numbers(ctx, state.KindHistory.Prefix())
}

// Past gives what is known of an app when nothing but the numbers of its revisions is.
func (s *Store) Past(ctx context.Context, app string) (*Past, error) {
	all, err := s.numbers(ctx, state.HistoryPrefix(app))
	if err != nil {
		return nil, err
	}
	return NewPast(app, all[app]), nil
}

func (s *Store) numbers(ctx context.Context, prefix string) (map[string][]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.ListTimeout)
	defer cancel()
	all := map[string][]int64{}
	for e, err := range s.Bucket.List(ctx, prefix) {
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

// Read reads a revision. One that is gone is code NotFound.
func (s *Store) Read(ctx context.Context, app string, n int64) (*state.Revision, error) {
	r, _, err := s.read(ctx, app, n)
	return r, err
}

func (s *Store) read(ctx context.Context, app string, n int64) (*state.Revision, state.ETag, error) {
	ctx, cancel := context.WithTimeout(ctx, s.CallTimeout)
	defer cancel()
	key := state.HistoryKey(app, n)
	data, entry, err := state.Read(ctx, s.Bucket, key, "", state.MaxDocument)
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

func (s *Store) write(ctx context.Context, app string, r *state.Revision, cond state.Condition) (state.ETag, error) {
	ctx, cancel := context.WithTimeout(ctx, s.CallTimeout)
	defer cancel()
	return state.Write(ctx, s.Bucket, state.HistoryKey(app, r.Revision), state.Encode(r), cond)
}

func (s *Store) drop(ctx context.Context, app string, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, s.CallTimeout)
	defer cancel()
	err := s.Bucket.Delete(ctx, state.HistoryKey(app, n), "")
	if state.CodeOf(err) == state.NotFound {
		return nil
	}
	return err
}

// Unreachable tells an outage from a document that is gone or cannot be read.
func Unreachable(err error) bool {
	code := state.CodeOf(err)
	return code == state.Unavailable || code == state.Internal
}

// Entry is a revision of an app as the API shows it.
type Entry struct {
	state.Revision
	Changes []state.Change `json:"changes"`        // from the revision before it that can be read; empty for the first
	Error   string         `json:"error,omitzero"` // why it cannot be read; then it is nothing but its number
}

// Revisions gives those of an app, newest first. Those that somebody deletes meanwhile may be missing.
func (s *Store) Revisions(ctx context.Context, app string) ([]Entry, error) {
	numbers, err := s.numbers(ctx, state.HistoryPrefix(app))
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	all := []Entry{}
	var g errgroup.Group
	g.SetLimit(parallel)
	for _, n := range numbers[app] {
		g.Go(func() error {
			e := Entry{Revision: state.Revision{Revision: n}}
			r, err := s.Read(ctx, app, n)
			switch {
			case err == nil:
				e.Revision = *r
			case state.CodeOf(err) == state.NotFound:
				return nil
			case Unreachable(err):
				return err
			default:
				e.Error = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, e)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Entry) int { return int(a.Revision.Revision - b.Revision.Revision) })
	compare(all)
	slices.Reverse(all)
	return all, nil
}

// compare says of revisions, oldest first, what each changed.
func compare(all []Entry) {
	var before *state.Revision
	for i := range all {
		e := &all[i]
		e.Changes = []state.Change{}
		if e.Error != "" {
			continue
		}
		if before != nil {
			if changes, err := state.Changes(content(before), content(&e.Revision)); err == nil {
				e.Changes = changes
			}
		}
		before = &e.Revision
	}
}

// Text is what a revision is of, as indented JSON, for people to compare.
func Text(r *state.Revision) string { return string(content(r)) }

// Earlier gives the revision that a rollback goes to where nobody names one: the last good one before what the app is now
// or, where none ever was, the one before it; 0: there is none. all is newest first; now is nil where nobody can tell.
func Earlier(all []Entry, now *state.Revision) int64 {
	last := int64(0)
	for i := range all {
		e := &all[i]
		switch {
		case e.Error != "", now != nil && Same(&e.Revision, now):
		case !e.GoodAt.IsZero():
			return e.Revision.Revision
		case last == 0 && e.Failed == nil:
			last = e.Revision.Revision
		}
	}
	return last
}
