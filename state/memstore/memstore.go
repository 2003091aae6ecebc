// Package memstore keeps a bucket in memory, for tests and for programs that need none to outlive them. It can be
// made to fail at named operations, so that tests show what a caller does after each kind of fault.
package memstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"stathub/state"
)

func init() {
	state.Register("mem", func(_ context.Context, u *url.URL) (state.Store, error) {
		if u.Host != "" || u.Path != "" {
			return nil, state.Errorf(state.Invalid, "", "state URL %q: mem:// takes no name; each one is a new, empty store", u.Redacted())
		}
		return New(), nil
	})
}

// Store is a bucket in memory. Its ETag is a hash of the content. Watch reports every change.
type Store struct {
	mu       sync.Mutex
	docs     map[string]document
	watchers map[*watcher]struct{}
	fail     func(op, key string) error
	counts   map[string]int
}

type document struct {
	data []byte // never written to once stored
	etag state.ETag
	at   time.Time
}

type watcher struct {
	prefix string
	hints  chan struct{}
	stop   func() bool
}

// New gives an empty store. mem:// opens one too: every Open a new one.
func New() *Store {
	return &Store{docs: map[string]document{}, watchers: map[*watcher]struct{}{}, counts: map[string]int{}}
}

// Fail sets a function that may break operations; nil mends all. It is called without locks held, so it may use the
// store itself, with these operations:
//
//	get, put, delete, list   before the operation; an error keeps it from happening
//	list-entry               before each entry of a listing; an error ends it there
//	put-applied              after a Put that happened; an error makes the caller believe that it did not
//	delete-applied           the same of a Delete
//
// An error without a state code is given to the caller as code Unavailable. For a listing, key is its prefix.
func (s *Store) Fail(f func(op, key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// Counts gives how many requests there were of each of get, put, delete and list, failed ones included.
func (s *Store) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// begin counts a request and refuses it where the key, the context or the fault hook says so.
func (s *Store) begin(ctx context.Context, op, key string) error {
	s.mu.Lock()
	s.counts[op]++
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return state.Errorf(state.Unavailable, key, "cannot %s: %w", op, context.Cause(ctx))
	}
	return s.fault(op, key)
}

func (s *Store) fault(op, key string) error {
	s.mu.Lock()
	f := s.fail
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	err := f(op, key)
	var coded *state.Error
	if err == nil || errors.As(err, &coded) {
		return err
	}
	return state.Errorf(state.Unavailable, key, "cannot %s: %w", op, err)
}

// Get is state.Store's.
func (s *Store) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	if err := state.CheckKey(key); err != nil {
		return nil, err
	}
	if err := s.begin(ctx, "get", key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	d, ok := s.docs[key]
	s.mu.Unlock()
	if !ok {
		return nil, state.Errorf(state.NotFound, key, "no such document")
	}
	if ifNoneMatch == d.etag {
		return nil, state.Errorf(state.NotModified, key, "unchanged")
	}
	return &state.Object{Entry: d.entry(key), Body: io.NopCloser(bytes.NewReader(d.data))}, nil
}

func (d document) entry(key string) state.Entry {
	return state.Entry{Key: key, ETag: d.etag, Size: int64(len(d.data)), ModTime: d.at}
}

// Put is state.Store's.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, cond state.Condition) (state.ETag, error) {
	if err := state.CheckKey(key); err != nil {
		return "", err
	}
	if err := s.begin(ctx, "put", key); err != nil {
		return "", err
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return "", state.Errorf(state.Unavailable, key, "cannot read what to write: %w", err)
	}
	sum := sha256.Sum256(data)
	d := document{data: data, etag: state.ETag(hex.EncodeToString(sum[:16])), at: time.Now()}
	if err := s.replace(key, d, cond); err != nil {
		return "", err
	}
	if err := s.fault("put-applied", key); err != nil {
		return "", err
	}
	return d.etag, nil
}

func (s *Store) replace(key string, d document, cond state.Condition) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.docs[key]
	switch {
	case cond.IfAbsent && ok:
		return state.Errorf(state.Exists, key, "there is such a document already")
	case cond.IfMatch != "" && old.etag != cond.IfMatch:
		return state.Errorf(state.Stale, key, "the document changed since it was read")
	}
	s.docs[key] = d
	s.hint(key)
	return nil
}

// Delete is state.Store's.
func (s *Store) Delete(ctx context.Context, key string, ifMatch state.ETag) error {
	if err := state.CheckKey(key); err != nil {
		return err
	}
	if err := s.begin(ctx, "delete", key); err != nil {
		return err
	}
	if err := s.remove(key, ifMatch); err != nil {
		return err
	}
	return s.fault("delete-applied", key)
}

func (s *Store) remove(key string, ifMatch state.ETag) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.docs[key]
	switch {
	case !ok:
		return state.Errorf(state.NotFound, key, "no such document")
	case ifMatch != "" && old.etag != ifMatch:
		return state.Errorf(state.Stale, key, "the document changed since it was read")
	}
	delete(s.docs, key)
	s.hint(key)
	return nil
}

// List is state.Store's. It shows the moment at which it began.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[state.Entry, error] {
	return func(yield func(state.Entry, error) bool) {
		if err := s.begin(ctx, "list", prefix); err != nil {
			yield(state.Entry{}, err)
			return
		}
		for _, e := range s.snapshot(prefix) {
			err := s.fault("list-entry", e.Key)
			if ctx.Err() != nil {
				err = state.Errorf(state.Unavailable, prefix, "cannot list: %w", context.Cause(ctx))
			}
			if err != nil {
				yield(state.Entry{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (s *Store) snapshot(prefix string) []state.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []state.Entry
	for key, d := range s.docs {
		if strings.HasPrefix(key, prefix) {
			all = append(all, d.entry(key))
		}
	}
	slices.SortFunc(all, func(a, b state.Entry) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// Watch is state.Store's. A hint follows every change.
func (s *Store) Watch(ctx context.Context, prefix string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &watcher{prefix: prefix, hints: make(chan struct{}, 1)}
	s.watchers[w] = struct{}{}
	w.stop = context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.drop(w)
	})
	return w.hints
}

// drop ends a watcher, once. The caller holds mu, so that no hint meets a closed channel.
func (s *Store) drop(w *watcher) {
	if _, ok := s.watchers[w]; ok {
		delete(s.watchers, w)
		close(w.hints)
	}
}

func (s *Store) hint(key string) {
	for w := range s.watchers {
		if strings.HasPrefix(key, w.prefix) {
			select {
			case w.hints <- struct{}{}:
			default: // one is waiting: hints are merged
			}
		}
	}
}

// Close ends every Watch. The documents stay readable.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		w.stop()
		s.drop(w)
	}
	return nil
}
