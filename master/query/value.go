package query

import (
	"fmt"
	"strconv"
	"strings"
)

// ExistsField is the field whose values are the names of fields.
const ExistsField = "_exists_"

// scope is what stands before a value.
type scope struct {
	field  string // empty: any
	exists bool   // the value is the name of a field
	named  bool   // the field stands directly before the value, not before a group around it
	from   int    // where the clause begins
	colon  int    // where the colon of a named one ends
}

// value reads a clause, or what is behind its colon, that is neither a word nor in quotes.
func (p *parser) value(at scope) (Query, *Error) {
	switch k := p.tok.kind; {
	case k == open:
		return p.group(at)
	case k == colon:
		return nil, p.colon(at, p.tok.from)
	case k == minus && at.named:
		return nil, p.fail("a value that begins with - needs an escape", `the value as \-… or in quotes`, p.inQuotes(p.tok.from))
	case (k == plus || k == not) && at.named:
		return nil, p.fail(p.tok.text+" cannot follow the colon", p.tok.text+" in front of the field", edit{at.from, p.tok.to, p.tok.text + " " + string(p.lex.in[at.from:at.colon])})
	case k != pattern && k != rangeOpen && k != compare && at.named:
		return nil, p.fail("there is no value after the colon", "a word, a quoted phrase, a comparison or a group in parentheses", edit{at.colon, at.colon, p.star(at.colon)})
	case k == tilde || k == boost:
		sign := string(p.lex.in[p.tok.from])
		return nil, p.fail(sign+" has nothing to its left", `a word before it, or the character as \`+sign)
	case at.exists:
		return nil, p.fail("this is not the name of a field", "a name such as "+ExistsField+":tags")
	case k == pattern:
		return p.regexp(at)
	case k == rangeOpen:
		return p.ranged(at)
	case k == compare:
		return p.comparison(at)
	}
	return nil, p.fail(fmt.Sprintf("%q cannot stand here", p.tok.text), "a word")
}

// star is "*" in place of a value that is missing at from, kept apart from what follows.
func (p *parser) star(from int) string {
	if p.tok.from == from && p.tok.kind != end && p.tok.kind != closing {
		return "* "
	}
	return "*"
}

// word makes the query of a word or a phrase; the token after it is at hand.
func (p *parser) word(at scope, t token) (Query, *Error) {
	if p.tok.kind == colon {
		return nil, p.colon(at, t.from)
	}
	if at.exists {
		return p.exists(t)
	}
	if t.kind == quoted {
		return p.phrase(at, t)
	}
	if err := p.misplaced(at, t); err != nil {
		return nil, err
	}
	var q Query = &Term{Field: at.field, Text: t.text}
	switch {
	case p.tok.kind == tilde && len(t.wild) > 0:
		return nil, p.fail("a word with wildcards cannot be fuzzy", `a blank or an operator, or the ~ as \~`, edit{p.tok.from, p.tok.to, ""})
	case p.tok.kind == tilde:
		edits, err := p.edits()
		if err != nil {
			return nil, err
		}
		if err := p.chargeFuzzy(t); err != nil {
			return nil, err
		}
		q = &Fuzzy{Field: at.field, Text: t.text, Edits: edits}
	case len(t.wild) > 0:
		w, err := p.wildcard(at, t)
		if err != nil {
			return nil, err
		}
		q = w
	}
	return q, p.boost()
}

// colon is the error for a colon inside a value, or without a field. Addresses have them, and so may tags.
func (p *parser) colon(at scope, value int) *Error {
	if !p.loose(at.from) && (at.named || p.lex.at < len(p.lex.in) && p.lex.in[p.lex.at] == ':') {
		return p.fail("a colon inside a value needs an escape", `the value in quotes, or each colon as \:`, p.inQuotes(at.from))
	}
	switch {
	case p.last.kind == colon:
		return p.fail("there is no value between the colons", "a word, or the value in quotes")
	case at.named || p.last.kind == word || p.last.kind == quoted:
		bad := p.fail("a value cannot hold a colon", `an operator or a blank, the colon as \:, or the value in quotes`)
		if p.lex.in[value] != '"' {
			bad.fix = []edit{p.inQuotes(value)}
		}
		return bad
	}
	return p.fail("there is no field before the colon", `a field name, or the colon as \:`, edit{p.tok.from, p.tok.to, ""})
}

// loose reports whether what begins at from is anything but an IPv6 or hardware address.
func (p *parser) loose(from int) bool {
	edit := p.inQuotes(from)
	return strings.Trim(string(p.lex.in[from:edit.to]), "0123456789abcdefABCDEF:.") != ""
}

// inQuotes puts quotes around what stands between blanks or parentheses.
func (p *parser) inQuotes(from int) edit {
	n := p.lex.run(from, func(r rune) bool { return !blank(r) && r != '(' && r != ')' && r != '"' })
	return edit{from, from + n, quoteRaw(p.lex.in[from : from+n])}
}

// misplaced finds comparisons that lack their colon, and signs of equality, which the colon is.
func (p *parser) misplaced(at scope, t token) *Error {
	if at.named && p.lex.in[t.from] == '=' {
		n := p.lex.run(t.from, func(r rune) bool { return strings.ContainsRune("=<>", r) })
		op := string(p.lex.in[t.from : t.from+n])
		instead := map[string]string{"=>": ">=", "=<": "<="}[op]
		return fail(t.from, op+" is not an operator", `the value alone, one of > >= < <=, or the character as \=`, edit{t.from, t.from + n, instead})
	}
	if t.bare && strings.Trim(t.text, "=") == "" {
		return p.equal(t)
	}
	if at.field != "" || t.angle == 0 {
		return nil
	}
	bad := fail(t.from, "a comparison needs a colon behind its field", `a comparison such as os.cpus:>8, or the characters as \< and \>`)
	if name, rest := t.text[:strings.IndexAny(t.text, "<>")], t.text[strings.IndexAny(t.text, "<>"):]; t.bare {
		if short, equal := strings.CutSuffix(name, "="); equal {
			name, rest = short, rest[:1]+"="+rest[1:]
		}
		bad.fix = []edit{{t.from, t.to, name + ":" + rest}}
	}
	return bad
}

// equal is the error for a sign of equality between blanks. What stands around it are probably a field and its value.
func (p *parser) equal(t token) *Error {
	bad := fail(t.from, t.text+" is not an operator", `a colon behind the field, such as os.cpus:8, or the character as \=`)
	to := t.from
	for to > 0 && blank(p.lex.in[to-1]) {
		to--
	}
	from := to
	for from > 0 && !blank(p.lex.in[from-1]) && p.lex.in[from-1] != '(' {
		from--
	}
	left := string(p.lex.in[from:to])
	if left != "" && left == escape(left) && (p.tok.kind == word || p.tok.kind == quoted) {
		bad.fix = []edit{{to, p.tok.from, ":"}}
	}
	return bad
}

func (p *parser) exists(t token) (Query, *Error) {
	switch {
	case t.kind == word && t.text == "*" && t.bare:
		return All{}, p.boost()
	case len(t.wild) > 0 || t.text == "" || p.tok.kind == tilde:
		return nil, fail(t.from, "this is not the name of a field", "a name such as "+ExistsField+":tags, without wildcards")
	}
	return Exists{Field: t.text}, p.boost()
}

func (p *parser) phrase(at scope, t token) (Query, *Error) {
	q := &Term{Field: at.field, Text: t.text, Quoted: true}
	if p.tok.kind != tilde {
		return q, p.boost()
	}
	slop, err := strconv.Atoi(p.tok.text)
	switch {
	case p.tok.text == "":
		return nil, fail(p.tok.to, "how far apart the words may be is missing", "a number of positions behind the ~", edit{p.tok.from, p.tok.to, ""})
	case strings.Contains(p.tok.text, "."):
		return nil, fail(p.tok.from+1, "this is not a number of positions", "a whole number")
	case err != nil || slop > MaxSlop:
		return nil, fail(p.tok.from+1, fmt.Sprintf("the words may be at most %d positions apart", MaxSlop), "", edit{p.tok.from + 1, p.tok.to, itoa(MaxSlop)})
	}
	q.Slop = slop
	if err := p.advance(); err != nil {
		return nil, err
	}
	return q, p.boost()
}

// edits reads the ~ of a fuzzy term.
func (p *parser) edits() (int, *Error) {
	t := p.tok
	n, err := strconv.Atoi(t.text)
	switch {
	case t.text == "":
		n = Auto
	case strings.Contains(t.text, "."):
		return 0, fail(t.from+1, "this is not a number of edits", "0, 1, 2 or nothing behind the ~", edit{t.from + 1, t.to, ""})
	case err != nil || n > MaxEdits:
		return 0, fail(t.from+1, fmt.Sprintf("a fuzzy word may differ by %d edits at most", MaxEdits), "0, 1, 2 or nothing behind the ~", edit{t.from + 1, t.to, itoa(MaxEdits)})
	}
	return n, p.advance()
}
