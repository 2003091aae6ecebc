package query

import (
	"fmt"
	"strconv"
	"strings"

	"stathub/state"
)

// The bounds of a query. They are far beyond what a person types, and keep a hostile one cheap.
const (
	MaxLength = 16 << 10 // characters
	MaxDepth  = 100      // groups within groups
	MaxEdits  = 2        // of a fuzzy term, as in Lucene
	MaxSlop   = 1000     // positions
)

var wildcardEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)

func itoa(n int) string { return strconv.Itoa(n) }

// Parse reads a query. Nothing but blanks is All. Errors are *state.Error of code Invalid around an *Error that has
// the column.
func Parse(s string) (Query, error) {
	p := &parser{lex: lexer{in: []rune(s)}}
	q, bad := p.query()
	if bad != nil {
		return nil, state.Errorf(state.Invalid, "", "cannot read the query: %w", bad)
	}
	return q, nil
}

// parser is a recursive descent over the tokens, one ahead.
type parser struct {
	lex   lexer
	tok   token
	depth int
}

func (p *parser) advance() *Error {
	t, err := p.lex.next()
	p.tok = t
	return err
}

func (p *parser) fail(message, expected string) *Error {
	return &Error{Column: p.tok.column, Message: message, Expected: expected}
}

func (p *parser) query() (Query, *Error) {
	if len(p.lex.in) > MaxLength {
		return nil, &Error{Column: MaxLength + 1, Message: fmt.Sprintf("the query is longer than %d characters", MaxLength)}
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == end {
		return All{}, nil
	}
	if p.tok.kind == closing {
		return nil, p.fail("this parenthesis closes nothing", "a word")
	}
	q, err := p.clauses("")
	if err == nil && p.tok.kind != end {
		err = p.fail("this parenthesis closes nothing", "an operator, a word or the end")
	}
	return q, err
}

// clauses reads up to the end or a closing parenthesis. An operator changes its neighbours; AND does not bind more
// tightly than OR, as in Lucene's classic parser.
func (p *parser) clauses(field string) (Query, *Error) {
	var all []Clause
	for p.tok.kind != end && p.tok.kind != closing {
		joined, err := p.conjunction(len(all) == 0)
		if err != nil {
			return nil, err
		}
		occur, err := p.modifier()
		if err != nil {
			return nil, err
		}
		q, err := p.clause(field)
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
		return false, p.fail(fmt.Sprintf("%s has nothing to its left", p.tok.text), "a word before it")
	}
	op := p.tok
	if err := p.advance(); err != nil {
		return false, err
	}
	switch p.tok.kind {
	case and, or:
		return false, p.fail(fmt.Sprintf("%s follows %s", p.tok.text, op.text), "a word between them")
	case end, closing:
		return false, p.fail(fmt.Sprintf("%s has nothing to its right", op.text), "a word")
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
		return occur, p.fail(fmt.Sprintf("%s follows %s", p.tok.text, op.text), "a word between them")
	case end, closing:
		return occur, p.fail(fmt.Sprintf("%s has nothing to its right", op.text), "a word")
	}
	return occur, nil
}

// clause reads a group or a value, with the field that may stand before it. Without one, field holds, which is that of
// the group around it.
func (p *parser) clause(field string) (Query, *Error) {
	named := false
	first := p.tok
	if first.kind == word || first.kind == quoted {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.tok.kind != colon {
			return p.value(field, first)
		}
		f, err := p.field(first)
		if err != nil {
			return nil, err
		}
		field, named = f, true
		if err := p.advance(); err != nil {
			return nil, err
		}
		if first = p.tok; first.kind == word || first.kind == quoted {
			if err := p.advance(); err != nil {
				return nil, err
			}
			return p.value(field, first)
		}
	}
	switch {
	case first.kind == open:
		return p.group(field)
	case first.kind == minus && named:
		return nil, p.fail("a value that begins with - needs an escape", `the value as \-… or in quotes`)
	case named:
		return nil, p.fail("there is no value after the colon", "a word, a quoted phrase or a group in parentheses")
	case first.kind == colon:
		return nil, p.fail("there is no field before the colon", `a field name, or the colon as \:`)
	}
	return nil, p.fail(fmt.Sprintf("%q cannot stand here", first.text), "a word")
}

// field checks the word before a colon. "*" is any field.
func (p *parser) field(t token) (string, *Error) {
	if t.kind == word && t.text == "*" && t.bare {
		return "", nil
	}
	if t.kind == quoted || len(t.wild) > 0 {
		return "", &Error{Column: t.column, Message: "this is not a field name", Expected: `a name such as os.cpus without quotes and wildcards, or the colon as \:`}
	}
	return t.text, nil
}

func (p *parser) group(field string) (Query, *Error) {
	from := p.tok.column
	if p.depth++; p.depth > MaxDepth {
		return nil, p.fail(fmt.Sprintf("there are more than %d groups within each other", MaxDepth), "")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == closing {
		return nil, p.fail("there is nothing between the parentheses", "a word")
	}
	if p.tok.kind == end {
		return nil, p.open(from)
	}
	q, err := p.clauses(field)
	if err != nil {
		return nil, err
	}
	if p.tok.kind != closing {
		return nil, p.open(from)
	}
	p.depth--
	return q, p.advance()
}

func (p *parser) open(from int) *Error {
	return p.fail(fmt.Sprintf("the parenthesis at column %d is not closed", from), ")")
}

// value makes the query of a word or phrase that was read; the token after it is at hand.
func (p *parser) value(field string, t token) (Query, *Error) {
	if p.tok.kind == colon {
		return nil, p.fail("a value cannot hold a colon", `an operator or a blank, the colon as \:, or the value in quotes`)
	}
	if t.kind == quoted {
		return &Term{Field: field, Text: t.text, Quoted: true}, nil
	}
	if field != "" && t.bare && (strings.HasPrefix(t.text, "<") || strings.HasPrefix(t.text, ">")) {
		return nil, p.lex.unknown(t.column-1, `comparisons such as "field:>8"`, `a word, or the character as \`+t.text[:1])
	}
	runes := []rune(t.text)
	switch {
	case len(t.wild) == 0:
		return &Term{Field: field, Text: t.text}, nil
	case len(t.wild) > 1 || t.wild[0] != len(runes)-1 || runes[t.wild[0]] != '*':
		return nil, p.lex.unknown(t.column-1, "wildcards other than one * at the end of a word", `a word, a prefix such as app*, or the character as \* or \?`)
	case len(runes) > 1:
		return &Wildcard{Field: field, Pattern: wildcardEscape.Replace(string(runes[:len(runes)-1])) + "*"}, nil
	case field == "":
		return All{}, nil
	default:
		return Exists{Field: field}, nil
	}
}
