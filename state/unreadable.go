package state

import (
	"errors"
	"strings"
)

// BadDocument is a document of the bucket that cannot be read now, as the API shows it beside what could last be read.
type BadDocument struct {
	Key     string    `json:"key"`             // in the bucket
	Message string    `json:"message"`         // all of it in one line
	Errors  []Problem `json:"errors,omitzero"` // each thing that is wrong, with its place
}

// NewBadDocument says what is wrong with the document at key.
func NewBadDocument(key string, err error) BadDocument {
	bad := BadDocument{Key: key, Message: strings.ToValidUTF8(err.Error(), "\uFFFD")}
	var e *Error
	if errors.As(err, &e) {
		bad.Errors = e.Problems
	}
	return bad
}
