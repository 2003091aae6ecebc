package web

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"stathub/state"
	"stathub/web/rest"
)

func TestCompare(t *testing.T) {
	base := "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n"
	for _, tt := range []struct{ name, theirs, mine, merged string }{
		{"apart", strings.Replace(base, "1", "10", 1), strings.Replace(base, "3", "30", 1), "{\n  \"a\": 10,\n  \"b\": 2,\n  \"c\": 30\n}\n"},
		{"the same line", strings.Replace(base, "2", "20", 1), strings.Replace(base, "2", "21", 1), ""},
		{"the same change", strings.Replace(base, "2", "20", 1), strings.Replace(base, "2", "20", 1), ""},
		{"mine undone", strings.Replace(base, "2", "20", 1), base, ""},
		{"gone", "", strings.Replace(base, "2", "20", 1), ""},
	} {
		c := Compare(base, tt.theirs, tt.mine)
		merged := ""
		if c.Merged != nil {
			merged = *c.Merged
		}
		if merged != tt.merged {
			t.Errorf("%s: merged is %q, want %q", tt.name, merged, tt.merged)
		}
		if (len(c.Over) == 0) != (tt.theirs == tt.mine) || (len(c.Mine) == 0) != (tt.mine == base) {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
}

// A difference tells all: what stays and what is new is the text after, as far as it is shown.
func TestDiffTellsAll(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "{", "", "好"}), 0, 6).Draw(t, "lines"), "\n")
	})
	rapid.Check(t, func(t *rapid.T) {
		before, after := text.Draw(t, "before"), text.Draw(t, "after")
		var left, right []string
		for _, l := range Diff(before, after) {
			if l.Op == "-" || l.Op == " " {
				left = append(left, l.Text)
			}
			if l.Op == "+" || l.Op == " " {
				right = append(right, l.Text)
			}
		}
		join := func(all []string) string { return strings.Join(all, "\n") }
		if before == after != (left == nil && right == nil) || !strings.Contains(before+"\n", join(left)) || !strings.Contains(after+"\n", join(right)) {
			t.Fatalf("from %q to %q: %q, %q", before, after, left, right)
		}
	})
}

func TestServeDiff(t *testing.T) {
	ask := func(body string) (*httptest.ResponseRecorder, error) {
		w := httptest.NewRecorder()
		return w, serveDiff(w, httptest.NewRequest("POST", "/diff", bytes.NewReader([]byte(body))))
	}
	w, err := ask(`{"base":"a\nb\n","theirs":"a\n<b>\n","mine":"a\nx\n"}`)
	var got Conflict
	if err != nil || json.Unmarshal(w.Body.Bytes(), &got) != nil || got.Merged != nil {
		t.Fatalf("%v %s", err, w.Body)
	}
	if want := (DiffLine{"+", "<b>"}); len(got.Theirs) != 3 || got.Theirs[2] != want {
		t.Errorf("they changed %+v", got.Theirs)
	}
	if _, err := ask(`[]`); err == nil {
		t.Error("a list is taken")
	}
	if _, err := ask(`{"base":"` + strings.Repeat("x", rest.MaxEdit+1) + `"}`); state.CodeOf(err) != state.TooLarge {
		t.Errorf("a text that is no document: %v", err)
	}
	long := strings.Repeat(`1\n`, rest.MaxEdit/2)
	if w, err = ask(`{"base":"` + long + `","theirs":"","mine":""}`); err != nil || json.Unmarshal(w.Body.Bytes(), &got) != nil {
		t.Fatal(err)
	}
	if n := len(got.Mine); n != maxDiffLines+1 || got.Mine[n-1].Op != "@" {
		t.Errorf("%d lines are shown of one that is very long", n)
	}
}
