package query

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// MaxPattern bounds a regular expression and a word with wildcards, in characters.
const MaxPattern = 256

// Lower gives the pattern with the characters that stand for themselves in lower case. Escapes such as \D and \p{Han} keep
// their case: it is part of their meaning.
func (q *Regexp) Lower() string {
	var b strings.Builder
	runes := []rune(q.Pattern)
	for i := 0; i < len(runes); i++ {
		if runes[i] != '\\' {
			b.WriteRune(unicode.ToLower(runes[i]))
			continue
		}
		stop := min(i+2, len(runes))
		if stop < len(runes) && strings.ContainsRune("pPx", runes[i+1]) {
			braced := runes[stop] == '{'
			for stop++; braced && stop < len(runes) && runes[stop-1] != '}'; {
				stop++
			}
		}
		b.WriteString(string(runes[i:stop]))
		i = stop - 1
	}
	return b.String()
}

func (p *parser) regexp(at scope) (Query, *Error) {
	t := p.tok
	if t.text == "" {
		return nil, fail(t.from, "there is nothing between the slashes", "a regular expression; a path in quotes", p.inQuotes(t.from))
	}
	if err := p.checkRegexp(t); err != nil {
		return nil, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind == tilde {
		return nil, p.fail("a regular expression cannot be fuzzy", `a blank or an operator`, edit{p.tok.from, p.tok.to, ""})
	}
	return &Regexp{Field: at.field, Pattern: t.text}, p.boost()
}

// checkRegexp refuses what the index cannot run: it turns a pattern into an automaton over whole values.
func (p *parser) checkRegexp(t token) *Error {
	if t.to-t.from-2 > MaxPattern {
		return fail(t.from, fmt.Sprintf("the regular expression is longer than %d characters", MaxPattern), "")
	}
	re, err := syntax.Parse(t.text, syntax.Perl)
	if err != nil {
		var bad *syntax.Error
		if errors.As(err, &bad) {
			return p.inPattern(t, bad.Expr, "the regular expression is wrong: "+bad.Code.String(), "")
		}
		return fail(t.from, "the regular expression is wrong: "+err.Error(), "")
	}
	if i := strings.Index(t.text, "(?"); i >= 0 && !strings.HasPrefix(t.text[i:], "(?:") {
		return p.inPattern(t, "(?", "a regular expression has no flags and no names here", "a group such as (a|b), or (?:a|b)")
	}
	if strings.Contains(t.text, `\Q`) {
		return p.inPattern(t, `\Q`, `\Q is not known here`, "a backslash before each character")
	}
	if err := p.unrunnable(t, re); err != nil {
		return err
	}
	return p.charge(t, re)
}

// unrunnable looks for what an automaton cannot do, or what means nothing where a pattern is for the whole value.
func (p *parser) unrunnable(t token, re *syntax.Regexp) *Error {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		bad := fail(t.from, "a regular expression is for a whole word or value and has no anchors", `one without ^ and $, or the characters as \^ and \$`)
		if inner := strings.TrimSuffix(strings.TrimPrefix(t.text, "^"), "$"); inner != t.text && inner != "" {
			bad.fix = []edit{{t.from, t.to, (&Regexp{Pattern: inner}).String()}}
		}
		return bad
	case syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return fail(t.from, `a regular expression is for a whole word or value and has no \b`, "one without it")
	}
	if re.Flags&syntax.NonGreedy != 0 && (re.Op == syntax.OpStar || re.Op == syntax.OpPlus || re.Op == syntax.OpQuest || re.Op == syntax.OpRepeat) {
		return fail(t.from, "a regular expression is for a whole word or value and has no lazy repetitions", "one without the ? behind it")
	}
	for _, sub := range re.Sub {
		if err := p.unrunnable(t, sub); err != nil {
			return err
		}
	}
	return nil
}

// inPattern is an error at a part of a regular expression.
func (p *parser) inPattern(t token, part, message, expected string) *Error {
	before, _, found := strings.Cut(string(p.lex.in[t.from+1:t.to]), part)
	if !found || part == "" {
		return fail(t.from, message, expected)
	}
	return fail(t.from+1+len([]rune(before)), message, expected)
}

// wildcard makes the query of a word with wildcards. Stars next to each other are one.
func (p *parser) wildcard(at scope, t token) (Query, *Error) {
	var pattern, re strings.Builder
	wild, star := t.wild, false
	for i, r := range []rune(t.text) {
		switch {
		case len(wild) == 0 || i != wild[0]:
			pattern.WriteString(wildcardEscape.Replace(string(r)))
			re.WriteString(quoteMeta(r))
			star = false
			continue
		case r == '?':
			pattern.WriteByte('?')
			re.WriteString("(?s:.)")
			star = false
		case !star:
			pattern.WriteByte('*')
			re.WriteString("(?s:.)*")
			star = true
		}
		wild = wild[1:]
	}
	switch {
	case pattern.String() == "*" && at.field == "":
		return All{}, nil
	case pattern.String() == "*":
		return Exists{Field: at.field}, nil
	case t.to-t.from > MaxPattern:
		return nil, fail(t.from, fmt.Sprintf("the word with wildcards is longer than %d characters", MaxPattern), "")
	}
	if len(t.wild) == 1 && pattern.Len() < 64 && strings.HasSuffix(t.text, "*") {
		return &Wildcard{Field: at.field, Pattern: pattern.String()}, nil // a beginning, which costs nothing
	}
	parsed, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return nil, fail(t.from, "the word with wildcards cannot be read: "+err.Error(), "")
	}
	return &Wildcard{Field: at.field, Pattern: pattern.String()}, p.charge(t, parsed)
}

func quoteMeta(r rune) string {
	if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
		return `\` + string(r)
	}
	return string(r)
}
