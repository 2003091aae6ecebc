// Package schema tells of the documents of package state, and of whatever else the APIs show, as JSON Schema (draft
// 2020-12). Types are those of Go, descriptions their comments, and the rest is a table of rules that says what the check
// methods of the documents do; a test holds both against each other.
//
// A schema refuses nothing that a master would take, but for null, which is as good as leaving a member out. It cannot
// say everything: two ports that are the same, say, or a time zone that does not exist.
package schema

import (
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Dialect is the value of $schema.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// Schema is one schema, or a part of one, in the vocabulary that is needed here.
type Schema struct {
	Dialect string `json:"$schema,omitzero"`
	ID      string `json:"$id,omitzero"`
	Ref     string `json:"$ref,omitzero"`

	Title       string `json:"title,omitzero"`
	Description string `json:"description,omitzero"`
	Type        any    `json:"type,omitzero"` // a string or a []string
	Format      string `json:"format,omitzero"`
	Unit        string `json:"x-unit,omitzero"` // "seconds", "bytes", "cores"
	ReadOnly    bool   `json:"readOnly,omitzero"`
	Default     any    `json:"default,omitzero"`

	Enum  []string          `json:"enum,omitzero"`
	Words map[string]string `json:"x-enum,omitzero"` // what the values of Enum mean
	Const string            `json:"const,omitzero"`

	Pattern   string   `json:"pattern,omitzero"`
	MinLength *int     `json:"minLength,omitzero"`
	MaxLength *int     `json:"maxLength,omitzero"`
	Minimum   *float64 `json:"minimum,omitzero"`
	Above     *float64 `json:"exclusiveMinimum,omitzero"`
	Maximum   *float64 `json:"maximum,omitzero"`

	Items    *Schema `json:"items,omitzero"`
	MinItems *int    `json:"minItems,omitzero"`
	Unique   bool    `json:"uniqueItems,omitzero"`

	Properties Members  `json:"properties,omitzero"`
	Required   []string `json:"required,omitzero"`
	Names      *Schema  `json:"propertyNames,omitzero"`
	Additional any      `json:"additionalProperties,omitzero"` // a bool pointer or a *Schema

	If    *Schema   `json:"if,omitzero"`
	Then  *Schema   `json:"then,omitzero"`
	Not   *Schema   `json:"not,omitzero"`
	AllOf []*Schema `json:"allOf,omitzero"`
	AnyOf []*Schema `json:"anyOf,omitzero"`

	Defs Members `json:"$defs,omitzero"`
}

// Members are schemas by name, in an order that means something to people.
type Members []Member

// Member is one of Members.
type Member struct {
	Name   string
	Schema *Schema
}

// Get gives the schema of a name, nil when there is none.
func (m Members) Get(name string) *Schema {
	for _, one := range m {
		if one.Name == name {
			return one.Schema
		}
	}
	return nil
}

// MarshalJSONTo writes an object, its members in their order.
func (m Members) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, one := range m {
		if err := enc.WriteToken(jsontext.String(one.Name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, one.Schema); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// merge puts what is said in over into s, and leaves the rest of s as it is.
func (s *Schema) merge(over Schema) {
	into, from := reflect.ValueOf(s).Elem(), reflect.ValueOf(over)
	for i := range from.NumField() {
		part, ok := into.Field(i).Interface().(*Schema)
		f := from.Field(i)
		more, both := f.Interface().(*Schema)
		switch {
		case f.IsZero():
		case ok && both && part != nil:
			merged := *part
			merged.merge(*more)
			into.Field(i).Set(reflect.ValueOf(&merged))
		default:
			into.Field(i).Set(f)
		}
	}
}
