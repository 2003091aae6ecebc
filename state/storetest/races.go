package storetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"stathub/state"
)

const writers = 8

func (s suite) increments(t *testing.T) {
	one := s.open(t)
	all := make([]state.Store, writers)
	for i := range all {
		all[i] = one
	}
	count(t, all, s.OneStoreIncrements)
}

func (s suite) incrementsShared(t *testing.T) {
	if s.Shared == nil {
		t.Skip("this store has no second way in")
	}
	count(t, s.openShared(t, writers), s.Increments)
}

// count lets every store add one, each times, to the same document: none may be lost (law 2).
func count(t *testing.T, stores []state.Store, each int) {
	const key = "leases/counter"
	var wg sync.WaitGroup
	for _, st := range stores {
		wg.Go(func() {
			for range each {
				if err := Increment(t.Context(), st, key); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	wantText(t, stores[0], key, strconv.Itoa(each*len(stores)))
}

// Increment adds one to the decimal number at key, 0 when missing, as one read-modify-write. Tests across processes
// use it too.
func Increment(ctx context.Context, s state.Store, key string) error {
	_, _, err := state.Update(ctx, s, key, func(old []byte) ([]byte, error) {
		if old == nil {
			return []byte("1"), nil
		}
		n, err := strconv.Atoi(string(old))
		return []byte(strconv.Itoa(n + 1)), err
	})
	return err
}

// raceOf runs n functions at once and counts those without an error; every other error must have one of the codes.
func raceOf(t *testing.T, n int, f func(i int) error, losing ...state.Code) int {
	t.Helper()
	var wins atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			err := f(i)
			if err == nil {
				wins.Add(1)
				return
			}
			for _, c := range losing {
				if state.CodeOf(err) == c {
					return
				}
			}
			t.Errorf("the loser got code %q (%v), want one of %q", state.CodeOf(err), err, losing)
		})
	}
	close(start)
	wg.Wait()
	return int(wins.Load())
}

func (s suite) oneCreatorWins(t *testing.T) {
	all := s.openShared(t, writers)
	for round := range s.rounds() {
		key := fmt.Sprintf("apps/%d/new.json", round) // the folder is new too
		wins := raceOf(t, writers, func(i int) error {
			_, err := state.Write(t.Context(), all[i], key, []byte(strconv.Itoa(i)), state.Condition{IfAbsent: true})
			return err
		}, state.Exists)
		if wins != 1 {
			t.Fatalf("round %d: %d writers created the same key", round, wins)
		}
	}
}

func (s suite) oneReplacerWins(t *testing.T) {
	all := s.openShared(t, writers)
	for round := range s.rounds() {
		etag := put(t, all[0], "k", fmt.Sprint("round ", round))
		var winner atomic.Value
		wins := raceOf(t, writers, func(i int) error {
			text := fmt.Sprintf("round %d writer %d", round, i)
			_, err := state.Write(t.Context(), all[i], "k", []byte(text), state.Condition{IfMatch: etag})
			if err == nil {
				winner.Store(text)
			}
			return err
		}, state.Stale)
		if wins != 1 {
			t.Fatalf("round %d: %d writers replaced the same revision", round, wins)
		}
		wantText(t, all[0], "k", winner.Load().(string))
	}
}

func (s suite) deleteAgainstPut(t *testing.T) {
	if s.DeleteChecksOnly {
		t.Skip("the provider has no conditional delete")
	}
	all := s.openShared(t, 2)
	for round := range s.rounds() {
		etag := put(t, all[0], "k", fmt.Sprint("round ", round))
		var replaced atomic.Bool
		wins := raceOf(t, 2, func(i int) error {
			if i == 0 {
				return all[0].Delete(t.Context(), "k", etag)
			}
			_, err := state.Write(t.Context(), all[1], "k", []byte("new"), state.Condition{IfMatch: etag})
			replaced.Store(err == nil)
			return err
		}, state.Stale, state.NotFound)
		if wins != 1 {
			t.Fatalf("round %d: %d of a delete and a write of the same revision succeeded", round, wins)
		}
		if replaced.Load() {
			wantText(t, all[0], "k", "new")
		} else {
			wantMissing(t, all[0], "k")
		}
	}
}

// uniform is a document of one repeated byte whose length follows from that byte.
func uniform(b byte) []byte { return bytes.Repeat([]byte{b}, 200_000+1000*int(b)) }

func (s suite) noHalfDocuments(t *testing.T) {
	const readers, rounds = 3, 60
	all := s.openShared(t, readers+1)
	put(t, all[0], "big", string(uniform(0)))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var contents sync.Map // ETag → its byte
	var wg sync.WaitGroup
	for _, st := range all[1:] {
		wg.Go(func() {
			for n := 0; n < 3 || ctx.Err() == nil; n++ {
				checkUniform(t, st, &contents)
			}
		})
	}
	for i := range rounds {
		put(t, all[0], "big", string(uniform(byte(i%50))))
	}
	stop()
	wg.Wait()
}

func checkUniform(t *testing.T, st state.Store, contents *sync.Map) {
	o, err := st.Get(t.Context(), "big", "")
	if err != nil {
		t.Errorf("Get during writes: %v", err)
		return
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	if err != nil || len(data) == 0 {
		t.Errorf("reading during writes: %d bytes, %v", len(data), err)
		return
	}
	if !bytes.Equal(data, uniform(data[0])) || o.Size != int64(len(data)) {
		t.Errorf("half a document: %d bytes that start with %d, said to be %d", len(data), data[0], o.Size)
	}
	if was, _ := contents.LoadOrStore(o.ETag, data[0]); was.(byte) != data[0] {
		t.Errorf("ETag %q stands for documents %d and %d", o.ETag, was, data[0])
	}
}

// openBody: a body that was opened before a Put ends as the revision that it began as, or fails.
func (s suite) openBody(t *testing.T) {
	st := s.open(t)
	first, second := bytes.Repeat([]byte("1"), 2<<20), bytes.Repeat([]byte("2"), 2<<20)
	put(t, st, "k", string(first))
	o, err := st.Get(t.Context(), "k", "")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	head := make([]byte, 1000)
	if _, err := io.ReadFull(o.Body, head); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { // beside the reader: a server may make the writer wait for it
		_, err := state.Write(t.Context(), st, "k", second, state.Condition{IfMatch: o.ETag})
		written <- err
	}()
	rest, err := io.ReadAll(o.Body)
	if got := append(head, rest...); err == nil && !bytes.Equal(got, first) {
		t.Errorf("the open body became %d bytes that are not its revision", len(got))
	}
	o.Body.Close()
	if err := <-written; err != nil {
		t.Fatalf("Put while a body is open: %v", err)
	}
	wantText(t, st, "k", string(second))
}
