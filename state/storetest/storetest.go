// Package storetest is the contract of state.Store as tests. Every store passes it, real servers included, so that
// master and agents behave the same on memory, a directory, an object store and the gateway.
package storetest

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"stathub/state"
)

// Options tell the suite what a store can do and what it costs. The zero Options suit a fast local store without hints.
type Options struct {
	// Shared opens one fresh, empty place n times, as n processes would. Nil leaves out the tests of several stores.
	Shared func(t *testing.T, n int) []state.Store

	// Hints: Watch reports every change within HintWithin (10 s when zero). Without it only the closing of the
	// channel is tested.
	Hints      bool
	HintWithin time.Duration

	// Increments is how often each of the 8 writers adds one; 500 when zero. Lower it for stores that only carry another
	// one's conditions, and for fakes.
	Increments int

	// OneStoreIncrements is the same for 8 writers on one opened store, which contend less; Increments when zero.
	OneStoreIncrements int

	// Brief: a variant of a store that is tested in full elsewhere, with fewer keys and rounds.
	Brief bool

	// ForeignNames: the place is a folder of an operating system that refuses some names that are keys ("a:b", "con",
	// "trailing."). Such a key may be code Invalid to Put then; it is left out of the tests.
	ForeignNames bool

	// DeleteChecksOnly: the provider has no conditional delete, so the store compares and then deletes. The race
	// between a conditional Delete and a Put is left out.
	DeleteChecksOnly bool
}

// Run tests a store. open gives a fresh, empty one on each call; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) state.Store) { RunWith(t, open, Options{}) }

// RunWith is Run for a store that can do more, or that costs more.
func RunWith(t *testing.T, open func(t *testing.T) state.Store, o Options) {
	if o.Increments == 0 {
		o.Increments = 500
	}
	if o.OneStoreIncrements == 0 {
		o.OneStoreIncrements = o.Increments
	}
	if o.HintWithin == 0 {
		o.HintWithin = 10 * time.Second
	}
	s := suite{Options: o, fresh: open}
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"RoundTrip", s.roundTrip},
		{"Replace", s.replace},
		{"ETags", s.etags},
		{"PutConditions", s.putConditions},
		{"DeleteConditions", s.deleteConditions},
		{"NotModified", s.notModified},
		{"BodyPosition", s.bodyPosition},
		{"BrokenBody", s.brokenBody},
		{"Large", s.large},
		{"InvalidKeys", s.invalidKeys},
		{"Cancelled", s.cancelled},
		{"OddNames", s.oddNames},
		{"NamesThatDifferInCase", s.caseNames},
		{"ListPrefixes", s.listPrefixes},
		{"ListMany", s.listMany},
		{"ListStops", s.listStops},
		{"Increments", s.increments},
		{"IncrementsOfSeveralStores", s.incrementsShared},
		{"OneCreatorWins", s.oneCreatorWins},
		{"OneReplacerWins", s.oneReplacerWins},
		{"DeleteAgainstPut", s.deleteAgainstPut},
		{"NoHalfDocuments", s.noHalfDocuments},
		{"OpenBodyKeepsItsRevision", s.openBody},
		{"WatchCloses", s.watchCloses},
		{"WatchHints", s.watchHints},
		{"Probe", s.probe},
	} {
		t.Run(c.name, c.test)
	}
}

// rounds is how often a race is run.
func (s suite) rounds() int {
	if s.Brief {
		return 5
	}
	return 20
}

// manyKeys is more than two pages of an object store, or one.
func (s suite) manyKeys() int {
	if s.Brief {
		return 1101
	}
	return 2500
}

type suite struct {
	Options
	fresh func(t *testing.T) state.Store
}

func (s suite) open(t *testing.T) state.Store {
	t.Helper()
	st := s.fresh(t)
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return st
}

// openShared gives n stores on one place: really several where the store can, else one n times.
func (s suite) openShared(t *testing.T, n int) []state.Store {
	t.Helper()
	if s.Shared == nil {
		one, all := s.open(t), make([]state.Store, n)
		for i := range all {
			all[i] = one
		}
		return all
	}
	all := s.Shared(t, n)
	t.Cleanup(func() {
		for _, st := range all {
			if err := st.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	})
	return all
}

func put(t *testing.T, s state.Store, key, text string) state.ETag {
	t.Helper()
	etag, err := state.Write(t.Context(), s, key, []byte(text), state.Condition{})
	if err != nil {
		t.Fatalf("Put %q: %v", key, err)
	}
	if etag == "" {
		t.Fatalf("Put %q: empty ETag", key)
	}
	return etag
}

// get reads a whole document and checks that its Entry tells the truth about it.
func get(t *testing.T, s state.Store, key string) (string, state.Entry) {
	t.Helper()
	o, err := s.Get(t.Context(), key, "")
	if err != nil {
		t.Fatalf("Get %q: %v", key, err)
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatalf("Get %q: reading the body: %v", key, err)
	}
	if o.Key != key || o.Size != int64(len(data)) || o.ETag == "" || o.ModTime.IsZero() {
		t.Fatalf("Get %q: entry %+v for %d bytes", key, o.Entry, len(data))
	}
	return string(data), o.Entry
}

func wantText(t *testing.T, s state.Store, key, want string) state.Entry {
	t.Helper()
	got, entry := get(t, s, key)
	if got != want {
		t.Fatalf("Get %q: %s, want %s", key, brief(got), brief(want))
	}
	return entry
}

func wantCode(t *testing.T, what string, err error, want state.Code) {
	t.Helper()
	if got := state.CodeOf(err); got != want {
		t.Fatalf("%s: code %q (%v), want %q", what, got, err, want)
	}
}

func wantMissing(t *testing.T, s state.Store, key string) {
	t.Helper()
	o, err := s.Get(t.Context(), key, "")
	if err == nil {
		o.Body.Close()
	}
	wantCode(t, "Get "+key, err, state.NotFound)
}

// list gives the whole listing and checks its order and its entries.
func list(t *testing.T, s state.Store, prefix string) []state.Entry {
	t.Helper()
	var all []state.Entry
	for e, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List %q: %v", prefix, err)
		}
		if n := len(all); n > 0 && all[n-1].Key >= e.Key {
			t.Fatalf("List %q: %q comes before %q", prefix, all[n-1].Key, e.Key)
		}
		if e.ETag == "" || e.ModTime.IsZero() {
			t.Fatalf("List %q: incomplete entry %+v", prefix, e)
		}
		all = append(all, e)
	}
	return all
}

func keysOf(entries []state.Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Key)
	}
	return all
}

func brief(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// brokenReader gives some bytes and then fails.
type brokenReader struct{ bytes.Reader }

var errBroken = errors.New("the body broke")

func (b *brokenReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}
