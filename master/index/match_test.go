package index

import (
	"fmt"
	"slices"
	"testing"

	"stathub/state"
)

func put(t *testing.T, x *Index, id string, tags ...string) {
	t.Helper()
	node := &state.Node{ID: id, Tags: tags, Facts: state.Facts{Hostname: id}}
	if err := x.Update([]Doc{docOf(node)}, nil); err != nil {
		t.Fatal(err)
	}
}

func match(t *testing.T, x *Index, q string) []string {
	t.Helper()
	ids, err := x.Match(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func same(a, b []string) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// Whoever keeps what follows from an answer sees by the slice alone whether it still holds.
func TestMatchGivesTheSameSliceWhileTheAnswerIsTheSame(t *testing.T) {
	x := newIndex(t)
	for i := range 5 {
		put(t, x, fmt.Sprint("n", i), "web")
	}
	first := match(t, x, "tags:web")
	if !same(first, match(t, x, "tags:web")) {
		t.Error("nothing changed")
	}
	put(t, x, "n1", "web", "ssd")
	put(t, x, "other", "db")
	if !same(first, match(t, x, "tags:web")) {
		t.Error("a match changed and still matches, and another document came")
	}
	for i := range 10 * maxAge { // segments are joined, and the answer grows old
		put(t, x, fmt.Sprint("n", i%5), "web", fmt.Sprint("v", i))
	}
	if !same(first, match(t, x, "tags:web")) {
		t.Error("the documents only moved")
	}
	put(t, x, "n1", "db")
	second := match(t, x, "tags:web")
	if same(first, second) || !slices.Equal(slices.Sorted(slices.Values(second)), []string{"n0", "n2", "n3", "n4"}) {
		t.Errorf("one does not match any more: %v", second)
	}
	put(t, x, "n9", "web")
	if err := x.Update(nil, []string{"n0"}); err != nil {
		t.Fatal(err)
	}
	if third := match(t, x, "tags:web"); !slices.Equal(slices.Sorted(slices.Values(third)), []string{"n2", "n3", "n4", "n9"}) {
		t.Errorf("one came, one went: %v", third)
	}
	if !slices.Equal(slices.Sorted(slices.Values(first)), []string{"n0", "n1", "n2", "n3", "n4"}) {
		t.Errorf("an answer that was given has changed: %v", first)
	}
}

func TestMatchRemembersABoundedNumberOfQueries(t *testing.T) {
	x := newIndex(t)
	put(t, x, "n1", "web")
	kept := match(t, x, "tags:web")
	for i := range 2 * maxAnswers {
		match(t, x, fmt.Sprint("tags:t", i))
		if i%1000 == 0 {
			put(t, x, "n2")
			if !same(kept, match(t, x, "tags:web")) {
				t.Fatalf("after %d queries the one that is asked again and again was forgotten", i)
			}
		}
	}
	if n := len(x.answers.of); n > maxAnswers {
		t.Errorf("%d answers are kept", n)
	}
	if _, err := x.Match(t.Context(), "tags:("); state.CodeOf(err) != state.Invalid || x.answers.of["tags:("] != nil {
		t.Errorf("a bad query: %v", err)
	}
}
