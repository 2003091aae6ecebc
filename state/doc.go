// Package state holds the documents that master and agents share through the bucket (design section 3), their keys
// and validation, and Store, the port to the bucket itself.
package state

import (
	"regexp"
)

// Document is a JSON document of the bucket. The check method reports problems of meaning; types, unknown members and
// syntax are found by decoding.
type Document interface {
	check(c *checker)
}

// named is a document that carries the name that its key has.
type named interface {
	docName() (member string, name *string)
}

// NamePattern is what the names of apps and nodes look like.
const NamePattern = `^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`

var nameForm = regexp.MustCompile(NamePattern)

const nameRule = "a name is 1 to 63 letters, digits, dots, dashes and underscores, and starts with a letter or digit"

// CheckName says what is wrong with the name of an app or node, code Invalid.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return Errorf(Invalid, "", "name %q: %s", name, nameRule)
	}
	return nil
}

// checker collects problems; at places them. Its JSON pointer is made for a problem only: most places have none.
type checker struct {
	parent   *checker // nil for the document
	tokens   []any    // member names and indexes below the parent
	problems *[]Problem
}

func (c *checker) at(tokens ...any) *checker {
	return &checker{parent: c, tokens: tokens, problems: c.problems}
}

func (c *checker) pointer() string {
	if c == nil {
		return ""
	}
	return c.parent.pointer() + pointerOf(c.tokens...)
}

// maxProblems of a document are told. A person mends them by and by; nobody reads a million.
const maxProblems = 100

func (c *checker) fail(message string) {
	if len(*c.problems) >= maxProblems {
		return
	}
	*c.problems = append(*c.problems, Problem{pointer: c.pointer(), Message: message})
}
