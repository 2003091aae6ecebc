package query

import (
	"fmt"
	"strings"
)

// ranged reads a range in brackets.
func (p *parser) ranged(at scope) (Query, *Error) {
	begin := p.tok
	if err := p.advance(); err != nil {
		return nil, err
	}
	q := &Range{Field: at.field}
	var err *Error
	if q.From, err = p.bound(begin); err != nil {
		return nil, err
	}
	if p.tok.kind != rangeTo {
		return nil, p.noTo()
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if q.To, err = p.bound(begin); err != nil {
		return nil, err
	}
	if p.tok.kind != rangeClose {
		return nil, p.unclosed(begin)
	}
	q.From.Inclusive = begin.text == "[" && !q.From.Unbounded
	q.To.Inclusive = p.tok.text == "]" && !q.To.Unbounded
	if err := p.advance(); err != nil {
		return nil, err
	}
	return simple(q), p.boost()
}

// simple is the range, or what it means if it has no ends.
func simple(q *Range) Query {
	switch {
	case !q.From.Unbounded || !q.To.Unbounded:
		return q
	case q.Field == "":
		return All{}
	}
	return Exists{Field: q.Field}
}

// bound reads an end of a range in brackets.
func (p *parser) bound(begin token) (Bound, *Error) {
	t := p.tok
	switch {
	case t.kind == end:
		return Bound{}, p.fail(fmt.Sprintf("the range that begins at column %d is not closed", begin.from+1), "a range such as [1 TO 5]")
	case t.kind != word && t.kind != quoted:
		star := "*"
		if p.last.kind == rangeTo && p.last.to == t.from {
			star = " *"
		}
		return Bound{}, p.fail("a bound of the range is missing", "a value, or * for an open end", edit{t.from, t.from, star})
	case t.kind == word && t.bare && t.text == "*":
		return Bound{Unbounded: true}, p.advance()
	case len(t.wild) > 0:
		return Bound{}, fail(t.from, "a bound cannot have wildcards", "a value, or * alone for an open end")
	}
	return Bound{Text: t.text}, p.advance()
}

// noTo is the error for a range whose first bound is not followed by TO.
func (p *parser) noTo() *Error {
	bad := p.fail("there is no TO between the bounds", "TO, as in [1 TO 5]")
	switch t := p.tok; {
	case t.kind == word && t.bare && strings.EqualFold(t.text, "TO"):
		bad.fix = []edit{{t.from, t.to, "TO"}}
	case t.kind == word && t.bare && strings.Trim(t.text, "-.,") == "":
		bad.fix = []edit{{t.from, t.to, "TO"}}
	case t.kind == word || t.kind == quoted:
		bad.fix = []edit{{p.last.to, t.from, " TO "}}
	case t.kind == rangeClose && p.last.bare:
		for _, sep := range []string{"..", ",", "-"} {
			a, b, ok := strings.Cut(p.last.text, sep)
			if ok && digits(a) && digits(b) {
				bad.fix = []edit{{p.last.from, p.last.to, a + " TO " + b}}
				break
			}
		}
	}
	return bad
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func (p *parser) unclosed(begin token) *Error {
	if p.tok.kind != end {
		return p.fail("the range has more than two bounds", "] or }, or a bound with blanks in quotes")
	}
	closing := map[string]string{"[": "]", "{": "}"}[begin.text]
	return p.fail(fmt.Sprintf("the range that begins at column %d is not closed", begin.from+1), "] or }", edit{p.last.to, p.last.to, closing})
}

// comparison reads > >= < or <= and its value.
func (p *parser) comparison(at scope) (Query, *Error) {
	op := p.tok
	if at.field == "" && !at.named {
		return nil, p.noField(op)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	t := p.tok
	switch {
	case t.kind != word && t.kind != quoted:
		bad := p.fail("there is no value after "+op.text, "a value such as 8, or one in quotes")
		if at.named {
			bad.fix = []edit{{op.from, op.to, p.star(op.to)}}
		}
		return nil, bad
	case len(t.wild) > 0:
		return nil, fail(t.from, "a comparison cannot have wildcards", `a value, or the character as \* or \?`)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch p.tok.kind {
	case colon:
		return nil, p.colon(scope{named: true, from: t.from}, t.from)
	case tilde:
		return nil, p.fail("a comparison cannot be fuzzy", `a blank or an operator, or the ~ as \~`, edit{p.tok.from, p.tok.to, ""})
	}
	bound, none := Bound{Text: t.text, Inclusive: strings.HasSuffix(op.text, "=")}, Bound{Unbounded: true}
	q := &Range{Field: at.field, From: bound, To: none}
	if op.text[0] == '<' {
		q.From, q.To = none, bound
	}
	return q, p.boost()
}

// noField is the error for a comparison without a field. A word that stands before it is probably meant.
func (p *parser) noField(op token) *Error {
	bad := p.fail("a comparison needs a field", `a field and a colon before it, such as os.cpus:>8, or the character as \`+op.text[:1])
	last := p.last
	if last.kind == word && last.bare && len(last.wild) == 0 && (last.from == 0 || p.lex.in[last.from-1] != ':') {
		bad.fix = []edit{{last.to, op.from, ":"}}
	}
	return bad
}
