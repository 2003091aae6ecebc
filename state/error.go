package state

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure an error is. The HTTP edges turn it into a status; nobody compares error texts.
type Code string

// The codes, with the status that the API answers (HTTPStatus).
const (
	Invalid      Code = "invalid"      // 400: not JSON, an unknown field, a bad name
	Nonsense     Code = "nonsense"     // 422: readable, but makes no sense
	Denied       Code = "denied"       // 403: the store or the API refuses this caller
	NotFound     Code = "not-found"    // 404
	Exists       Code = "exists"       // 409: created before
	Stale        Code = "stale"        // 412: the document changed since its ETag was read
	TooLarge     Code = "too-large"    // 413
	Unsupported  Code = "unsupported"  // 501: this store cannot do that
	Unavailable  Code = "unavailable"  // 503: the store is out of reach; try again
	NotModified  Code = "not-modified" // 304: Get with an ETag that is still current
	Internal     Code = "internal"     // 500: ours to mend
	codeUnstated Code = ""
)

// Error is a failure with a code, the key of the document that it concerns, and, for documents,
// every problem found in it.
type Error struct {
	Code     Code
	Key      string // bucket key or other name of the thing; may be empty
	Message  string
	Problems []Problem
	Err      error // cause; may be nil
}

// Problem is one thing wrong with one place of a document.
type Problem struct {
	Path    string `json:"path,omitempty"`  // "healthChecks[0].portIndex"; empty for the whole document
	Line    int    `json:"line,omitzero"`   // from 1; 0 when unknown
	Column  int    `json:"column,omitzero"` // from 1, in characters; 0 when unknown
	Message string `json:"message"`         // what is wrong, and what to do
	pointer string // JSON pointer, before it is located in the text
	name    bool   // the problem is the member's name, not its value
}

func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "line %d column %d: ", p.Line, p.Column)
	}
	if p.Path != "" {
		fmt.Fprintf(&b, "%s: ", p.Path)
	}
	b.WriteString(p.Message)
	return b.String()
}

// Error gives "key: message: problem; problem: cause".
func (e *Error) Error() string {
	var parts []string
	if e.Key != "" {
		parts = append(parts, e.Key)
	}
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	if len(e.Problems) > 0 {
		var all []string
		for _, p := range e.Problems {
			all = append(all, p.String())
		}
		parts = append(parts, strings.Join(all, "; "))
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if len(parts) == 0 {
		return string(e.Code)
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an *Error. A %w argument becomes its cause for errors.Is and errors.As.
func Errorf(code Code, key, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Key: key, Err: err}
}

// CodeOf gives the code of the outermost *Error in err's chain, Internal when there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return codeUnstated
	}
	var e *Error
	if errors.As(err, &e) && e.Code != codeUnstated {
		return e.Code
	}
	return Internal // an error without a code is none the less an error
}

// Trouble is what err says as far as it lasts, to tell whether a failure is the one before still. All of an outage (code
// Unavailable) is one trouble: its errors differ in keys and times.
func Trouble(err error) string {
	switch {
	case err == nil:
		return ""
	case CodeOf(err) == Unavailable:
		return string(Unavailable)
	}
	return err.Error()
}

// Unreadable says of a stored document that it cannot be worked with, what is wrong with it, and how to mend it: code
// Nonsense, whatever the code of err.
func Unreadable(key, advice string, err error) error {
	e := &Error{Code: Nonsense, Key: key, Message: "the stored document cannot be read; " + advice, Err: err}
	var cause *Error
	if errors.As(err, &cause) {
		e.Problems, e.Err = cause.Problems, cause.Err
	}
	return e
}
