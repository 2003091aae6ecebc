package query

import (
	"fmt"
	"strings"
)

// quote reads a phrase up to its closing quote.
func (l *lexer) quote() (token, *Error) {
	t := token{kind: quoted, from: l.at}
	var b strings.Builder
	for l.at++; l.at < len(l.in); l.at++ {
		switch r := l.in[l.at]; r {
		case '"':
			l.at++
			t.to, t.text = l.at, b.String()
			return t, nil
		case '\\':
			if l.at++; l.at == len(l.in) {
				return t, l.trailing()
			}
			b.WriteRune(l.in[l.at])
		default:
			b.WriteRune(r)
		}
	}
	fix := edit{l.at, l.at, `"`}
	for i := t.from; i < l.at; i++ {
		if l.in[i] == '”' {
			fix = edit{i, i + 1, `"`}
			break
		}
	}
	return t, fail(l.at, fmt.Sprintf("the quote that begins at column %d is not closed", t.from+1), `"`, fix)
}

// word reads up to a blank or a special character. A slash inside a word is a character like any other, so that an
// address with its prefix length needs no escape.
func (l *lexer) word() (token, *Error) {
	t := token{kind: word, from: l.at, bare: true}
	var text []rune
	for ; l.at < len(l.in); l.at++ {
		r := l.in[l.at]
		if wide(r, false) {
			return t, l.fullWidth()
		}
		if r == '*' || r == '?' {
			t.wild = append(t.wild, len(text))
		} else if special(r) || blank(r) {
			break
		}
		if (r == '<' || r == '>') && t.angle == 0 {
			t.angle = len(text)
		}
		if r == '\\' {
			if l.at++; l.at == len(l.in) {
				return t, l.trailing()
			}
			r, t.bare = l.in[l.at], false
		}
		text = append(text, r)
	}
	t.to, t.text = l.at, string(text)
	if !t.bare {
		return t, nil
	}
	if t.kind = operator(t.text); t.kind == word {
		if narrow := strings.Map(narrow, t.text); narrow != t.text && operator(narrow) != word {
			return t, fail(t.from, t.text+" is written in full-width characters", narrow+", or the word in quotes", edit{t.from, t.to, narrow})
		}
	}
	return t, nil
}

// regexp reads a regular expression. What stands directly behind it shows that it was meant as a path.
func (l *lexer) regexp() (token, *Error) {
	t := token{kind: pattern, from: l.at}
	path := l.run(l.at, func(r rune) bool { return !blank(r) && r != '(' && r != ')' && r != '"' })
	inQuotes := edit{t.from, t.from + path, quoteRaw(l.in[t.from : t.from+path])}
	var text []rune
	for l.at++; l.at < len(l.in) && l.in[l.at] != '/'; l.at++ {
		if l.in[l.at] == '\\' && l.at+1 < len(l.in) {
			if l.at++; l.in[l.at] != '/' {
				text = append(text, '\\')
			}
		}
		text = append(text, l.in[l.at])
	}
	if l.at == len(l.in) {
		return t, fail(l.at, fmt.Sprintf("the regular expression that begins at column %d is not closed", t.from+1), "a /; a path in quotes", inQuotes)
	}
	l.at++
	t.to, t.text = l.at, string(text)
	if l.at < len(l.in) && !blank(l.in[l.at]) && l.in[l.at] != ')' && l.in[l.at] != '^' {
		return t, fail(l.at, "the regular expression ends before this", "an operator, a blank or the end; a path in quotes", inQuotes)
	}
	return t, nil
}

// bound reads what stands inside brackets: a word up to a blank or a bracket, TO, or the closing bracket.
func (l *lexer) bound() (token, *Error) {
	if r := l.in[l.at]; r == ']' || r == '}' {
		l.inRange = false
		return l.take(rangeClose, 1), nil
	}
	t := token{kind: word, from: l.at, bare: true}
	var text []rune
	for ; l.at < len(l.in); l.at++ {
		r := l.in[l.at]
		if strings.ContainsRune("［］｛｝“”＂", r) {
			return t, l.fullWidth()
		}
		if blank(r) || strings.ContainsRune(`[]{}()"`, r) {
			break
		}
		if r == '*' || r == '?' {
			t.wild = append(t.wild, len(text))
		}
		if r == '\\' {
			if l.at++; l.at == len(l.in) {
				return t, l.trailing()
			}
			r, t.bare = l.in[l.at], false
		}
		text = append(text, r)
	}
	t.to, t.text = l.at, string(text)
	switch {
	case t.from == t.to:
		return t, fail(l.at, fmt.Sprintf("%q cannot stand in a range", l.in[l.at]), `a bound, TO or a closing bracket, or the character as \`+string(l.in[l.at]))
	case t.bare && t.text == "TO":
		t.kind = rangeTo
	}
	return t, nil
}

func (l *lexer) trailing() *Error {
	return fail(l.at-1, "a backslash at the end escapes nothing", `the character to escape, or the backslash as \\`, edit{l.at, l.at, `\`})
}
