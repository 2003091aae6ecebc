package query

import (
	"fmt"

	"stathub/state"
)

// Error says where a query goes wrong. Parse wraps it in a *state.Error of code Invalid.
type Error struct {
	Column   int    // of the first character that cannot be, from 1, in characters; one past the end where something is missing
	Message  string // what is wrong
	Expected string // what could be there; may be empty
}

func (e *Error) Error() string {
	s := fmt.Sprintf("column %d: %s", e.Column, e.Message)
	if e.Expected != "" {
		s += "; expected " + e.Expected
	}
	return s
}

// Problem gives the error as the API shows it.
func (e *Error) Problem() state.Problem {
	p := state.Problem{Path: "query", Line: 1, Column: e.Column, Message: e.Message}
	if e.Expected != "" {
		p.Message += "; expected " + e.Expected
	}
	return p
}
