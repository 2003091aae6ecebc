package query

import (
	"slices"
	"strings"
	"unicode"
)

// Place tells what may stand at a position of a query, for an input box that makes suggestions. Positions are in characters
// (runes) from 0; a choice takes the place of the characters From to To.
type Place struct {
	From, To  int      // From <= the position <= To
	Typed     string   // what is there before the position: escapes resolved, without quotes
	Fields    bool     // a field's name and its colon may stand here; what is replaced includes the colon that is there
	Values    bool     // a value may stand here
	Field     string   // whose value; empty: any field's; ExistsField: the name of a field
	Operators []string // the operators that may stand here: words, comparisons or brackets
}

// FormatField writes the name of a field so that a colon may follow it.
func FormatField(name string) string {
	var b strings.Builder
	printField(&b, name)
	return strings.TrimSuffix(b.String(), ":")
}

// FormatValue writes a text so that it reads back as a word, a value or a bound: as it is if it is plain, else in quotes.
func FormatValue(text string) string {
	var b strings.Builder
	printValue(&b, text)
	return b.String()
}

// At tells what may stand at position pos of a query that may be unfinished or wrong. A pos outside the text is taken as its nearest end.
func At(text string, pos int) Place {
	full := []rune(text)
	pos = max(0, min(pos, len(full)))
	s := &scan{full: full, lex: lexer{in: slices.Clone(full[:pos])}, groups: []scope{{}}}
	for {
		t := s.next()
		switch {
		case t.kind == end:
			return s.gap(pos)
		case t.to == pos && t.open:
			return s.inside(t, pos)
		case t.to == pos && (t.kind == pattern || t.kind == tilde || t.kind == boost):
			return Place{From: pos, To: pos}
		}
		s.take(t.token)
	}
}

// want is what a scan expects next.
type want byte

const (
	wantClause   want = iota
	wantOperand       // a clause behind NOT, + or -
	wantMore          // an operator or a clause
	wantValue         // behind a colon
	wantCompared      // the value of a comparison
	wantLower         // the first bound of a range
	wantTo            // TO
	wantUpper         // the second bound
	wantClosing       // a closing bracket
)

// scan goes through what stands before a position and forgives everything.
type scan struct {
	full   []rune
	lex    lexer // over what stands before the position
	want   want
	groups []scope // the groups that are open, each with the field of its values
	named  scope   // the field of the value at hand
	last   token
}

// piece is a token, which may be the one that is being typed.
type piece struct {
	token
	open bool // what follows could be a part of it
	cut  bool // it ends in a backslash that escapes what follows
}

// next gives the next token. What cannot be read is taken for a word.
func (s *scan) next() piece {
	for s.lex.at < len(s.lex.in) && blank(s.lex.in[s.lex.at]) {
		s.lex.at++
	}
	start, was := s.lex.at, s.lex
	t, err := s.lex.next()
	if err == nil {
		letters := t.kind != end && unicode.IsLetter(s.lex.in[t.from])
		return piece{token: t, open: t.kind == word || letters && t.kind != quoted && t.kind != pattern}
	}
	if at := s.lex.at; at < len(s.lex.in) && narrow(s.lex.in[at]) != s.lex.in[at] {
		s.lex = was
		s.lex.in[at] = narrow(s.lex.in[at]) // an error of the query names it; what is meant is clear
		return s.next()
	}
	t = token{kind: word, from: start}
	first := s.lex.in[start]
	switch {
	case first == '"':
		t.kind, s.lex.at = quoted, len(s.lex.in)
		start++
	case first == '^':
		t.kind, s.lex.at = boost, start+1
	case first == '/' && !was.inRange:
		s.lex.at = start + s.lex.run(start, func(r rune) bool { return !blank(r) && r != '(' && r != ')' && r != '"' })
	case s.lex.at == start:
		s.lex.at++
	}
	t.to = s.lex.at
	var cut bool
	t.text, cut = unescaped(s.lex.in[start:t.to])
	return piece{token: t, open: cut || t.kind == quoted || first == '/' || unicode.IsLetter(first), cut: cut}
}

// take moves on over a token.
func (s *scan) take(t token) {
	switch t.kind {
	case word, quoted, pattern:
		s.takeValue()
	case colon:
		s.want, s.named = wantValue, scope{field: s.last.text}
		if s.last.bare && (s.last.text == "*" || s.last.text == ExistsField) {
			s.named = scope{exists: s.last.text == ExistsField}
		}
	case open:
		s.groups = append(s.groups, s.scope())
		s.want = wantClause
	case closing:
		s.groups = s.groups[:max(1, len(s.groups)-1)]
		s.want = wantMore
	case and, or:
		s.want = wantClause
	case not, plus, minus:
		s.want = wantOperand
	case compare:
		s.named, s.want = s.scope(), wantCompared
	case rangeOpen:
		s.named, s.want = s.scope(), wantLower
	case rangeTo:
		s.want = wantUpper
	case rangeClose:
		s.want = wantMore
	}
	s.last = t
}

// takeValue moves on over a value, of a clause or of a range.
func (s *scan) takeValue() {
	switch s.want {
	case wantLower, wantTo:
		s.want = wantTo
	case wantUpper, wantClosing:
		s.want = wantClosing
	default:
		s.want = wantMore
	}
}

// scope is the field of what comes next.
func (s *scan) scope() scope {
	switch s.want {
	case wantClause, wantOperand, wantMore:
		return s.groups[len(s.groups)-1]
	}
	return s.named
}

// gap is the place at pos, where nothing of what may stand there has been typed.
func (s *scan) gap(pos int) Place {
	at, p := s.scope(), Place{From: pos, To: pos}
	if p.Field = at.field; at.exists {
		p.Field = ExistsField
	}
	p.Fields = s.want <= wantMore && p.Field == ""
	p.Values = s.want != wantTo && s.want != wantClosing
	switch s.want {
	case wantMore:
		p.Operators = []string{"AND", "OR", "NOT"}
	case wantClause:
		p.Operators = []string{"NOT"}
	case wantTo:
		p.Operators = []string{"TO"}
	case wantClosing:
		p.Operators = []string{"]", "}"}
	}
	if s.want == wantValue && !at.exists || s.want <= wantMore && at.field != "" {
		p.Operators = append(p.Operators, ">", ">=", "<", "<=")
	}
	return p
}

// inside is the place at pos, which is in t or right behind it.
func (s *scan) inside(t piece, pos int) Place {
	p := s.gap(pos)
	p.From, p.Typed = t.from, t.text
	if t.kind == quoted {
		p.Fields, p.Operators, p.To = false, nil, s.quoteEnd(t, pos)
		return p
	}
	p.Operators = slices.DeleteFunc(p.Operators, func(op string) bool { return strings.Trim(op, "<>=]}") == "" })
	stop := func(r rune) bool { return !blank(r) && (!special(r) || r == '*' || r == '?') }
	if s.want >= wantLower {
		stop = func(r rune) bool { return !blank(r) && !strings.ContainsRune(`[]{}()"`, r) }
	}
	p.To = pos + wordLength(s.full[pos:], stop, t.cut)
	if p.Fields && p.To < len(s.full) && s.full[p.To] == ':' {
		p.To, p.Values, p.Operators = p.To+1, false, nil
	}
	return p
}

// quoteEnd is the end of the phrase around pos. Where the query is wrong, its next quote may be that of another phrase.
func (s *scan) quoteEnd(t piece, pos int) int {
	if n := wordLength(s.full[pos:], func(r rune) bool { return r != '"' }, t.cut); pos+n < len(s.full) {
		if _, bad := parse(s.full); bad == nil {
			return pos + n + 1
		}
	}
	n := wordLength(s.full[pos:], func(r rune) bool { return !blank(r) && r != '"' && r != ')' && r != ']' && r != '}' }, t.cut)
	if pos+n < len(s.full) && s.full[pos+n] == '"' {
		n++
	}
	return pos + n
}

// wordLength counts the characters from the beginning for which ok holds or which are escaped; the first one is, if
// escaped says so.
func wordLength(in []rune, ok func(rune) bool, escaped bool) int {
	n := 0
	for n < len(in) && (escaped || in[n] == '\\' || ok(in[n])) {
		escaped = !escaped && in[n] == '\\'
		n++
	}
	return n
}

// unescaped gives a text without the backslashes of its escapes, and whether one at its end escapes nothing.
func unescaped(in []rune) (text string, cut bool) {
	var b strings.Builder
	for _, r := range in {
		if cut = !cut && r == '\\'; !cut {
			b.WriteRune(r)
		}
	}
	return b.String(), cut
}
