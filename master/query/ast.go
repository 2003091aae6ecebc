// Package query reads the node query language (seed 5.1.2): the query string of Lucene and Elasticsearch. It knows
// syntax only; what a query finds is decided by whoever evaluates the tree.
package query

import (
	"strings"
)

// Query is a node of the tree: All, Exists, *Term, *Prefix or *Bool. String prints it in the language; parsing that gives an
// equal tree.
type Query interface {
	String() string
	print(b *strings.Builder, inner bool)
}

// All is every document: "*", "*:*" or nothing at all.
type All struct{}

// Exists is a document with at least one value at Field: "field:*".
type Exists struct{ Field string }

// Term is a word or, where Text has several words, these words adjacent and in order. It may also be the whole value.
type Term struct {
	Field  string // empty: any field
	Text   string // escapes resolved
	Quoted bool   // it was written in quotes; the meaning is the same
}

// Prefix is the beginning of a word or of a whole value: "app*".
type Prefix struct {
	Field string // empty: any field
	Text  string // never empty; escapes resolved
}

// Bool combines clauses in the way of classic Lucene: a document must match every Must clause and no MustNot clause
// and, where there is no Must clause but a Should clause, at least one of those. Only MustNot clauses: all the others.
type Bool struct{ Clauses []Clause }

// Clause is a part of a Bool.
type Clause struct {
	Occur Occur
	Query Query
}

// Occur says what a clause does to its Bool.
type Occur byte

// The occurrences.
const (
	Should Occur = iota
	Must
	MustNot
)

func (q All) String() string     { return text(q) }
func (q Exists) String() string  { return text(q) }
func (q *Term) String() string   { return text(q) }
func (q *Prefix) String() string { return text(q) }
func (q *Bool) String() string   { return text(q) }

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
	if !q.Quoted {
		b.WriteString(escape(q.Text))
		return
	}
	b.WriteByte('"')
	for _, r := range q.Text {
		if r == '"' || r == '\\' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
}

func (q *Prefix) print(b *strings.Builder, _ bool) {
	printField(b, q.Field)
	b.WriteString(escape(q.Text))
	b.WriteByte('*')
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
		b.WriteString(escape(field))
		b.WriteByte(':')
	}
}

// escape writes s so that it reads back as one word.
func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		if special(r) || blank(r) || r == '\\' || i == 0 && strings.ContainsRune("+-<>/", r) {
			b.WriteByte('\\')
		} else if i == 0 && operator(s) != word {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
