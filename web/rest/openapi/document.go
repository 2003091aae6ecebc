package openapi

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"stathub/state/schema"
)

// Version is that of the OpenAPI Specification.
const Version = "3.1.0"

// Document is an OpenAPI document, as far as it is needed here.
type Document struct {
	OpenAPI    string            `json:"openapi"`
	Info       Info              `json:"info"`
	Dialect    string            `json:"jsonSchemaDialect"`
	Servers    []Server          `json:"servers"`
	Tags       []Tag             `json:"tags"`
	Paths      Ordered[PathItem] `json:"paths"`
	Components Components        `json:"components"`
}

// Info says what the API is.
type Info struct {
	Title       string `json:"title"`
	Version     string `json:"version"`
	Description string `json:"description"`
}

// Server is where the API is.
type Server struct {
	URL string `json:"url"`
}

// Tag is a group of operations.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// PathItem has the operations of one path, by their method in lower case.
type PathItem = Ordered[*Operation]

// Operation is one method of one path.
type Operation struct {
	ID          string                `json:"operationId"`
	Tags        []string              `json:"tags"`
	Summary     string                `json:"summary"`
	Description string                `json:"description,omitzero"`
	Parameters  []Parameter           `json:"parameters,omitzero"`
	RequestBody *Body                 `json:"requestBody,omitzero"`
	Responses   Ordered[ResponseItem] `json:"responses"` // by status, "default" last
}

// Parameter is one in the path, in the query or in the header.
type Parameter struct {
	Name        string         `json:"name"`
	In          string         `json:"in"`
	Description string         `json:"description"`
	Required    bool           `json:"required,omitzero"`
	Schema      *schema.Schema `json:"schema"`
	Example     any            `json:"example,omitzero"`
}

// Body is that of a request.
type Body struct {
	Description string             `json:"description,omitzero"`
	Required    bool               `json:"required,omitzero"`
	Content     Ordered[MediaType] `json:"content"`
}

// ResponseItem is an answer.
type ResponseItem struct {
	Description string             `json:"description"`
	Headers     Ordered[Header]    `json:"headers,omitzero"`
	Content     Ordered[MediaType] `json:"content,omitzero"`
}

// Header is a header of an answer.
type Header struct {
	Description string         `json:"description"`
	Schema      *schema.Schema `json:"schema"`
}

// MediaType is what a body looks like.
type MediaType struct {
	Schema  *schema.Schema `json:"schema"`
	Example jsontext.Value `json:"example,omitzero"`
}

// Components are the schemas that others refer to.
type Components struct {
	Schemas schema.Members `json:"schemas"`
}

// Pair is one member of an Ordered.
type Pair[T any] struct {
	Name  string
	Value T
}

// Ordered is an object whose members have an order that means something to people.
type Ordered[T any] []Pair[T]

// Get gives a member, the zero value when there is none.
func (o Ordered[T]) Get(name string) (value T, ok bool) {
	for _, p := range o {
		if p.Name == name {
			return p.Value, true
		}
	}
	return value, false
}

// MarshalJSONTo writes an object, its members in their order.
func (o Ordered[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, p := range o {
		if err := enc.WriteToken(jsontext.String(p.Name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, p.Value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}
