package query

import (
	"reflect"
	"strings"
	"testing"
)

func term(field, text string) Query   { return &Term{Field: field, Text: text} }
func phrase(field, text string) Query { return &Term{Field: field, Text: text, Quoted: true} }
func wildcard(f, p string) Query      { return &Wildcard{f, p} }
func from(text string) Bound          { return Bound{Text: text} }
func incl(text string) Bound          { return Bound{Text: text, Inclusive: true} }

var unbounded = Bound{Unbounded: true}

// boolean makes a Bool of a query for each sign of signs: "+" Must, "-" MustNot, anything else Should.
func boolean(signs string, all ...Query) Query {
	b := &Bool{}
	for i, q := range all {
		occur := map[byte]Occur{'+': Must, '-': MustNot}[signs[i]]
		b.Clauses = append(b.Clauses, Clause{occur, q})
	}
	return b
}

type parsed map[string]struct {
	in   string
	want Query
}

func (all parsed) run(t *testing.T) {
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			q, err := Parse(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(q, c.want) {
				t.Errorf("%s reads as %s, want %s", c.in, q, c.want)
			}
			again, err := Parse(q.String())
			if err != nil || !reflect.DeepEqual(again, q) {
				t.Errorf("%s prints as %s, which reads as %v, %v", c.in, q, again, err)
			}
		})
	}
}

func TestSeed(t *testing.T) {
	span := &Range{"networks.address", incl("192.168.1.100"), incl("192.168.1.150")}
	parsed{
		"a host name":           {`hostname1`, term("", "hostname1")},
		"a tag":                 {`appserver`, term("", "appserver")},
		"everything":            {`*`, All{}},
		"a prefix":              {`hostname*`, wildcard("", "hostname*")},
		"an address by pattern": {`192.168.1.*`, wildcard("", "192.168.1.*")},
		"a field":               {`networks.address:192.168.1.165`, term("networks.address", "192.168.1.165")},
		"a range of addresses":  {`networks.address:[192.168.1.100 TO 192.168.1.150]`, span},
		"a comparison":          {`os.cpus:>8`, &Range{"os.cpus", from("8"), unbounded}},
		"a combination":         {`memory.total:>8000000000 AND networks.address:[192.168.1.100 TO 192.168.1.150]`, boolean("++", &Range{"memory.total", from("8000000000"), unbounded}, span)},
		"two tags":              {`tags:appserver AND tags:hpc`, boolean("++", term("tags", "appserver"), term("tags", "hpc"))},
	}.run(t)
}

func TestWords(t *testing.T) {
	parsed{
		"empty":                            {"", All{}},
		"blanks, wide ones too":            {" \t\u3000", All{}},
		"everything by field":              {"*:*", All{}},
		"stars next to each other":         {"**", All{}},
		"any field by star":                {"*:web", term("", "web")},
		"blanks after the colon":           {"tags: 华东", term("tags", "华东")},
		"blanks before the colon":          {"tags :华东", term("tags", "华东")},
		"a wide blank between":             {"华东　华北", boolean("  ", term("", "华东"), term("", "华北"))},
		"an escaped blank":                 {`Mac\ OS\ X`, term("", "Mac OS X")},
		"an escaped star":                  {`a\*`, term("", "a*")},
		"an escaped colon":                 {`tags:zone\:b`, term("tags", "zone:b")},
		"an escaped field":                 {`envs.a\:b:c`, term("envs.a:b", "c")},
		"an operator in lower case":        {`a and b`, boolean("   ", term("", "a"), term("", "and"), term("", "b"))},
		"an escaped operator":              {`\AND`, term("", "AND")},
		"ampersands inside a word":         {`a&&b`, term("", "a&&b")},
		"signs inside a word":              {`db-07+x`, term("", "db-07+x")},
		"an exclamation mark":              {`a!b`, boolean(" -", term("", "a"), term("", "b"))},
		"wide ones in quotes":              {`tags:"（华东）：１"`, phrase("tags", "（华东）：１")},
		"wide ones escaped":                {`\（华东\）`, term("", "（华东）")},
		"wide ones that mean no sign here": {`a＋b。c，`, term("", "a＋b。c，")},
		"a number":                         {`networks.mtu:9000`, term("networks.mtu", "9000")},
		"a name of several words":          {`hostname:db-07`, term("hostname", "db-07")},
		"no number":                        {`os.cpus:abc`, term("os.cpus", "abc")},
		"a phrase":                         {`os.name:"Mac OS X"`, phrase("os.name", "Mac OS X")},
		"a phrase with slack":              {`"a c"~2`, &Term{Text: "a c", Quoted: true, Slop: 2}},
		"no slack":                         {`"a c"~0`, phrase("", "a c")},
		"escapes in a phrase":              {`"a\"b\\c"`, phrase("", `a"b\c`)},
		"an empty value":                   {`os.name:""`, phrase("os.name", "")},
		"an IPv6 address":                  {`networks.address:"fe80::1"`, phrase("networks.address", "fe80::1")},
		"CIDR":                             {`10.0.0.0/8`, term("", "10.0.0.0/8")},
		"CIDR of a field":                  {`networks.address:192.168.1.0/24`, term("networks.address", "192.168.1.0/24")},
		"CIDR escaped":                     {`networks.address:192.168.1.0\/24`, term("networks.address", "192.168.1.0/24")},
		"CIDR quoted":                      {`networks.address:"192.168.1.0/24"`, phrase("networks.address", "192.168.1.0/24")},
		"an escaped slash in front":        {`\/opt`, term("", "/opt")},
		"exists":                           {`_exists_:tags`, Exists{"tags"}},
		"exists in quotes":                 {`_exists_:"os.cpus"`, Exists{"os.cpus"}},
		"exists by star":                   {`tags:*`, Exists{"tags"}},
		"exists by range":                  {`tags:[* TO *]`, Exists{"tags"}},
		"any field exists":                 {`_exists_:*`, All{}},
		"several exist":                    {`_exists_:(a AND b)`, boolean("++", Exists{"a"}, Exists{"b"})},
		"a field of that name":             {`\_exists_:*`, Exists{"_exists_"}},
		"a boost":                          {`tags:a^2 b^0.5`, boolean("  ", term("tags", "a"), term("", "b"))},
		"boosts everywhere":                {`"a"^2 a*^2 /a/^2 [a TO b]^2 (a)^2 f:>1^2 f:*^2 a~^2 "a"~1^2`, boolean("         ", phrase("", "a"), wildcard("", "a*"), &Regexp{"", "a"}, &Range{"", incl("a"), incl("b")}, term("", "a"), &Range{"f", from("1"), unbounded}, Exists{"f"}, &Fuzzy{"", "a", Auto}, &Term{Text: "a", Quoted: true, Slop: 1})},
	}.run(t)
}

func TestPatterns(t *testing.T) {
	parsed{
		"one inside":            {`web-?.*.com`, wildcard("", "web-?.*.com")},
		"one in front":          {`*worker-1*`, wildcard("", "*worker-1*")},
		"one of a field":        {`hostname:web-*`, wildcard("hostname", "web-*")},
		"stars are one":         {`a**b*?*`, wildcard("", "a*b*?*")},
		"an escaped one":        {`a\**\?\\`, wildcard("", `a\**\?\\`)},
		"other escapes":         {`a\:*`, wildcard("", "a:*")},
		"a question":            {`?`, wildcard("", "?")},
		"a regexp":              {`/web-[0-9]+/`, &Regexp{"", "web-[0-9]+"}},
		"a regexp of a field":   {`hostname:/(db|web)-.{1,3}/`, &Regexp{"hostname", "(db|web)-.{1,3}"}},
		"a slash in it":         {`/a\/b\\/`, &Regexp{"", `a/b\\`}},
		"a regexp with blanks":  {`/a b/`, &Regexp{"", "a b"}},
		"classes":               {`/\d+\p{Han}*[^\S]/`, &Regexp{"", `\d+\p{Han}*[^\S]`}},
		"a regexp in a group":   {`(/a/)`, &Regexp{"", "a"}},
		"fuzzy":                 {`servr~`, &Fuzzy{"", "servr", Auto}},
		"fuzzy with a number":   {`tags:servr~1`, &Fuzzy{"tags", "servr", 1}},
		"fuzzy without an edit": {`servr~0`, &Fuzzy{"", "servr", 0}},
		"fuzzy in a group":      {`(a~ b~2)`, boolean("  ", &Fuzzy{"", "a", Auto}, &Fuzzy{"", "b", 2})},
	}.run(t)
}

func TestRanges(t *testing.T) {
	parsed{
		"inclusive":              {`os.cpus:[4 TO 8]`, &Range{"os.cpus", incl("4"), incl("8")}},
		"exclusive":              {`os.cpus:{4 TO 8}`, &Range{"os.cpus", from("4"), from("8")}},
		"mixed":                  {`os.cpus:[4 TO 8}`, &Range{"os.cpus", incl("4"), from("8")}},
		"mixed the other way":    {`os.cpus:{4 TO 8]`, &Range{"os.cpus", from("4"), incl("8")}},
		"open above":             {`os.cpus:{4 TO *}`, &Range{"os.cpus", from("4"), unbounded}},
		"open below":             {`os.cpus:[* TO 8]`, &Range{"os.cpus", unbounded, incl("8")}},
		"open without a field":   {`[* TO *]`, All{}},
		"no field":               {`[a TO b]`, &Range{"", incl("a"), incl("b")}},
		"any field":              {`*:>8`, &Range{"", from("8"), unbounded}},
		"quoted bounds":          {`os.name:["Mac OS" TO "*"]`, &Range{"os.name", incl("Mac OS"), incl("*")}},
		"IPv6 bounds":            {`networks.address:[fe80::1 TO fe80::ff}`, &Range{"networks.address", incl("fe80::1"), from("fe80::ff")}},
		"a bound that is TO":     {`f:["TO" TO \TO]`, &Range{"f", incl("TO"), incl("TO")}},
		"escapes in bounds":      {`f:[a\ b TO \*]`, &Range{"f", incl("a b"), incl("*")}},
		"negative bounds":        {`f:[-5 TO -1]`, &Range{"f", incl("-5"), incl("-1")}},
		"blanks inside":          {`f:[ 1  TO　5 ]`, &Range{"f", incl("1"), incl("5")}},
		"greater or equal":       {`os.cpus:>=8`, &Range{"os.cpus", incl("8"), unbounded}},
		"less":                   {`os.cpus:<8`, &Range{"os.cpus", unbounded, from("8")}},
		"less or equal":          {`os.cpus:<=8`, &Range{"os.cpus", unbounded, incl("8")}},
		"a blank behind it":      {`os.cpus:>= 8`, &Range{"os.cpus", incl("8"), unbounded}},
		"a unit":                 {`memory.total:>8GiB`, &Range{"memory.total", from("8GiB"), unbounded}},
		"a negative value":       {`f:>-5`, &Range{"f", from("-5"), unbounded}},
		"a quoted value":         {`f:<"a b"`, &Range{"f", unbounded, from("a b")}},
		"comparisons in a group": {`os.cpus:(>=8 AND <16)`, boolean("++", &Range{"os.cpus", incl("8"), unbounded}, &Range{"os.cpus", unbounded, from("16")})},
		"signs in a group":       {`os.cpus:(+>=8 -<=16)`, boolean("+-", &Range{"os.cpus", incl("8"), unbounded}, &Range{"os.cpus", unbounded, incl("16")})},
		"an escaped sign":        {`f:\>8`, term("f", ">8")},
		"a sign inside a value":  {`f:a>b`, term("f", "a>b")},
	}.run(t)
}

func TestBooleans(t *testing.T) {
	a, b, c := term("", "a"), term("", "b"), term("", "c")
	parsed{
		"or is the default":           {`a b`, boolean("  ", a, b)},
		"or by word":                  {`a OR b || c`, boolean("   ", a, b, c)},
		"and":                         {`a AND b && c`, boolean("+++", a, b, c)},
		"and does not bind tighter":   {`a OR b AND c`, boolean(" ++", a, b, c)},
		"and before or":               {`a AND b OR c`, boolean("++ ", a, b, c)},
		"or not":                      {`a OR NOT b`, boolean(" -", a, b)},
		"not or":                      {`NOT a OR b`, boolean("- ", a, b)},
		"and not":                     {`a AND NOT b`, boolean("+-", a, b)},
		"not and":                     {`NOT a AND b`, boolean("-+", a, b)},
		"a bang":                      {`a !b`, boolean(" -", a, b)},
		"plus and minus":              {`+a -b c`, boolean("+- ", a, b, c)},
		"blanks behind the sign":      {`+ a - b`, boolean("+-", a, b)},
		"a lone plus":                 {`+a`, a},
		"only negative":               {`NOT a`, boolean("-", a)},
		"only negatives":              {`-a -b`, boolean("--", a, b)},
		"only negative in a group":    {`b OR (-a)`, boolean("  ", b, boolean("-", a))},
		"and with a negative group":   {`a AND (NOT b)`, boolean("++", a, boolean("-", b))},
		"a group":                     {`a AND (b OR c)`, boolean("++", a, boolean("  ", b, c))},
		"a group that is excluded":    {`-(a b)`, boolean("-", boolean("  ", a, b))},
		"groups without a blank":      {`(a)(b)`, boolean("  ", a, b)},
		"needless parentheses":        {`((a))`, a},
		"a field's group":             {`tags:(a OR id:b)`, boolean("  ", term("tags", "a"), term("id", "b"))},
		"a field's group, inner ones": {`tags:(a +(b -"c d"))`, boolean(" +", term("tags", "a"), boolean(" -", term("tags", "b"), phrase("tags", "c d")))},
	}.run(t)
}

func TestFields(t *testing.T) {
	for in, want := range map[string]string{
		`a`:                                     "",
		`*`:                                     "",
		`tags:a OR (os.cpus:>8 AND NOT tags:b)`: "tags os.cpus",
		`_exists_:x y:* z:/a/ u:a~ v:"a" w:a*`:  "x y z u v w",
	} {
		q, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(Fields(q), " "); got != want {
			t.Errorf("%s names %s, want %s", in, got, want)
		}
	}
}

func TestRegexpLower(t *testing.T) {
	for in, want := range map[string]string{
		`Web-[A-Z]+`:      `web-[a-z]+`,
		`\D\S\p{Han}\pLÄ`: `\D\S\p{Han}\pLä`,
		`\\D`:             `\\d`,
		`\x{4A}B`:         `\x{4A}b`,
	} {
		if got := (&Regexp{Pattern: in}).Lower(); got != want {
			t.Errorf("%s in lower case is %s, want %s", in, got, want)
		}
	}
}
