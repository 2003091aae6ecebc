package index

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"

	"stathub/master/query"
	"stathub/state"
)

// The oracle says whether a document matches a query, straight from the document's JSON: slow, simple, and without any
// code of the index.
type oracle struct{ values []oracleValue }

// oracleValue is one leaf of a document. What it is decides what can find it.
type oracleValue struct {
	path  string
	is    Kind
	text  string // of strings and addresses, in lower case
	num   float64
	addr  netip.Addr
	words []string // of strings
}

func newOracle(doc any) oracle {
	var decoded any
	if err := json.Unmarshal(state.EncodeLine(doc), &decoded); err != nil {
		panic(err)
	}
	var o oracle
	o.flatten("", decoded)
	return o
}

func (o *oracle) flatten(path string, v any) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for name, inner := range v {
			if path != "" {
				name = path + "." + name
			}
			o.flatten(name, inner)
		}
	case []any:
		for _, inner := range v {
			o.flatten(path, inner)
		}
	case float64:
		o.values = append(o.values, oracleValue{path: path, is: Number, num: v})
	case bool:
		o.flatten(path, strconv.FormatBool(v))
	case string:
		lower := oracleLower(v)
		if a, err := netip.ParseAddr(v); err == nil && path == "networks.address" {
			o.values = append(o.values, oracleValue{path: path, is: Address, text: lower, addr: oracleAddr(a)})
			return
		}
		o.values = append(o.values, oracleValue{path: path, is: String, text: lower, words: oracleWords(lower)})
	}
}

// oracleAddr makes addresses comparable: IPv4 is the IPv6 address that stands for it, and below the usual ones.
func oracleAddr(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.WithZone("").As16()) }

func oracleLower(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// matches is the meaning of a query.
func (o oracle) matches(q query.Query) bool {
	switch q := q.(type) {
	case query.All:
		return true
	case query.Exists:
		return o.some(q.Field, func(oracleValue) bool { return true })
	case *query.Term:
		return o.some(q.Field, func(v oracleValue) bool { return v.term(q) })
	case *query.Wildcard:
		pattern := []rune(oracleLower(q.Pattern))
		return o.text(q.Field, func(s string) bool { return oracleGlob(pattern, []rune(s)) })
	case *query.Regexp:
		re := regexp.MustCompile(`(?is)\A(?:` + q.Pattern + `)\z`)
		return o.text(q.Field, re.MatchString)
	case *query.Fuzzy:
		want := []rune(oracleLower(q.Text))
		edits := q.Edits
		if edits == query.Auto {
			edits = map[bool]int{true: 1, false: 2}[len(want) <= 5]
			if len(want) <= 2 {
				edits = 0
			}
		}
		return o.text(q.Field, func(s string) bool { return oracleDistance(want, []rune(s)) <= edits })
	case *query.Range:
		return o.some(q.Field, func(v oracleValue) bool { return v.above(q.From) && v.below(q.To) })
	case *query.Bool:
		return o.all(q.Clauses)
	}
	panic(fmt.Sprintf("the oracle does not know %T", q))
}

func (o oracle) all(clauses []query.Clause) bool {
	must, should, met := 0, 0, 0
	for _, c := range clauses {
		yes := o.matches(c.Query)
		switch c.Occur {
		case query.MustNot:
			if yes {
				return false
			}
		case query.Must:
			if must++; !yes {
				return false
			}
		case query.Should:
			if should++; yes {
				met++
			}
		}
	}
	return must > 0 || should == 0 || met > 0
}

func (o oracle) some(field string, is func(oracleValue) bool) bool {
	return slices.ContainsFunc(o.values, func(v oracleValue) bool { return (field == "" || v.path == field) && is(v) })
}

// text asks of whole values and of words.
func (o oracle) text(field string, is func(string) bool) bool {
	return o.some(field, func(v oracleValue) bool { return v.is != Number && (is(v.text) || slices.ContainsFunc(v.words, is)) })
}

func (v oracleValue) term(q *query.Term) bool {
	switch v.is {
	case Number:
		n, ok := oracleNumber(q.Text, q.Field != "")
		return ok && n == v.num
	case Address:
		if p, err := netip.ParsePrefix(q.Text); err == nil {
			bits := p.Bits()
			if p.Addr().Is4() {
				bits += 96
			}
			return netip.PrefixFrom(oracleAddr(p.Addr()), bits).Masked() == netip.PrefixFrom(v.addr, bits).Masked()
		}
		a, err := netip.ParseAddr(q.Text)
		return err == nil && oracleAddr(a) == v.addr
	}
	lower := oracleLower(q.Text)
	return v.text == lower || oraclePhrase(v.words, oracleWords(lower), q.Slop, nil)
}

// oraclePhrase tries every place of every word. The words may lie slop further apart than in the phrase, all told; to
// come before one's left neighbour is far, too: two words that have changed places are 2 apart.
func oraclePhrase(in, phrase []string, slop int, places []int) bool {
	n := len(places)
	if n == len(phrase) {
		least, most := math.MaxInt, math.MinInt
		for i, p := range places {
			least, most = min(least, p-i), max(most, p-i)
		}
		return n > 0 && most-least <= slop
	}
	for p, word := range in {
		if word == phrase[n] && !slices.Contains(places, p) && oraclePhrase(in, phrase, slop, append(slices.Clone(places), p)) {
			return true
		}
	}
	return false
}

func (v oracleValue) above(b query.Bound) bool {
	c, ok := v.compare(b.Text)
	return b.Unbounded || ok && (c > 0 || c == 0 && b.Inclusive)
}

func (v oracleValue) below(b query.Bound) bool {
	c, ok := v.compare(b.Text)
	return b.Unbounded || ok && (c < 0 || c == 0 && b.Inclusive)
}

// compare tells how the value lies to a bound; false where the bound is of another kind.
func (v oracleValue) compare(bound string) (int, bool) {
	switch v.is {
	case Number:
		n, ok := oracleNumber(bound, true)
		return map[bool]int{true: 1, false: -1}[v.num > n] * map[bool]int{true: 0, false: 1}[v.num == n], ok
	case Address:
		a, err := netip.ParseAddr(bound)
		if err != nil {
			return 0, false
		}
		return v.addr.Compare(oracleAddr(a)), true
	}
	return slices.Compare([]rune(v.text), []rune(oracleLower(bound))), true
}

var oracleNumberForm = regexp.MustCompile(`^(?i)([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?) *([kmgtp]i?b|[kmgtp]|b)?$`)

// oracleNumber reads a number with its unit. Without a field a unit of one letter is none: 2b may be a rack.
func oracleNumber(s string, field bool) (float64, bool) {
	m := oracleNumberForm.FindStringSubmatch(s)
	if m == nil || m[2] == "" && strings.HasSuffix(s, " ") || !field && len(m[2]) == 1 {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if m[2] == "" || err != nil {
		return n, err == nil
	}
	unit := strings.ToLower(m[2])
	base := 1024.0
	if len(unit) == 2 {
		base = 1000
	}
	return math.Trunc(n * math.Pow(base, float64(strings.Index("bkmgtp", unit[:1])))), true
}

func oracleGlob(pattern, s []rune) bool {
	if len(pattern) == 0 {
		return len(s) == 0
	}
	switch r := pattern[0]; r {
	case '*':
		return oracleGlob(pattern[1:], s) || len(s) > 0 && oracleGlob(pattern, s[1:])
	case '?':
		return len(s) > 0 && oracleGlob(pattern[1:], s[1:])
	case '\\':
		pattern = pattern[1:]
	}
	return len(s) > 0 && s[0] == pattern[0] && oracleGlob(pattern[1:], s[1:])
}

// oracleDistance counts the edits from a to b, a swap of neighbours being one; nothing is edited twice.
func oracleDistance(a, b []rune) int {
	d := make([][]int, len(a)+1) // of the beginnings of a and b
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
