package memstore_test

import (
	"errors"
	"io"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
	"stathub/state/storetest"
)

func TestContract(t *testing.T) {
	storetest.RunWith(t, func(*testing.T) state.Store { return memstore.New() }, storetest.Options{Hints: true})
}

func TestOpenGivesNewStores(t *testing.T) {
	a, err := state.Open(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	b, err := state.Open(t.Context(), "mem://")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.Write(t.Context(), a, "k", []byte("x"), state.Condition{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), "k", ""); state.CodeOf(err) != state.NotFound {
		t.Errorf("the second store sees the first one's document: %v", err)
	}
	if _, err := state.Open(t.Context(), "mem://name"); state.CodeOf(err) != state.Invalid {
		t.Errorf("mem://name: %v, want code invalid", err)
	}
}

func TestFaults(t *testing.T) {
	down := errors.New("pulled the plug")
	for _, c := range []struct {
		op      string
		do      func(s *memstore.Store) error
		applied bool // the store changed in spite of the error
	}{
		{"get", func(s *memstore.Store) error { _, err := s.Get(t.Context(), "k", ""); return err }, false},
		{"put", func(s *memstore.Store) error { return write(t, s, "k", "new") }, false},
		{"put-applied", func(s *memstore.Store) error { return write(t, s, "k", "new") }, true},
		{"delete", func(s *memstore.Store) error { return s.Delete(t.Context(), "k", "") }, false},
		{"delete-applied", func(s *memstore.Store) error { return s.Delete(t.Context(), "k", "") }, true},
		{"list", listAll(t), false},
		{"list-entry", listAll(t), false},
	} {
		t.Run(c.op, func(t *testing.T) {
			s := memstore.New()
			if err := write(t, s, "k", "old"); err != nil {
				t.Fatal(err)
			}
			s.Fail(func(op, key string) error {
				if op == c.op {
					return down
				}
				return nil
			})
			err := c.do(s)
			if state.CodeOf(err) != state.Unavailable || !errors.Is(err, down) {
				t.Errorf("got %v, want code unavailable around the fault", err)
			}
			s.Fail(nil)
			if got := text(t, s, "k"); (got != "old") != c.applied {
				t.Errorf("document is %q, want it changed: %v", got, c.applied)
			}
		})
	}
}

// TestFaultHookMayWrite: a test lets another writer in between a reader's Get and its Put.
func TestFaultHookMayWrite(t *testing.T) {
	s := memstore.New()
	other := false
	s.Fail(func(op, key string) error {
		if op == "put" && !other {
			other = true
			return write(t, s, "k", "other")
		}
		return nil
	})
	_, _, err := state.Update(t.Context(), s, "k", func(old []byte) ([]byte, error) { return append(old, "+mine"...), nil })
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, s, "k"); got != "other+mine" {
		t.Errorf("document is %q, want %q", got, "other+mine")
	}
	if n := s.Counts(); n["get"] != 3 || n["put"] != 3 {
		t.Errorf("Counts: %v, want 3 gets and 3 puts", n)
	}
}

func TestCodedFaultStaysAsItIs(t *testing.T) {
	s := memstore.New()
	s.Fail(func(string, string) error { return state.Errorf(state.Denied, "k", "no") })
	if _, err := s.Get(t.Context(), "k", ""); state.CodeOf(err) != state.Denied {
		t.Errorf("got %v, want code denied", err)
	}
}

func TestCloseEndsWatch(t *testing.T) {
	s := memstore.New()
	hints := s.Watch(t.Context(), "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, open := <-hints; open {
		t.Error("the channel is open after Close")
	}
}

func write(t *testing.T, s state.Store, key, text string) error {
	_, err := state.Write(t.Context(), s, key, []byte(text), state.Condition{})
	return err
}

func text(t *testing.T, s state.Store, key string) string {
	t.Helper()
	o, err := s.Get(t.Context(), key, "")
	if state.CodeOf(err) == state.NotFound {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	data, err := io.ReadAll(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func listAll(t *testing.T) func(s *memstore.Store) error {
	return func(s *memstore.Store) error {
		for _, err := range s.List(t.Context(), "") {
			if err != nil {
				return err
			}
		}
		return nil
	}
}
