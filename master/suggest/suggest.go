// Package suggest makes suggestions for an input box that takes a query: fields, known values and operators, as they may
// stand at the place of the cursor.
package suggest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"stathub/master/index"
	"stathub/master/query"
)

// Source knows the fields of some documents and their values; *index.Index is one.
type Source interface {
	Fields() []index.Field                                // sorted by path
	Values(field, prefix string, limit int) []index.Value // the most frequent first
}

// Box makes suggestions for queries of one kind of documents.
type Box struct {
	Source Source
	First  []string // paths of the fields that people want most: they come first, and a word without a field may be a value of theirs
}

// Answer is what may take the place of a part of the query.
type Answer struct {
	From        int          `json:"from"` // the characters that a suggestion takes the place of, from 0
	To          int          `json:"to"`   // and their end
	Suggestions []Suggestion `json:"suggestions"`
	Error       *Fault       `json:"error,omitzero"` // why the query as a whole cannot be read; null: it can
}

// Fault is what is wrong with a query.
type Fault struct {
	Column  int    `json:"column"` // of the first character that cannot be, from 1; one past the end where something is missing
	Message string `json:"message"`
	Nearest string `json:"nearest,omitzero"` // a query that can be read and is probably the one that was meant
}

// FaultOf gives what is wrong with a query, nil when it can be read.
func FaultOf(text string) *Fault {
	_, err := query.Parse(text)
	var bad *query.Error
	if !errors.As(err, &bad) {
		return nil
	}
	return &Fault{bad.Column, bad.What(), bad.Nearest}
}

// Suggestion is one of them.
type Suggestion struct {
	Text string `json:"text"` // as it is to stand in the query: escaped, or in quotes, where it must be
	Kind string `json:"kind"` // field, value or operator
	Hint string `json:"hint,omitzero"`
}

// The kinds of suggestions.
const (
	Field    = "field"
	Value    = "value"
	Operator = "operator"
)

// maxSuggestions bounds an answer; so many of them may be values where fields may stand, too.
const (
	maxSuggestions = 20
	maxWords       = 6
	maxValue       = 256 // bytes: a longer one is no help in an input box, and may be a megabyte
)

// At gives suggestions for a position of a query, in characters from 0; one outside the text is taken as its nearest end.
// The query may be unfinished or wrong.
func (b *Box) At(text string, pos int) Answer {
	p := query.At(text, pos)
	a := Answer{From: p.From, To: p.To, Suggestions: []Suggestion{}, Error: FaultOf(text)}
	operators := operatorsOf(p)
	values := b.valuesOf(p, maxSuggestions-len(operators))
	if p.Fields {
		values = values[:min(len(values), maxWords)]
		fields := b.fieldsOf(p.Typed, query.FormatField, ":")
		a.Suggestions = fields[:min(len(fields), maxSuggestions-len(operators)-len(values))]
	}
	a.Suggestions = append(append(a.Suggestions, values...), operators...)
	if touches(text, p) {
		for i := range a.Suggestions {
			a.Suggestions[i].Text = " " + a.Suggestions[i].Text
		}
	}
	return a
}

// touches: what is inserted would run into the clause before it.
func touches(text string, p query.Place) bool {
	if p.From != p.To || p.From == 0 || !slices.Contains(p.Operators, "AND") {
		return false
	}
	before := []rune(text)[p.From-1]
	return !strings.ContainsRune(" \t\n\r", before)
}

// fieldsOf gives the fields that were perhaps begun: those whose path begins like that come before those of which a part
// of the path does, and these before those that hold it anywhere.
func (b *Box) fieldsOf(typed string, format func(string) string, behind string) []Suggestion {
	type ranked struct {
		rank int
		Suggestion
	}
	var all []ranked
	typed = strings.ToLower(typed)
	for _, f := range b.Source.Fields() {
		path := strings.ToLower(f.Path)
		rank := 4
		switch {
		case strings.HasPrefix(path, typed):
			if rank = 0; !slices.Contains(b.First, f.Path) {
				rank = 1
			}
		case strings.Contains(path, "."+typed):
			rank = 2
		case strings.Contains(path, typed):
			rank = 3
		default:
			continue
		}
		all = append(all, ranked{rank, Suggestion{format(f.Path) + behind, Field, kindsOf(f)}})
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	found := make([]Suggestion, len(all))
	for i, r := range all {
		found[i] = r.Suggestion
	}
	return found
}

func kindsOf(f index.Field) string {
	var kinds []string
	for _, k := range f.Kinds {
		kinds = append(kinds, string(k))
	}
	return strings.Join(kinds, ", ")
}

// valuesOf gives the values that were perhaps begun.
func (b *Box) valuesOf(p query.Place, limit int) []Suggestion {
	switch {
	case !p.Values:
		return nil
	case p.Field == query.ExistsField:
		fields := b.fieldsOf(p.Typed, query.FormatValue, "")
		return fields[:min(len(fields), limit)]
	case p.Field != "":
		return suggestions(b.Source.Values(p.Field, p.Typed, limit), "")
	case p.Typed == "":
		return nil // any value of any field
	}
	var all []Suggestion
	for _, field := range b.First {
		all = append(all, suggestions(b.Source.Values(field, p.Typed, maxWords), field)...)
	}
	return all[:min(len(all), limit)]
}

// suggestions gives values with how many documents have them, and in which field where the query does not say.
func suggestions(values []index.Value, field string) []Suggestion {
	var all []Suggestion
	for _, v := range values {
		if len(v.Text) > maxValue {
			continue
		}
		hint := fmt.Sprintf("in %d", v.Docs)
		if field != "" {
			hint = field + ", " + hint
		}
		all = append(all, Suggestion{query.FormatValue(v.Text), Value, hint})
	}
	return all
}

// meanings of the operators, for people.
var meanings = map[string]string{
	"AND": "both must match", "OR": "one must match", "NOT": "must not match", "TO": "up to",
	">": "more than", ">=": "at least", "<": "less than", "<=": "at most",
	"]": "the last one included", "}": "the last one excluded",
}

// operatorsOf gives the operators that were perhaps begun. A word is followed by a blank: something must come behind it.
func operatorsOf(p query.Place) []Suggestion {
	var all []Suggestion
	for _, op := range p.Operators {
		if !strings.HasPrefix(strings.ToLower(op), strings.ToLower(p.Typed)) {
			continue
		}
		text := op
		if op[0] >= 'A' && op[0] <= 'Z' {
			text += " "
		}
		all = append(all, Suggestion{text, Operator, meanings[op]})
	}
	return all
}
