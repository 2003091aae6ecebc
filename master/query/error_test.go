package query

import (
	"errors"
	"strings"
	"testing"

	"stathub/state"
)

type broken map[string]struct {
	in      string
	column  int
	words   string
	nearest string
}

func (all broken) run(t *testing.T) {
	for name, c := range all {
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
			if bad.Nearest != c.nearest {
				t.Errorf("%s: nearest is %s, want %s", c.in, bad.Nearest, c.nearest)
			}
			if _, err := Parse(bad.Nearest); err != nil {
				t.Errorf("%s: nearest %s cannot be read: %v", c.in, bad.Nearest, err)
			}
			p := bad.Problem()
			if p.Column != bad.Column || !strings.HasPrefix(p.Message, bad.Message) || !strings.Contains(p.Message, bad.Nearest) {
				t.Errorf("problem %+v", p)
			}
		})
	}
}

func TestUnbalanced(t *testing.T) {
	broken{
		"a quote that stays open":     {`a "b c`, 7, "begins at column 3 is not closed", `a "b c"`},
		"columns are characters":      {`华东 (`, 5, "column 4 is not closed", ""},
		"a group that stays open":     {`tags:(a OR b`, 13, "column 6 is not closed", `tags:(a OR b)`},
		"two groups that stay open":   {`(a (b`, 6, "column 4", `(a (b))`},
		"an empty group":              {`a ()`, 4, "nothing between", `a`},
		"an empty group of a field":   {`a AND tags:()`, 13, "nothing between", `a`},
		"a closing one too many":      {`a)`, 2, "closes nothing", `a`},
		"a closing one in front":      {`) a`, 1, "closes nothing", `a`},
		"a range that stays open":     {`f:[1 TO 5`, 10, "column 3 is not closed", `f:[1 TO 5]`},
		"a range without bounds":      {`f:[]`, 4, "bound", ""},
		"a range without a bound":     {`f:[1 TO ]`, 9, "bound", `f:[1 TO *]`},
		"a range that only begins":    {`f:[`, 4, "not closed", ""},
		"a closing bracket by itself": {`a ]`, 3, "no range", `a`},
		"a regexp that stays open":    {`/ab`, 4, "not closed", `"/ab"`},
		"a trailing backslash":        {`a\`, 2, "escapes nothing", `a\\`},
		"one in quotes":               {`"a\`, 3, "escapes nothing", `"a\\"`},
	}.run(t)
}

func TestDanglingOperators(t *testing.T) {
	broken{
		"in front":           {`AND a`, 1, "nothing to its left", `a`},
		"at the end":         {`a OR`, 5, "nothing to its right", `a`},
		"in a group":         {`(a && ) b`, 7, "nothing to its right", `(a ) b`},
		"different ones":     {`a AND OR b`, 7, "follows", ""},
		"twice the same":     {`a AND && b`, 7, "follows", `a && b`},
		"a lone not":         {`NOT`, 4, "nothing to its right", ""},
		"a lone minus":       {`a -`, 4, "nothing to its right", `a`},
		"not not":            {`NOT NOT a`, 5, "follows", ""},
		"nothing but a sign": {`+`, 2, "nothing to its right", ""},
		"not for unequal":    {`a AND os.cpus!=8`, 14, "!= is not an operator", `a AND NOT os.cpus:8`},
	}.run(t)
}

func TestBadValues(t *testing.T) {
	broken{
		"no value":                   {`os.cpus:`, 9, "no value", `os.cpus:*`},
		"no value in a group":        {`(tags: ) a`, 8, "no value", `(tags:* ) a`},
		"no value of a comparison":   {`os.cpus:>`, 10, "no value after >", `os.cpus:*`},
		"no field":                   {`:a`, 1, "no field", `a`},
		"a tag with a colon":         {`tags:zone:b AND a`, 10, "colon", `tags:"zone:b" AND a`},
		"an IPv6 address":            {`networks.address:fe80::1`, 22, "colon", `networks.address:"fe80::1"`},
		"an IPv6 address alone":      {`fe80::1`, 6, "colon", `"fe80::1"`},
		"the IPv6 loopback":          {`::1`, 1, "colon", `"::1"`},
		"a hardware address":         {`00:9A:9F:9F:A6:EB OR a`, 6, "colon", `"00:9A:9F:9F:A6:EB" OR a`},
		"a time":                     {`time:>10:30`, 9, "colon", `time:>"10:30"`},
		"a negative value":           {`f:-5`, 3, "begins with -", `f:"-5"`},
		"a sign behind the colon":    {`tags:!a`, 6, "cannot follow the colon", `! tags:a`},
		"a field in quotes":          {`"a b":c`, 1, "without quotes", `a\ b:c`},
		"a wildcard in a field":      {`a*:b`, 1, "field name", ""},
		"equal":                      {`os.cpus:=8`, 9, "= is not an operator", `os.cpus:8`},
		"a sign of equality":         {`a AND (tags == ssd)`, 13, "== is not an operator", `a AND (tags:ssd)`},
		"one behind a value":         {`a:b = c`, 5, "= is not an operator", ""},
		"greater than, mixed up":     {`os.cpus:=>8`, 9, "=> is not an operator", `os.cpus:>=8`},
		"no such comparison":         {`os.cpus:<>8`, 9, "<> is not an operator", ""},
		"a comparison without colon": {`os.cpus>8`, 1, "colon", `os.cpus:>8`},
		"another one":                {`os.cpus>=8 a`, 1, "colon", `os.cpus:>=8 a`},
		"with blanks":                {`os.cpus > 8`, 9, "needs a field", `os.cpus:> 8`},
		"without a field at all":     {`>8`, 1, "needs a field", ""},
		"behind a value":             {`a:b > 8`, 5, "needs a field", ""},
		"wildcards in a comparison":  {`f:>8*`, 4, "wildcards", ""},
		"a name with wildcards":      {`_exists_:os.*`, 10, "name of a field", ""},
		"a range of names":           {`_exists_:>8`, 10, "name of a field", ""},
		"a boost without a number":   {`ab^`, 4, "boost", `ab`},
		"a bad boost":                {`ab^2x c`, 4, "boost", `ab c`},
		"a negative boost":           {`ab^-1`, 4, "boost", `ab`},
		"a boost of nothing":         {`^2`, 1, "nothing to its left", ""},
		"too many edits":             {`ab~3`, 4, "2 edits at most", `ab~2`},
		"a similarity":               {`ab~0.8`, 4, "number of edits", `ab~`},
		"a tilde inside":             {`ab~cd`, 4, "cannot follow ~", `ab\~cd`},
		"fuzzy wildcards":            {`ab*~`, 4, "wildcards", `ab*`},
		"a phrase that is fuzzy":     {`"a b"~`, 7, "missing", `"a b"`},
		"too much slack":             {`"a b"~99999999999999999999`, 7, "at most 1000", `"a b"~1000`},
		"a range without TO":         {`f:[1 5]`, 6, "no TO", `f:[1 TO 5]`},
		"a range with to":            {`f:[1 to 5]`, 6, "no TO", `f:[1 TO 5]`},
		"a range with a dash":        {`f:[1-5]`, 7, "no TO", `f:[1 TO 5]`},
		"a range with a lone dash":   {`f:[1 - 5]`, 6, "no TO", `f:[1 TO 5]`},
		"a range of one":             {`f:[5]`, 5, "no TO", ""},
		"a range of three":           {`f:[1 TO 5 6]`, 11, "more than two", ""},
		"wildcards in a range":       {`f:[10.* TO 11.*]`, 4, "wildcards", ""},
		"a bracket of another range": {`f:[1 TO 5)`, 10, "cannot stand in a range", ""},
		"too long":                   {strings.Repeat("a", MaxLength+1), MaxLength + 1, "longer", ""},
		"too many clauses":           {strings.Repeat("a ", MaxClauses) + "(b)", 2*MaxClauses + 1, "more than 1024 clauses", ""},
		"too deep":                   {strings.Repeat("(", MaxDepth+1) + "a", MaxDepth + 1, "groups", ""},
	}.run(t)
}

func TestBadRegexps(t *testing.T) {
	long := strings.Repeat("a", MaxPattern+1)
	broken{
		"empty":                {`a //`, 3, "nothing between", `a "//"`},
		"a path":               {`disks.dirName:/private/var/vm AND a`, 24, "ends before this", `disks.dirName:"/private/var/vm" AND a`},
		"the root":             {`disks.dirName:/ AND a`, 22, "not closed", `disks.dirName:"/" AND a`},
		"two paths":            {`a:/opt AND a:/var`, 15, "ends before this", `a:"/opt" AND a:"/var"`},
		"a parenthesis":        {`/(ab/`, 2, "missing closing )", ""},
		"a repetition":         {`/a**/`, 3, "invalid nested repetition", ""},
		"too many repetitions": {`/a{2000}/`, 3, "invalid repeat count", ""},
		"anchors":              {`host:/^web.*$/`, 6, "no anchors", `host:/web.*/`},
		"an anchor inside":     {`/a^b/`, 1, "no anchors", ""},
		"word boundaries":      {`/\bweb/`, 1, `no \b`, ""},
		"lazy":                 {`/a.*?b/`, 1, "lazy", ""},
		"flags":                {`/(?i)a/`, 2, "flags", ""},
		"a look-ahead":         {`/a(?=b)/`, 3, "Perl syntax", ""},
		"a back reference":     {`/(a)\1/`, 5, "escape", ""},
		"a quotation":          {`/\Qa\E/`, 2, `\Q`, ""},
		"fuzzy":                {`/a/~`, 4, "ends before", `"/a/~"`},
		"too long":             {`/` + long + `/`, 1, "longer than 256", ""},
		"too long a wildcard":  {long + `*`, 1, "longer than 256", ""},
		"too complex":          {`/(a|b)*a(a|b){15}/`, 1, "too complex", ""},
		"too complex a word":   {`*a` + strings.Repeat("?", 20), 1, "too complex", ""},
		"too large":            {`/\p{L}{300}/`, 1, "too complex", ""},
		"too many fuzzy words": {strings.Repeat("servr~2 ", 101), 801, "too many patterns and fuzzy words", ""},
		"too much together":    {strings.Repeat(`/.*a.{5}/ `, 40), 41, "too complex", ""},
	}.run(t)
}

func TestFullWidth(t *testing.T) {
	broken{
		"a colon":            {`tags：华东`, 5, "： is the full-width form of :", `tags:华东`},
		"parentheses":        {`tags:（a OR b）`, 6, "full-width", `tags:(a OR b)`},
		"quotes":             {`os.name:“Mac：OS”`, 9, "full-width", `os.name:"Mac：OS"`},
		"a quote that ends":  {`os.name:"Mac”`, 14, "not closed", `os.name:"Mac"`},
		"brackets":           {`os.cpus:［1 TO 5］`, 9, "full-width", `os.cpus:[1 TO 5]`},
		"a comparison":       {`os.cpus:＞8`, 9, "full-width", `os.cpus:>8`},
		"signs":              {`＋a －b`, 1, "full-width", `+a -b`},
		"a star":             {`web＊`, 4, "full-width", `web*`},
		"an operator":        {`a ＡＮＤ b`, 3, "full-width", `a AND b`},
		"another":            {`a ＆＆ b`, 3, "full-width", `a && b`},
		"several of several": {`tags：（a OR b） AND os.cpus：＞8`, 5, "full-width", `tags:(a OR b) AND os.cpus:>8`},
	}.run(t)
}
