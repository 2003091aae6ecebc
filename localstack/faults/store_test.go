package faults

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"

	"stathub/state"
	"stathub/state/memstore"
)

// A store that fails says so as code Unavailable and never anything else, a cut body is noticed, and what it says was
// written was.
func TestFlakyStore(t *testing.T) {
	for _, f := range append(All(), "") {
		t.Run(string(f), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { checkFlaky(t, f) }) })
	}
}

func checkFlaky(t *testing.T, f Fault) {
	inner := memstore.New()
	s := NewFlakyStore(inner, 3)
	doc := bytes.Repeat([]byte("x"), 1000)
	for i := range 10 {
		if _, err := state.Write(t.Context(), inner, fmt.Sprintf("apps/old%d.json", i), doc, state.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Inflict(f); err != nil {
		t.Fatal(err)
	}
	n, failed := 30, 0
	note := func(err error) bool {
		if err != nil {
			failed++
			if code := state.CodeOf(err); code != state.Unavailable {
				t.Errorf("code %q: %v", code, err)
			}
		}
		return err == nil
	}
	for i := range n {
		key := fmt.Sprintf("apps/new%d.json", i)
		_, err := state.Write(t.Context(), s, key, doc, state.Condition{IfAbsent: true})
		if note(err) {
			if _, _, err := state.Read(t.Context(), inner, key, "", 1000); err != nil {
				t.Errorf("written, but: %v", err)
			}
		}
		data, _, err := state.Read(t.Context(), s, "apps/old1.json", "", 1000)
		if note(err) && !bytes.Equal(data, doc) {
			t.Error("a document was read that is not whole")
		}
		seen := 0
		for _, err := range s.List(t.Context(), "apps/old") {
			if note(err) {
				seen++
			}
		}
		if failed == 0 && seen != 10 {
			t.Errorf("%d entries", seen)
		}
	}
	quiet := f == "" || f == Latency || f == Bandwidth || f == Slices
	if quiet != (failed == 0) {
		t.Errorf("%d calls failed", failed)
	}
	if _, err := state.Write(t.Context(), inner, "apps/x.json", doc, state.Condition{}); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := s.Delete(t.Context(), "apps/x.json", ""); state.CodeOf(err) != state.Unavailable {
		t.Errorf("after its end: %v", err)
	}
}
