package query

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The texts hold what the language is made of, and what looks like it.
var (
	someTexts  = []string{"a", "db-07", "华东", "fe80::1", "10.0.0.0/8", "a b", "AND", "or", "TO", "-5", "*", "a?", `\`, `"`, "/x/", ">8", "=", "＋", "（", "ＡＮＤ", "8GiB", "!", "~1", "^2", "[a", "é", "\x00", "_exists_"}
	someFields = []string{"", "tags", "os.cpus", "envs.a b", "_exists_", "NOT", "a:b", "*", "+f", "华", "f:"}
)

// drawTree gives a tree as Parse gives them: a group of one clause is one only if that is negative.
func drawTree(t *rapid.T, depth int) Query {
	field, text := rapid.SampledFrom(someFields).Draw(t, "field"), rapid.SampledFrom(someTexts).Draw(t, "text")
	switch rapid.IntRange(0, 7+2*depth).Draw(t, "kind") {
	case 0:
		return All{}
	case 1:
		return Exists{rapid.SampledFrom(someFields[1:]).Draw(t, "exists")}
	case 2:
		return &Term{Field: field, Text: text}
	case 3:
		return &Term{Field: field, Text: text + strings.Repeat(" b", rapid.IntRange(0, 2).Draw(t, "words")), Quoted: true, Slop: rapid.IntRange(0, 3).Draw(t, "slop")}
	case 4:
		return &Wildcard{field, wildcardEscape.Replace(text) + rapid.SampledFrom([]string{"?", "*", "*?b", "?*-"}).Draw(t, "wild")}
	case 5:
		return &Regexp{field, rapid.SampledFrom([]string{"a.*", "a/b", `\d+/?`, `\\\\`, "[/]", "华{2}", `x\.y|z`}).Draw(t, "regexp")}
	case 6:
		return &Fuzzy{field, text, rapid.IntRange(Auto, MaxEdits).Draw(t, "edits")}
	case 7:
		return drawRange(t, field)
	}
	b := &Bool{}
	for range rapid.IntRange(1, 4).Draw(t, "clauses") {
		b.Clauses = append(b.Clauses, Clause{Occur(rapid.IntRange(0, 2).Draw(t, "occur")), drawTree(t, depth-1)})
	}
	if len(b.Clauses) == 1 {
		b.Clauses[0].Occur = MustNot
	}
	return b
}

func drawRange(t *rapid.T, field string) Query {
	bound := rapid.Custom(func(t *rapid.T) Bound {
		return Bound{Text: rapid.SampledFrom(append(someTexts, "")).Draw(t, "bound"), Inclusive: rapid.Bool().Draw(t, "inclusive")}
	})
	r := &Range{field, bound.Draw(t, "from"), bound.Draw(t, "to")}
	switch rapid.IntRange(0, 3).Draw(t, "open") {
	case 0:
		r.From = unbounded
	case 1:
		r.To = unbounded
	}
	return r
}

func TestPrintsWhatItParses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := drawTree(t, 3)
		again, err := Parse(q.String())
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		if !reflect.DeepEqual(again, q) {
			t.Fatalf("%s reads as %s: %#v", q, again, again)
		}
	})
}

// Pieces of queries in any order are mostly wrong.
func drawText(t *rapid.T) string {
	piece := rapid.SampledFrom(append([]string{
		" ", " ", " ", "tags:", "os.cpus:", "_exists_:", "a", "bc", "华东", "AND", "OR", "NOT", "&&", "+", "-", "!", "(", ")", "[", "]", "{", "}", " TO ", "*", "?",
		`"`, `\`, "/", "~", "~2", "^", "^2", ">", ">=8", "<", "=", "：", "“", "”", "（", "）", "　", ":", "fe80::1", "/a|b/", "[1 TO 5]",
	}, someTexts...))
	return strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "")
}

func TestNearestCanBeRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkText(t, drawText(t)) })
}

// checkText holds what is true of every text.
func checkText(t interface{ Fatalf(string, ...any) }, s string) {
	q, err := Parse(s)
	if err != nil {
		var bad *Error
		if !errors.As(err, &bad) || bad.Column < 1 || bad.Column > len([]rune(s))+1 {
			t.Fatalf("%q: error without a place: %v", s, err)
		}
		if _, err := Parse(bad.Nearest); err != nil {
			t.Fatalf("%q: the nearest, %q, cannot be read: %v", s, bad.Nearest, err)
		}
		return
	}
	printed := q.String()
	again, err := Parse(printed)
	if err != nil && len([]rune(printed)) <= MaxLength {
		t.Fatalf("%q prints as %q, which cannot be read: %v", s, printed, err)
	}
	if err == nil && !reflect.DeepEqual(q, again) {
		t.Fatalf("%q prints as %q and then as %q", s, printed, again)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "*", "a b", "a:b*", `"a \" b"~2`, `\AND \> \/`, "a AND (b OR -c) !d", "f:(a +b)", "&& ||", "x\\", "\xff:\xfe*", "*:*", `f:""`, "f:[a TO *} {1 TO 2]",
		"f:>=8 <9", "/a.*[bc]{2}/ /\\//", "a~ b~2^3", "_exists_:x", "a：（b）“c”", "fe80::1", "f:[1 5]", "a AND", "/opt/x", "os.cpus>8 != 9 =7", "*a????b*",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkText(t, s) })
}
