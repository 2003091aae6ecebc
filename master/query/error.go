package query

import (
	"fmt"
	"slices"
	"strings"

	"stathub/state"
)

// Error says where a query goes wrong. Parse wraps it in a *state.Error of code Invalid.
type Error struct {
	Column   int    // of the first character that cannot be, from 1, in characters; one past the end where something is missing
	Message  string // what is wrong
	Expected string // what could be there; may be empty
	Nearest  string // a query that can be read and is probably the one that was meant; empty where that is not clear

	fix []edit // what makes this error go away, by place; none where that is not clear
}

// edit puts text in place of some characters of a query.
type edit struct {
	from, to int // from 0
	text     string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.text()) }

// Problem gives the error as the API shows it.
func (e *Error) Problem() state.Problem {
	return state.Problem{Path: "query", Line: 1, Column: e.Column, Message: e.text()}
}

// What says what is wrong and what could be there, without the place and the nearest query.
func (e *Error) What() string {
	if e.Expected == "" {
		return e.Message
	}
	return e.Message + "; expected " + e.Expected
}

func (e *Error) text() string {
	s := e.What()
	if e.Nearest != "" {
		s += "; did you mean `" + e.Nearest + "`?"
	}
	return s
}

// The bounds of a guess: nobody reads a long one, and many mistakes are no near miss.
const (
	maxNearest = 500 // characters
	maxFixes   = 16
)

// nearest makes a query out of one with mistakes by putting right one after the other. It is empty if one of them
// leaves open what was meant.
func nearest(in []rune, bad *Error) string {
	if len(in) > maxNearest {
		return ""
	}
	for range maxFixes {
		if len(bad.fix) == 0 {
			return ""
		}
		in = apply(in, bad.fix)
		q, next := parse(in)
		if next != nil {
			bad = next
			continue
		}
		if q == (All{}) && !slices.Contains(in, '*') {
			return "" // nothing is left of it
		}
		if short := strings.TrimSpace(string(in)); !strings.HasSuffix(short, `\`) {
			return short
		}
		return string(in) // the blank at the end is escaped
	}
	return ""
}

func apply(in []rune, fix []edit) []rune {
	out, at := make([]rune, 0, len(in)+8), 0
	for _, e := range fix {
		out = append(append(out, in[at:e.from]...), []rune(e.text)...)
		at = e.to
	}
	return append(out, in[at:]...)
}
