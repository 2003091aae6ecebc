package query

import (
	"strings"
	"unicode"
)

func (q All) String() string       { return text(q) }
func (q Exists) String() string    { return text(q) }
func (q *Term) String() string     { return text(q) }
func (q *Wildcard) String() string { return text(q) }
func (q *Regexp) String() string   { return text(q) }
func (q *Fuzzy) String() string    { return text(q) }
func (q *Range) String() string    { return text(q) }
func (q *Bool) String() string     { return text(q) }

func text(q Query) string {
	var b strings.Builder
	q.print(&b, false)
	return b.String()
}

func (q All) print(b *strings.Builder, _ bool) { b.WriteString("*") }

func (q Exists) print(b *strings.Builder, _ bool) {
	printField(b, q.Field)
	b.WriteByte('*')
}

func (q *Term) print(b *strings.Builder, _ bool) {
	printField(b, q.Field)
	if !q.Quoted && q.Text != "" {
		b.WriteString(escape(q.Text))
		return
	}
	printQuoted(b, q.Text)
	if q.Slop > 0 {
		b.WriteString("~" + itoa(q.Slop))
	}
}

func (q *Wildcard) print(b *strings.Builder, _ bool) {
	printField(b, q.Field)
	runes := []rune(q.Pattern)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == '*', r == '?':
			b.WriteRune(r)
		case r == '\\' && i+1 < len(runes):
			i++
			b.WriteString(`\` + string(runes[i]))
		default:
			printRune(b, r, i == 0)
		}
	}
}

func (q *Regexp) print(b *strings.Builder, _ bool) {
	printField(b, q.Field)
	b.WriteByte('/')
	escaped := false
	for _, r := range q.Pattern {
		if r == '/' && !escaped {
			b.WriteByte('\\')
		}
		escaped = r == '\\' && !escaped
		b.WriteRune(r)
	}
	b.WriteByte('/')
}

func (q *Fuzzy) print(b *strings.Builder, _ bool) {
	printField(b, q.Field)
	b.WriteString(escape(q.Text) + "~")
	if q.Edits != Auto {
		b.WriteString(itoa(q.Edits))
	}
}

// print writes a range of one end as a comparison where a field stands before it.
func (q *Range) print(b *strings.Builder, _ bool) {
	printField(b, q.Field)
	op := ""
	switch {
	case q.Field == "":
	case q.To.Unbounded && !q.From.Unbounded:
		op = ">"
	case q.From.Unbounded && !q.To.Unbounded:
		op = "<"
	}
	if op != "" {
		bound := q.From
		if op == "<" {
			bound = q.To
		}
		if bound.Inclusive {
			op += "="
		}
		b.WriteString(op)
		printValue(b, bound.Text)
		return
	}
	b.WriteByte(bracket(q.From, '[', '{'))
	printBound(b, q.From)
	b.WriteString(" TO ")
	printBound(b, q.To)
	b.WriteByte(bracket(q.To, ']', '}'))
}

func bracket(end Bound, inclusive, exclusive byte) byte {
	if end.Inclusive || end.Unbounded {
		return inclusive
	}
	return exclusive
}

func printBound(b *strings.Builder, end Bound) {
	if end.Unbounded {
		b.WriteByte('*')
		return
	}
	printValue(b, end.Text)
}

// printValue writes a bound as a word if it is plain, else in quotes.
func printValue(b *strings.Builder, s string) {
	if s == "" || s == "TO" || s[0] == '-' || operator(strings.Map(narrow, s)) != word || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		printQuoted(b, s)
		return
	}
	b.WriteString(s)
}

func printQuoted(b *strings.Builder, s string) { b.WriteString(quote(s)) }

var quoteEscape = strings.NewReplacer(`"`, `\"`, `\`, `\\`)

func quote(s string) string { return `"` + quoteEscape.Replace(s) + `"` }

// quoteRaw puts quotes around text of a query. A backslash before a letter was hardly meant as an escape.
func quoteRaw(in []rune) string {
	var b strings.Builder
	for i, r := range in {
		if r != '\\' || i+1 == len(in) || unicode.IsLetter(in[i+1]) || unicode.IsDigit(in[i+1]) {
			b.WriteRune(r)
		}
	}
	return quote(b.String())
}

// print writes every occurrence out, so that no operator is needed between the clauses.
func (q *Bool) print(b *strings.Builder, inner bool) {
	if inner {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, c := range q.Clauses {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString([...]string{Should: "", Must: "+", MustNot: "-"}[c.Occur])
		c.Query.print(b, true)
	}
}

func printField(b *strings.Builder, field string) {
	if field != "" {
		if field == ExistsField {
			b.WriteByte('\\')
		}
		b.WriteString(escape(field))
		b.WriteByte(':')
	}
}

// escape writes s so that it reads back as one word.
func escape(s string) string {
	var b strings.Builder
	if operator(strings.Map(narrow, s)) != word {
		b.WriteByte('\\')
	}
	for i, r := range s {
		printRune(&b, r, i == 0)
	}
	return b.String()
}

// printRune writes a character of a word that stands for itself.
func printRune(b *strings.Builder, r rune, first bool) {
	if special(r) || blank(r) || wide(r, first) || strings.ContainsRune(`\<>`, r) || first && strings.ContainsRune("+-/=", r) {
		b.WriteByte('\\')
	}
	b.WriteRune(r)
}

// plain reports whether r needs no thought in a bound.
func plain(r rune) bool {
	return r > 0x7f && !blank(r) && !wide(r, true) || strings.ContainsRune("0123456789.-_", r) || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
