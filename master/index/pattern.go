package index

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"stathub/master/query"
)

// pattern is what a whole value or a word must look like, all of it, in lower case.
type pattern struct {
	prefix string // what it begins with
	part   string // what it holds somewhere
	any    bool   // whatever begins with prefix
	match  func(s string) bool
}

// newWildcard reads * as any run and ? as any character; a backslash escapes.
func newWildcard(text string) pattern {
	var g []globPiece
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			g = append(g, globPiece{literal: literal.String()})
			literal.Reset()
		}
	}
	escaped := false
	for _, r := range strings.ToLower(text) {
		switch {
		case !escaped && r == '\\':
			escaped = true
			continue
		case !escaped && (r == '*' || r == '?'):
			flush()
			g = append(g, globPiece{wild: r})
		default:
			literal.WriteRune(r)
		}
		escaped = false
	}
	flush()
	p := pattern{match: func(s string) bool { return glob(g, s) }}
	for i, piece := range g {
		if i == 0 {
			p.prefix = piece.literal
		}
		if len(piece.literal) > len(p.part) {
			p.part = piece.literal
		}
	}
	p.any = len(g) == 1 && g[0].wild == '*' || len(g) == 2 && g[0].wild == 0 && g[1].wild == '*'
	return p
}

// globPiece is * or ?, or text.
type globPiece struct {
	wild    rune
	literal string
}

// glob remembers the last * only: what a star before it took can stay as it is.
func glob(g []globPiece, s string) bool {
	at, star, again := 0, -1, ""
	for {
		switch {
		case at == len(g) && s == "":
			return true
		case at < len(g) && g[at].wild == '*':
			star, again = at, s
			at++
			continue
		case at < len(g) && g[at].wild == '?' && s != "":
			_, n := utf8.DecodeRuneInString(s)
			s = s[n:]
			at++
			continue
		case at < len(g) && g[at].wild == 0 && strings.HasPrefix(s, g[at].literal):
			s = s[len(g[at].literal):]
			at++
			continue
		}
		if star < 0 || again == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(again)
		again = again[n:]
		at, s = star+1, again
	}
}

func newRegexp(q *query.Regexp) (pattern, error) {
	re, err := regexp.Compile(`(?s)\A(?:` + q.Lower() + `)\z`)
	if err != nil {
		return pattern{}, err
	}
	return pattern{match: re.MatchString}, nil
}

// newFuzzy takes what is at most some edits away: insertions, deletions, changes, and swaps of neighbours, with nothing
// edited twice, as in Lucene.
func newFuzzy(q *query.Fuzzy) pattern {
	want := []rune(strings.ToLower(q.Text))
	edits := q.Edits
	switch {
	case edits != query.Auto:
	case len(want) <= 2:
		edits = 0
	case len(want) <= 5:
		edits = 1
	default:
		edits = 2
	}
	if edits == 0 {
		return pattern{prefix: string(want), part: string(want), match: func(s string) bool { return s == string(want) }}
	}
	return pattern{match: func(s string) bool { return near(want, s, edits) }}
}

// near computes the distance row by row, and ends as soon as two rows are above the limit.
func near(want []rune, s string, limit int) bool {
	n := len(want)
	if len(s) > (n+limit)*utf8.UTFMax || len(s) < n-limit {
		return false
	}
	var space [3][64]int
	rows := [3][]int{space[0][:], space[1][:], space[2][:]}
	if n >= len(space[0]) {
		rows = [3][]int{make([]int, n+1), make([]int, n+1), make([]int, n+1)}
	}
	before, last, now := rows[0], rows[1], rows[2]
	for j := range n + 1 {
		last[j] = j
	}
	length, previous, least := 0, rune(-1), 0
	for _, r := range s {
		length++
		now[0] = length
		lowest := length
		for j := 1; j <= n; j++ {
			d := last[j-1]
			if want[j-1] != r {
				d = 1 + min(d, last[j], now[j-1])
				if length > 1 && j > 1 && want[j-1] == previous && want[j-2] == r {
					d = min(d, before[j-2]+1)
				}
			}
			now[j] = d
			lowest = min(lowest, d)
		}
		if lowest > limit && least > limit {
			return false
		}
		least, previous = lowest, r
		before, last, now = last, now, before
	}
	return last[n] <= limit
}
