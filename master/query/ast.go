// Package query reads the node query language (seed 5.1.2): the query string of Lucene and Elasticsearch. It knows
// syntax only; what a query finds is decided by whoever evaluates the tree.
package query

import "strings"

// Query is a node of the tree: All, Exists, *Term, *Wildcard, *Regexp, *Fuzzy, *Range or *Bool. String prints it in the
// language; parsing that gives an equal tree. A Field that is empty is any field.
type Query interface {
	String() string
	print(b *strings.Builder, inner bool)
}

// All is every document: "*", "*:*" or nothing at all.
type All struct{}

// Exists is a document with at least one value at Field: "_exists_:field", "field:*" or "field:[* TO *]".
type Exists struct{ Field string }

// Term is a word or, where Text has several words, these words adjacent and in order. It may also be the whole value.
type Term struct {
	Field  string
	Text   string // escapes resolved
	Quoted bool   // it was written in quotes
	Slop   int    // of a quoted one: the words may stand this many positions further apart, 0 to MaxSlop
}

// Wildcard is a pattern for an entire word or an entire whole value: "app*", "*-07", "web-?".
type Wildcard struct {
	Field   string
	Pattern string // '*' is any run and '?' one character; a backslash stands before a '*', '?' or backslash that is meant itself
}

// Regexp is a regular expression for an entire word or an entire whole value: "/web-[0-9]+/". Where values are in lower
// case, Lower is the pattern for them.
type Regexp struct {
	Field   string
	Pattern string // as between the slashes, with \/ resolved; in the syntax of regexp/syntax, without anchors and flags
}

// Fuzzy is a text that is nearly a word or a whole value: "servr~".
type Fuzzy struct {
	Field string
	Text  string // never empty; escapes resolved
	Edits int    // insertions, deletions, changes and swaps of neighbours at most, 0 to MaxEdits; Auto: by the length of Text
}

// Auto is the number of edits of a fuzzy term that gives none: 0 up to 2 characters, 1 up to 5, else 2.
const Auto = -1

// Range is the values between two bounds, of which one at least is a value: "[a TO b]", "{a TO b}", ">=8".
type Range struct {
	Field    string
	From, To Bound
}

// Bound is an end of a range.
type Bound struct {
	Text      string // escapes resolved; empty if Unbounded
	Inclusive bool   // the value itself is in the range; false if Unbounded
	Unbounded bool   // there is no end: "*"
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

// Walk calls visit for q and everything inside it, in the order of the text.
func Walk(q Query, visit func(Query)) {
	visit(q)
	if b, ok := q.(*Bool); ok {
		for _, c := range b.Clauses {
			Walk(c.Query, visit)
		}
	}
}

// Fields gives the fields that a query names, each once, in the order of the text.
func Fields(q Query) []string {
	var all []string
	seen := map[string]bool{"": true}
	Walk(q, func(q Query) {
		if f := fieldOf(q); !seen[f] {
			all, seen[f] = append(all, f), true
		}
	})
	return all
}

func fieldOf(q Query) string {
	switch q := q.(type) {
	case Exists:
		return q.Field
	case *Term:
		return q.Field
	case *Wildcard:
		return q.Field
	case *Regexp:
		return q.Field
	case *Fuzzy:
		return q.Field
	case *Range:
		return q.Field
	}
	return ""
}
