package query

import (
	"errors"
	"strings"
	"testing"

	"stathub/state"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"empty":                          {"", `*`},
		"blanks, wide ones too":          {" \t\u3000", `*`},
		"everything":                     {"*", `*`},
		"everything by field":            {"*:*", `*`},
		"a word":                         {"appserver", `appserver`},
		"a prefix":                       {"hostname*", `hostname*`},
		"an address prefix":              {"192.168.1.*", `192.168.1.*`},
		"a field":                        {"networks.address:192.168.1.165", `networks.address:192.168.1.165`},
		"a field's prefix":               {"hostname:web-*", `hostname:web-*`},
		"any field by star":              {"*:web", `web`},
		"exists":                         {"tags:*", `tags:*`},
		"blanks after the colon":         {"tags: 华东", `tags:华东`},
		"a phrase":                       {`os.name:"Mac OS X"`, `os.name:"Mac OS X"`},
		"escapes in a phrase":            {`"a\"b\\c"`, `"a\"b\\c"`},
		"an escaped blank":               {`Mac\ OS\ X`, `Mac\ OS\ X`},
		"an escaped star":                {`a\*`, `a\*`},
		"a slash inside":                 {`10.0.0.0/8`, `10.0.0.0/8`},
		"an escaped slash in front":      {`\/opt`, `\/opt`},
		"an operator in lower case":      {`and`, `and`},
		"an escaped operator":            {`\AND`, `\AND`},
		"ampersands inside a word":       {`a&&b`, `a&&b`},
		"or is the default":              {`a b`, `a b`},
		"or by word":                     {`a OR b || c`, `a b c`},
		"and":                            {`a AND b && c`, `+a +b +c`},
		"and does not bind tighter: or":  {`a OR b AND c`, `a +b +c`},
		"and does not bind tighter: and": {`a AND b OR c`, `+a +b c`},
		"or not":                         {`a OR NOT b`, `a -b`},
		"not or":                         {`NOT a OR b`, `-a b`},
		"and not":                        {`a AND NOT b`, `+a -b`},
		"a bang":                         {`a !b`, `a -b`},
		"plus and minus":                 {`+a -b`, `+a -b`},
		"a dash inside":                  {`db-07`, `db-07`},
		"a group":                        {`a AND (b OR c)`, `+a +(b c)`},
		"a field's group":                {`tags:(a OR id:b)`, `tags:a id:b`},
		"only negative":                  {`NOT a`, `-a`},
		"only negative in a group":       {`b OR (-a)`, `b (-a)`},
		"needless parentheses":           {`((a))`, `a`},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := Parse(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := q.String(); got != c.want {
				t.Errorf("%s reads as %s, want %s", c.in, got, c.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		column int
		words  string
	}{
		"a quote that stays open":     {`a "b c`, 7, "not closed"},
		"columns are characters":      {`华东 (`, 5, "column 4 is not closed"},
		"a group that stays open":     {`(a OR b`, 8, "column 1 is not closed"},
		"an empty group":              {`a ()`, 4, "nothing between"},
		"a closing one too many":      {`a)`, 2, "closes nothing"},
		"a closing one in front":      {`)`, 1, "closes nothing"},
		"no value":                    {`os.cpus:`, 9, "no value"},
		"no field":                    {`:a`, 1, "no field"},
		"two colons":                  {`a:b:c`, 4, "colon"},
		"an operator in front":        {`AND a`, 1, "nothing to its left"},
		"an operator at the end":      {`a OR`, 5, "nothing to its right"},
		"an operator twice":           {`a AND OR b`, 7, "follows"},
		"a dangling not":              {`NOT`, 4, "nothing to its right"},
		"a trailing backslash":        {`a\`, 2, "escapes nothing"},
		"a range":                     {`os.cpus:[1 TO 2]`, 9, "yet known"},
		"a comparison":                {`os.cpus:>8`, 9, "yet known"},
		"a regular expression":        {`/a.b/`, 1, "yet known"},
		"fuzzy":                       {`ab~1`, 3, "yet known"},
		"a boost":                     {`ab^2`, 3, "yet known"},
		"a wildcard inside":           {`a*b`, 1, "yet known"},
		"a wildcard for one":          {`a?`, 1, "yet known"},
		"a field in quotes":           {`"a":b`, 1, "field name"},
		"a wildcard in a field":       {`a*:b`, 1, "field name"},
		"too long":                    {strings.Repeat("a", MaxLength+1), MaxLength + 1, "longer"},
		"too deep":                    {strings.Repeat("(", MaxDepth+1) + "a", MaxDepth + 1, "groups"},
		"a closing bracket by itself": {`a ]`, 3, "no range"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(c.in)
			var bad *Error
			if !errors.As(err, &bad) {
				t.Fatalf("%s: got %v, want an *Error", c.in, err)
			}
			if state.CodeOf(err) != state.Invalid {
				t.Errorf("code %s", state.CodeOf(err))
			}
			if bad.Column != c.column || !strings.Contains(bad.Message, c.words) {
				t.Errorf("got %v, want column %d and %q", bad, c.column, c.words)
			}
			if p := bad.Problem(); p.Column != bad.Column || !strings.HasPrefix(p.Message, bad.Message) {
				t.Errorf("problem %+v", p)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "*", "a b", "a:b*", `"a \" b"`, `\AND \> \/`, "a AND (b OR -c) !d", "f:(a +b)", "&& ||", "x\\", "\xff:\xfe*", "*:*", `f:""`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Parse(s)
		if err != nil {
			var bad *Error
			if !errors.As(err, &bad) || bad.Column < 1 || bad.Column > len([]rune(s))+1 {
				t.Fatalf("%q: error without a place: %v", s, err)
			}
			return
		}
		printed := q.String()
		again, err := Parse(printed)
		if err != nil && len([]rune(printed)) <= MaxLength {
			t.Fatalf("%q prints as %q, which does not parse: %v", s, printed, err)
		}
		if err == nil && again.String() != printed {
			t.Fatalf("%q prints as %q and then as %q", s, printed, again.String())
		}
	})
}
