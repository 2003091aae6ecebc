package query

import (
	"fmt"
	"strconv"
	"strings"

	"stathub/state"
)

// The bounds of a query. They are far beyond what a person types, and keep a hostile one cheap.
const (
	MaxLength  = 16 << 10 // characters
	MaxDepth   = 100      // groups within groups
	MaxClauses = 1024     // in all groups together, as in Lucene
	MaxEdits   = 2        // of a fuzzy term, as in Lucene
	MaxSlop    = 1000     // positions
)

func itoa(n int) string { return strconv.Itoa(n) }

// Parse reads a query. Nothing but blanks is All. Errors are *state.Error of code Invalid around an *Error that has
// the column.
func Parse(s string) (Query, error) {
	in := []rune(s)
	q, bad := parse(in)
	if bad != nil {
		bad.Nearest = nearest(in, bad)
		return nil, state.Errorf(state.Invalid, "", "cannot read the query: %w", bad)
	}
	return q, nil
}

func parse(in []rune) (Query, *Error) {
	p := &parser{lex: lexer{in: in}}
	return p.query()
}

// parser is a recursive descent over the tokens, one ahead.
type parser struct {
	lex   lexer
	tok   token
	last  token // the one before tok
	depth int
	count int // of clauses
	work  int // that the patterns so far take to be compiled
}

func (p *parser) advance() *Error {
	t, err := p.lex.next()
	p.last, p.tok = p.tok, t
	return err
}

func (p *parser) fail(message, expected string, fix ...edit) *Error {
	return fail(p.tok.from, message, expected, fix...)
}

func (p *parser) query() (Query, *Error) {
	if len(p.lex.in) > MaxLength {
		return nil, fail(MaxLength, fmt.Sprintf("the query is longer than %d characters", MaxLength), "")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == end {
		return All{}, nil
	}
	if p.tok.kind == closing {
		return nil, p.fail("this parenthesis closes nothing", "a word", edit{p.tok.from, p.tok.to, ""})
	}
	q, err := p.clauses(scope{})
	if err == nil && p.tok.kind != end {
		err = p.fail("this parenthesis closes nothing", "an operator, a word or the end", edit{p.tok.from, p.tok.to, ""})
	}
	return q, err
}

// clauses reads up to the end or a closing parenthesis. An operator changes its neighbours; AND does not bind more
// tightly than OR, as in Lucene's classic parser.
func (p *parser) clauses(around scope) (Query, *Error) {
	var all []Clause
	for p.tok.kind != end && p.tok.kind != closing {
		if p.count++; p.count > MaxClauses {
			return nil, p.fail(fmt.Sprintf("there are more than %d clauses", MaxClauses), "")
		}
		joined, err := p.conjunction(len(all) == 0)
		if err != nil {
			return nil, err
		}
		occur, err := p.modifier()
		if err != nil {
			return nil, err
		}
		q, err := p.clause(around)
		if err != nil {
			return nil, err
		}
		if joined {
			if last := &all[len(all)-1]; last.Occur == Should {
				last.Occur = Must
			}
			if occur == Should {
				occur = Must
			}
		}
		all = append(all, Clause{occur, q})
	}
	if len(all) == 1 && all[0].Occur != MustNot {
		return all[0].Query, nil
	}
	return &Bool{all}, nil
}

// conjunction reads AND or OR and reports whether it was AND.
func (p *parser) conjunction(first bool) (joined bool, err *Error) {
	if p.tok.kind != and && p.tok.kind != or {
		return false, nil
	}
	if first {
		return false, p.fail(fmt.Sprintf("%s has nothing to its left", p.tok.text), "a word before it", edit{p.tok.from, p.tok.to, ""})
	}
	op := p.tok
	if err := p.advance(); err != nil {
		return false, err
	}
	switch p.tok.kind {
	case and, or:
		return false, p.doubled(op)
	case end, closing:
		return false, p.dangling(op)
	}
	return op.kind == and, nil
}

// modifier reads one of + - ! NOT.
func (p *parser) modifier() (Occur, *Error) {
	var occur Occur
	switch p.tok.kind {
	case plus:
		occur = Must
	case minus, not:
		occur = MustNot
	default:
		return Should, nil
	}
	op := p.tok
	if err := p.advance(); err != nil {
		return occur, err
	}
	switch p.tok.kind {
	case plus, minus, not, and, or:
		return occur, p.doubled(op)
	case end, closing:
		return occur, p.dangling(op)
	}
	return occur, nil
}

// doubled is the error for an operator behind op. One that is the same was typed twice, but two negations may be meant.
func (p *parser) doubled(op token) *Error {
	bad := p.fail(fmt.Sprintf("%s follows %s", p.tok.text, op.text), "a word between them")
	if p.tok.kind == op.kind && op.kind != not && op.kind != minus {
		bad.fix = []edit{{op.from, p.tok.from, ""}}
	}
	return bad
}

func (p *parser) dangling(op token) *Error {
	from := op.from
	for from > 0 && blank(p.lex.in[from-1]) {
		from--
	}
	return p.fail(fmt.Sprintf("%s has nothing to its right", op.text), "a word", edit{from, op.to, ""})
}

// clause reads a group or a value, with the field that may stand before it and the boost behind it. Without a field of
// its own, that of the group around it holds.
func (p *parser) clause(around scope) (Query, *Error) {
	first := p.tok
	at := scope{field: around.field, exists: around.exists, from: first.from}
	if first.kind == word || first.kind == quoted {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.tok.kind != colon {
			return p.word(at, first)
		}
		name, err := p.field(first)
		if err != nil {
			return nil, err
		}
		if name == ExistsField && first.bare {
			return p.named(scope{exists: true, named: true, from: first.from})
		}
		return p.named(scope{field: name, named: true, from: first.from})
	}
	return p.value(at)
}

// named reads what stands behind a field's colon.
func (p *parser) named(at scope) (Query, *Error) {
	at.colon = p.tok.to
	if err := p.advance(); err != nil {
		return nil, err
	}
	if first := p.tok; first.kind == word || first.kind == quoted {
		if err := p.advance(); err != nil {
			return nil, err
		}
		return p.word(at, first)
	}
	return p.value(at)
}

// field checks the word before a colon. "*" is any field.
func (p *parser) field(t token) (string, *Error) {
	switch {
	case t.kind == word && t.text == "*" && t.bare:
		return "", nil
	case t.kind == quoted && t.text != "":
		return "", fail(t.from, "a field name is written without quotes", `a name such as os.cpus`, edit{t.from, t.to, escape(t.text)})
	case t.kind == quoted || len(t.wild) > 0:
		return "", fail(t.from, "this is not a field name", `a name such as os.cpus without wildcards, or the colon as \:`)
	}
	return t.text, nil
}

func (p *parser) group(at scope) (Query, *Error) {
	from := p.tok.from
	if p.depth++; p.depth > MaxDepth {
		return nil, p.fail(fmt.Sprintf("there are more than %d groups within each other", MaxDepth), "")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == closing {
		return nil, p.fail("there is nothing between the parentheses", "a word", edit{at.from, p.tok.to, ""})
	}
	if p.tok.kind == end {
		return nil, p.fail(fmt.Sprintf("the parenthesis at column %d is not closed", from+1), "a word")
	}
	q, err := p.clauses(at)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != closing {
		return nil, p.fail(fmt.Sprintf("the parenthesis at column %d is not closed", from+1), ")", edit{p.last.to, p.last.to, ")"})
	}
	p.depth--
	if err := p.advance(); err != nil {
		return nil, err
	}
	return q, p.boost()
}

// boost reads over a boost.
func (p *parser) boost() *Error {
	if p.tok.kind != boost {
		return nil
	}
	return p.advance()
}

var wildcardEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)
