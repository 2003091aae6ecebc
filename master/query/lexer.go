package query

import (
	"fmt"
	"strings"
	"unicode"
)

// kind is the kind of a token.
type kind byte

const (
	end     kind = iota
	word         // text with escapes resolved; wild marks the unescaped * and ?
	quoted       // text without its quotes
	pattern      // text of a regular expression without its slashes
	colon
	open
	closing
	and
	or
	not
	plus
	minus
	compare    // > >= < <=
	tilde      // text is the number behind it, may be empty
	boost      // a ^ and its number
	rangeOpen  // [ or {
	rangeTo    // TO inside a range
	rangeClose // ] or }
)

// token is one piece of a query. Positions are in characters from 0.
type token struct {
	kind     kind
	from, to int // to is behind it
	text     string
	wild     []int // indexes in the characters of text of unescaped * and ?
	bare     bool  // nothing in it was escaped
	angle    int   // of the first unescaped < or > inside the word; 0: none
}

// lexer cuts a query into tokens. Brackets begin a mode of their own: what is between them are bounds.
type lexer struct {
	in      []rune
	at      int
	inRange bool
	inValue bool // behind a comparison: a sign is part of the word
}

func fail(at int, message, expected string, fix ...edit) *Error {
	return &Error{Column: at + 1, Message: message, Expected: expected, fix: fix}
}

func blank(r rune) bool { return unicode.IsSpace(r) }

// special reports whether r ends a word unless it is escaped.
func special(r rune) bool { return strings.ContainsRune(`!():^[]"{}~*?`, r) }

var single = map[rune]kind{':': colon, '(': open, ')': closing, '+': plus, '-': minus, '[': rangeOpen, '{': rangeOpen}

// next gives the next token.
func (l *lexer) next() (token, *Error) {
	for l.at < len(l.in) && blank(l.in[l.at]) {
		l.at++
	}
	if l.at == len(l.in) {
		return token{kind: end, from: l.at, to: l.at}, nil
	}
	r, inValue := l.in[l.at], l.inValue
	l.inValue = false
	if r == '"' {
		return l.quote()
	}
	if l.inRange {
		return l.bound()
	}
	if k, ok := single[r]; ok && (!inValue || k != plus && k != minus) {
		l.inRange = k == rangeOpen
		return l.take(k, 1), nil
	}
	switch r {
	case '!':
		return l.bang()
	case '/':
		return l.regexp()
	case '<', '>':
		return l.compare()
	case '^':
		return l.boost()
	case '~':
		return l.tilde()
	case ']', '}':
		return token{}, fail(l.at, "there is no range that this bracket could close", `a word, or the bracket as \`+string(r), edit{l.at, l.at + 1, ""})
	}
	if wide(r, true) {
		return token{}, l.fullWidth()
	}
	return l.word()
}

// take gives the next n characters as a token.
func (l *lexer) take(k kind, n int) token {
	t := token{kind: k, from: l.at, to: l.at + n, text: string(l.in[l.at : l.at+n])}
	l.at += n
	return t
}

// run counts the characters from at on for which ok holds.
func (l *lexer) run(at int, ok func(rune) bool) int {
	n := 0
	for at+n < len(l.in) && ok(l.in[at+n]) {
		n++
	}
	return n
}

// bang reads !. What other languages write as != is told apart, since it would exclude the word "=8".
func (l *lexer) bang() (token, *Error) {
	if l.at+1 < len(l.in) && l.in[l.at+1] == '=' {
		from := l.at
		for from > 0 && !blank(l.in[from-1]) && !special(l.in[from-1]) {
			from--
		}
		bad := fail(l.at, "!= is not an operator", `NOT in front of the field, such as "NOT tags:db"`)
		if from < l.at {
			n := l.run(l.at+1, func(r rune) bool { return r == '=' })
			bad.fix = []edit{{from, l.at + 1 + n, "NOT " + string(l.in[from:l.at]) + ":"}}
		}
		return token{}, bad
	}
	return l.take(not, 1), nil
}

func (l *lexer) compare() (token, *Error) {
	n := l.run(l.at, func(r rune) bool { return strings.ContainsRune("<>=", r) })
	t := l.take(compare, n)
	if t.text != ">" && t.text != "<" && t.text != ">=" && t.text != "<=" {
		return t, fail(t.from, t.text+" is not an operator", "one of > >= < <=")
	}
	l.inValue = true
	return t, nil
}

func number(r rune) bool { return r >= '0' && r <= '9' || r == '.' }

// boost reads a ^ and its number, which changes nothing but must be one.
func (l *lexer) boost() (token, *Error) {
	n := l.run(l.at+1, func(r rune) bool { return !blank(r) && !special(r) })
	t := l.take(boost, n+1)
	whole, part, split := strings.Cut(t.text[1:], ".")
	if strings.Trim(whole+part, "0123456789") != "" || whole == "" || split && part == "" {
		return t, fail(t.from+1, "this is not the number of a boost", `a number such as 2 or 0.5, or the character as \^`, edit{t.from, t.to, ""})
	}
	return t, nil
}

// tilde reads a ~ and the number behind it.
func (l *lexer) tilde() (token, *Error) {
	t := l.take(tilde, 1+l.run(l.at+1, number))
	t.text = t.text[1:]
	if l.at < len(l.in) && !blank(l.in[l.at]) && l.in[l.at] != ')' && l.in[l.at] != '^' {
		return t, fail(l.at, fmt.Sprintf("%q cannot follow ~", l.in[l.at]), `a number, a blank or the end, or the ~ as \~`, edit{t.from, t.from, `\`})
	}
	return t, nil
}

// operator gives the kind of a word without escapes.
func operator(s string) kind {
	switch s {
	case "AND", "&&":
		return and
	case "OR", "||":
		return or
	case "NOT":
		return not
	default:
		return word
	}
}
