package state_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stathub/state"
)

func TestETagHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		etag := state.ETag(rapid.SliceOfN(rapid.Byte(), 1, 30).Draw(t, "etag"))
		text := etag.Header()
		got, err := state.ParseETag(text)
		if err != nil || got != etag || strings.ContainsAny(text[1:len(text)-1], "\" ,\r\n") {
			t.Fatalf("%q: %s, %q, %v", etag, text, got, err)
		}
	})
}

func TestParseCondition(t *testing.T) {
	for _, c := range []struct {
		name, match, none string
		want              state.Condition
		bad               bool
	}{
		{"none", "", "", state.Condition{}, false},
		{"one ETag", `"a"`, "", state.Condition{IfMatch: "a"}, false},
		{"weak", `W/"a"`, "", state.Condition{IfMatch: "a"}, false},
		{"without quotes", `a`, "", state.Condition{IfMatch: "a"}, false},
		{"not percent encoding", `"100%"`, "", state.Condition{IfMatch: "100%"}, false},
		{"if absent", "", " * ", state.Condition{IfAbsent: true}, false},
		{"not this revision", "", `"a"`, state.Condition{}, true},
		{"both", `"a"`, "*", state.Condition{}, true},
		{"if present", "*", "", state.Condition{}, true},
		{"two", `"a", "b"`, "", state.Condition{}, true},
		{"empty", `""`, "", state.Condition{}, true},
		{"open", `"a`, "", state.Condition{}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := state.ParseCondition(c.match, c.none)
			if c.bad != (state.CodeOf(err) == state.Invalid) || !c.bad && got != c.want {
				t.Errorf("%q %q: %+v, %v", c.match, c.none, got, err)
			}
		})
	}
}

func TestCodesInHTTP(t *testing.T) {
	if state.Code("from the future").HTTPStatus() != 500 || state.Exists.HTTPStatus() != 409 || state.Stale.HTTPStatus() != 412 {
		t.Error("wrong statuses")
	}
	if _, ok := state.ParseCode("from the future"); ok {
		t.Error("an unknown code is taken for a known one")
	}
	if _, ok := state.ParseCode(""); ok {
		t.Error("no code is taken for one")
	}
	if code, ok := state.ParseCode("stale"); !ok || code != state.Stale {
		t.Error("a known code is not read")
	}
}

// An error never looks like success, even one whose maker forgot the code.
func TestErrorWithoutACode(t *testing.T) {
	for _, err := range []error{&state.Error{Message: "x"}, errors.New("x")} {
		if state.CodeOf(err) != state.Internal {
			t.Errorf("%#v has code %q", err, state.CodeOf(err))
		}
	}
}
