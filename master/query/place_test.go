package query

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A bar in the text is the position. The place is written as what would be replaced, what is typed, and what may stand there.
func TestAt(t *testing.T) {
	for name, c := range map[string]struct{ in, span, typed, may string }{
		"nothing yet":               {`|`, ``, ``, "field value NOT"},
		"a word":                    {`app|`, `app`, `app`, "field value NOT"},
		"inside a word":             {`ap|ps b`, `apps`, `ap`, "field value NOT"},
		"in front of a word":        {`|apps`, ``, ``, "field value NOT"},
		"a second clause":           {`a |`, ``, ``, "field value AND OR NOT"},
		"an operator, half":         {`a AN|`, `AN`, `AN`, "field value AND OR NOT"},
		"an operator":               {`a AND|`, `AND`, `AND`, "field value AND OR NOT"},
		"behind an operator":        {`a AND |`, ``, ``, "field value NOT"},
		"behind a sign":             {`a -|`, ``, ``, "field value"},
		"behind a word sign":        {`a && !|`, ``, ``, "field value"},
		"behind NOT":                {`NOT |`, ``, ``, "field value"},
		"a field with its colon":    {`os.c|pus:8`, `os.cpus:`, `os.c`, "field"},
		"a value to come":           {`tags:|`, ``, ``, "value of tags > >= < <="},
		"with a blank":              {`tags: |`, ``, ``, "value of tags > >= < <="},
		"a value":                   {`tags:ap|p AND b`, `app`, `ap`, "value of tags"},
		"any field's":               {`*:a|`, `a`, `a`, "value"},
		"a value in quotes":         {`tags:"a b| c" AND d`, `"a b c"`, `a b`, "value of tags"},
		"in quotes that stay open":  {`tags:"a b| AND "c"`, `"a b`, `a b`, "value of tags"},
		"in quotes at the end":      {`tags:"a|`, `"a`, `a`, "value of tags"},
		"in full-width quotes":      {`tags：“华|`, `“华`, `华`, "value of tags"},
		"behind quotes":             {`tags:"a"|`, ``, ``, "field value AND OR NOT"},
		"an escape, half":           {`tags:a\|:b c`, `a\:b`, `a`, "value of tags"},
		"an escape":                 {`tags:a\:|b c`, `a\:b`, `a:`, "value of tags"},
		"a field's group":           {`tags:(|`, ``, ``, "value of tags NOT > >= < <="},
		"a value in it":             {`tags:(a OR b|)`, `b`, `b`, "value of tags NOT"},
		"an operator in it":         {`tags:(a |)`, ``, ``, "value of tags AND OR NOT > >= < <="},
		"behind it":                 {`tags:(a) |`, ``, ``, "field value AND OR NOT"},
		"a group in it":             {`tags:(a (|`, ``, ``, "value of tags NOT > >= < <="},
		"another field in it":       {`tags:(id:x|`, `x`, `x`, "value of id"},
		"a comparison":              {`os.cpus:>=|`, ``, ``, "value of os.cpus"},
		"its value":                 {`os.cpus:>=1|`, `1`, `1`, "value of os.cpus"},
		"its value in a group":      {`os.cpus:(>=8 AND <1|`, `1`, `1`, "value of os.cpus"},
		"a range":                   {`f:[|`, ``, ``, "value of f"},
		"its first bound":           {`f:[fe80:|:1 TO`, `fe80::1`, `fe80:`, "value of f"},
		"its TO":                    {`f:[1 |`, ``, ``, "TO"},
		"its TO, half":              {`f:[1 T|`, `T`, `T`, "TO"},
		"its second bound":          {`f:[1 TO |`, ``, ``, "value of f"},
		"its second bound, half":    {`f:[1 TO "a|]`, `"a`, `a`, "value of f"},
		"its bracket":               {`f:[1 TO 5 |`, ``, ``, "] }"},
		"behind its bracket":        {`f:[1 TO 5] |`, ``, ``, "field value AND OR NOT"},
		"a field to exist":          {`_exists_:os|`, `os`, `os`, "value of _exists_"},
		"fields to exist":           {`_exists_:(a |`, ``, ``, "value of _exists_ AND OR NOT"},
		"a field of that name":      {`\_exists_:a|`, `a`, `a`, "value of _exists_"},
		"a regular expression":      {`f:/a b/|`, ``, ``, ""},
		"behind it, too":            {`f:/a b/ |`, ``, ``, "field value AND OR NOT"},
		"a path":                    {`f:/opt/a|`, `/opt/a`, `/opt/a`, "value of f"},
		"the root":                  {`f:/|`, `/`, `/`, "value of f"},
		"a fuzzy word":              {`a~|`, ``, ``, ""},
		"a boost":                   {`a^2|`, ``, ``, ""},
		"behind a mistake":          {`a) ] b:x|`, `x`, `x`, "value of b"},
		"a full-width colon":        {`标签：华|`, `华`, `华`, "value of 标签"},
		"positions are characters":  {`华东 AND 标|签:a`, `标签:`, `标`, "field"},
		"wildcards are of the word": {`web*|-1`, `web*-1`, `web*`, "field value NOT"},
		"a negative value":          {`f:>-|5`, `-5`, `-`, "value of f"},
	} {
		t.Run(name, func(t *testing.T) {
			before, after, _ := strings.Cut(c.in, "|")
			pos := len([]rune(before))
			p := At(before+after, pos)
			span := string([]rune(before + after)[p.From:p.To])
			if span != c.span || p.Typed != c.typed || may(p) != c.may || p.From > pos || p.To < pos {
				t.Errorf("%s: got %q, %q, %s, want %q, %q, %s", c.in, span, p.Typed, may(p), c.span, c.typed, c.may)
			}
		})
	}
}

func may(p Place) string {
	var all []string
	if p.Fields {
		all = append(all, "field")
	}
	if p.Values {
		all = append(all, "value")
		if p.Field != "" {
			all = append(all, "of "+p.Field)
		}
	}
	return strings.Join(append(all, p.Operators...), " ")
}

func TestAtOutside(t *testing.T) {
	if p := At("ab", -1); p.From != 0 || p.To != 0 {
		t.Errorf("before the text: %+v", p)
	}
	if p := At("ab", 99); p.From != 0 || p.To != 2 || p.Typed != "ab" {
		t.Errorf("behind the text: %+v", p)
	}
}

// goesOn fails where a text is wrong before its end: only more of it may be missing.
func goesOn(t *rapid.T, text, where string) {
	_, err := Parse(text)
	var bad *Error
	if errors.As(err, &bad) && bad.Column <= len([]rune(text)) {
		t.Fatalf("%s: %q: %v", where, text, err)
	}
}

// What a place allows may be put there, in every prefix of a query.
func TestChoicesCanBeRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []rune(drawTree(t, 2).String())
		pos := rapid.IntRange(0, len(text)).Draw(t, "position")
		prefix := string(text[:pos])
		p := At(prefix, pos)
		if p.From > pos || p.To != pos {
			t.Fatalf("%q: replaces %d to %d", prefix, p.From, p.To)
		}
		before := string(text[:p.From])
		if p.Fields {
			goesOn(t, before+FormatField("a b")+":x", "field")
		}
		if p.Values {
			goesOn(t, before+FormatValue("x"), "value")
			goesOn(t, before+FormatValue("AND y/z:"), "value in quotes")
		}
		for _, op := range p.Operators {
			goesOn(t, before+op, "operator "+op)
		}
		if p.Values && p.Field == "" && !p.Fields {
			goesOn(t, before, "any field's value")
		}
	})
}

// Whatever is typed, there is an answer, and it is within the text.
func checkPlaces(t interface{ Fatalf(string, ...any) }, s string) {
	n := len([]rune(s))
	for pos := 0; pos <= n; pos += 1 + n/64 {
		if p := At(s, pos); p.From < 0 || p.From > pos || p.To < pos || p.To > n {
			t.Fatalf("%q at %d: replaces %d to %d", s, pos, p.From, p.To)
		}
	}
}

func TestPlacesOfMistakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkPlaces(t, drawText(t)) })
}

func FuzzAt(f *testing.F) {
	for _, s := range []string{"", `tags:"a b`, `f:[1 TO`, `a AND (tags:b`, `/opt/x`, `a\`, "标签：“华", "f:>= -5", "_exists_:(a !b", "a~b ^x ]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkPlaces(t, s) })
}
