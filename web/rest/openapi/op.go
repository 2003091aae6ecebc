package openapi

import (
	"stathub/state/schema"
)

// Op describes the operation of one route, as its table of descriptions has it: what its path and method do not say.
type Op struct {
	Tag    string // the group
	Sum    string // what it does, in one line
	Text   string // what would surprise; may be empty
	Query  []Param
	Body   *Content // nil: none
	Answer *Content // nil: none
	Status int      // of an answer when all went well; 0: 200, or 204 without an Answer
	Also   []int    // other statuses when all went well, with the same body: 201 of a PUT that creates
	Errors []int    // those that are not just 400, 500 or 503
	ETag   bool     // the answer has the revision of a document
	Cond   bool     // honours If-Match and If-None-Match: *
}

// Ops are descriptions by method and path of their route: "GET /v1/app".
type Ops map[string]Op

// Param is a parameter in the query.
type Param struct {
	Name, Text string
	Schema     schema.Schema
	Example    any
}

// Content is a body: its media type, and how its schema is made.
type Content struct {
	Media   string
	Example string // as it may be sent or come back; may be empty
	Text    string // what it is; may be empty
	Option  bool   // of a request: it may be left out
	schema  func(*schema.Builder) *schema.Schema
}

// JSON is a JSON body of the type of sample.
func JSON(sample any) *Content {
	return &Content{Media: "application/json", schema: func(b *schema.Builder) *schema.Schema { return b.Of(sample) }}
}

// Made is a JSON body of a schema of its own.
func Made(of func(*schema.Builder) *schema.Schema) *Content {
	return &Content{Media: "application/json", schema: of}
}

// Page is one page of what a search found: how many in all, and the rows of the page.
func Page(row *Content) *Content {
	return Made(func(b *schema.Builder) *schema.Schema {
		return &schema.Schema{Type: "object", Required: []string{"total", "rows"}, Properties: schema.Members{
			{Name: "total", Schema: &schema.Schema{Type: "integer", Description: "all that match"}},
			{Name: "rows", Schema: &schema.Schema{Type: "array", Items: row.schema(b), Description: "those of this page"}},
			{Name: "warnings", Schema: &schema.Schema{Type: "array", Items: &schema.Schema{Type: "string"}, Description: "what the query may have got wrong"}},
		}}
	})
}

// List is a list of what row is.
func List(row *Content) *Content {
	return Made(func(b *schema.Builder) *schema.Schema {
		return &schema.Schema{Type: "array", Items: row.schema(b)}
	})
}

// Either is one of several JSON bodies.
func Either(all ...*Content) *Content {
	return Made(func(b *schema.Builder) *schema.Schema {
		s := &schema.Schema{}
		for _, c := range all {
			s.AnyOf = append(s.AnyOf, c.schema(b))
		}
		return s
	})
}

// Text is a body of plain text.
func Text(what, example string) *Content {
	return &Content{Media: "text/plain", Text: what, Example: example, schema: func(*schema.Builder) *schema.Schema {
		return &schema.Schema{Type: "string"}
	}}
}

// Raw is a body of any bytes.
func Raw(what string) *Content {
	return &Content{Media: "*/*", Text: what, schema: func(*schema.Builder) *schema.Schema { return &schema.Schema{} }}
}

// Like gives the content with an example.
func (c Content) Like(example string) *Content {
	c.Example = example
	return &c
}

// Optional gives the content of a request that may be left out.
func (c Content) Optional() *Content {
	c.Option = true
	return &c
}

// Flag is a parameter that is true or false.
func Flag(name, text string) Param {
	return Param{Name: name, Text: text, Schema: schema.Schema{Type: "boolean", Default: false}}
}

// Number is a parameter from 0 to most.
func Number(name, text string, def, most int) Param {
	low, high := 0.0, float64(most)
	return Param{Name: name, Text: text, Schema: schema.Schema{Type: "integer", Minimum: &low, Maximum: &high, Default: def}}
}

// Word is a parameter of text.
func Word(name, text, example string) Param {
	p := Param{Name: name, Text: text, Schema: schema.Schema{Type: "string"}}
	if example != "" {
		p.Example = example
	}
	return p
}

// Signal is the body of _kill.
type Signal struct {
	Signal int `json:"signal,omitzero"` // its number; left out: 9
}
