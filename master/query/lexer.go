package query

import (
	"strings"
	"unicode"
)

// kind is the kind of a token.
type kind byte

const (
	end    kind = iota
	word        // text with escapes resolved; wild marks the unescaped * and ?
	quoted      // text without its quotes
	colon
	open
	closing
	and
	or
	not
	plus
	minus
)

// token is one piece of a query.
type token struct {
	kind   kind
	column int // of its first character, from 1
	text   string
	wild   []int // indexes in runes of text of unescaped * and ?
	bare   bool  // nothing in it was escaped
}

// lexer cuts a query into tokens.
type lexer struct {
	in []rune
	at int
}

func (l *lexer) fail(at int, message, expected string) *Error {
	return &Error{Column: at + 1, Message: message, Expected: expected}
}

// unknown is the error for Lucene syntax that this version does not evaluate.
func (l *lexer) unknown(at int, what, instead string) *Error {
	return l.fail(at, what+" are not part of the query language yet known to this version", instead)
}

func blank(r rune) bool { return unicode.IsSpace(r) }

// special reports whether r ends a word unless it is escaped.
func special(r rune) bool { return strings.ContainsRune(`!():^[]"{}~*?`, r) }

var single = map[rune]kind{':': colon, '(': open, ')': closing, '!': not, '+': plus, '-': minus}

// next gives the next token.
func (l *lexer) next() (token, *Error) {
	for l.at < len(l.in) && blank(l.in[l.at]) {
		l.at++
	}
	if l.at == len(l.in) {
		return token{kind: end, column: l.at + 1}, nil
	}
	start, r := l.at, l.in[l.at]
	if k, ok := single[r]; ok {
		l.at++
		return token{kind: k, column: start + 1, text: string(r)}, nil
	}
	switch r {
	case '"':
		return l.quote()
	case '[', '{':
		return token{}, l.unknown(start, `ranges such as [a TO b]`, "a word, or the bracket as \\"+string(r))
	case ']', '}':
		return token{}, l.fail(start, `there is no range that this bracket could close`, "a word, or the bracket as \\"+string(r))
	case '/':
		return token{}, l.unknown(start, "regular expressions", `a word, or the slash as \/`)
	case '^':
		return token{}, l.unknown(start, "boosts", `a word, or the character as \^`)
	case '~':
		return token{}, l.unknown(start, "fuzzy words and distances", `a word, or the character as \~`)
	}
	return l.word()
}

// quote reads a phrase up to its closing quote.
func (l *lexer) quote() (token, *Error) {
	start := l.at
	var b strings.Builder
	for l.at++; l.at < len(l.in); l.at++ {
		switch r := l.in[l.at]; r {
		case '"':
			l.at++
			return token{kind: quoted, column: start + 1, text: b.String()}, nil
		case '\\':
			if l.at++; l.at == len(l.in) {
				return token{}, l.trailing()
			}
			b.WriteRune(l.in[l.at])
		default:
			b.WriteRune(r)
		}
	}
	return token{}, l.fail(len(l.in), `the quote that begins at column `+itoa(start+1)+` is not closed`, `"`)
}

// word reads up to a blank or a special character. A slash inside a word is a character like any other, so that an
// address with its prefix length needs no escape.
func (l *lexer) word() (token, *Error) {
	t := token{kind: word, column: l.at + 1, bare: true}
	var text []rune
	for ; l.at < len(l.in); l.at++ {
		r := l.in[l.at]
		if r == '*' || r == '?' {
			t.wild = append(t.wild, len(text))
		} else if r == '\\' {
			if l.at++; l.at == len(l.in) {
				return token{}, l.trailing()
			}
			r, t.bare = l.in[l.at], false
		} else if special(r) || blank(r) {
			break
		}
		text = append(text, r)
	}
	if t.text = string(text); t.bare {
		t.kind = operator(t.text)
	}
	return t, nil
}

func (l *lexer) trailing() *Error {
	return l.fail(l.at-1, "a backslash at the end escapes nothing", `the character to escape, or the backslash as \\`)
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
