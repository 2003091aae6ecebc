package web

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"stathub/state"
	"stathub/state/schema"
)

// TypeTable tells of one type of JSON objects, or of the whole of a document that is no object.
type TypeTable struct {
	Name    string // of the type: "HealthCheck"
	Word    string // of its description in the catalogue; Text is what it says in English
	Text    string
	Type    []TypePart // of a document that is no object
	Members []TypeMember
}

// TypeMember is one member of a type.
type TypeMember struct {
	Name     string
	Type     []TypePart
	Word     string // of its description in the catalogue; Text is what it says in English
	Text     string
	Required bool
	ReadOnly bool
	Default  string // as JSON; empty: there is none
	Unit     string
	Limits   string   // such as "1 … 64"; empty: none
	Values   []string // that it may have; none: any
}

// TypePart is a step of what a type is: "list" of "string", or the name of another type.
type TypePart struct {
	Word string // in the family "type."
	Link string // name of a type
}

// Tables gives the tables of a schema that is complete, that of the document first and those that it refers to as they
// come up in it.
func Tables(name string, s *schema.Schema) []TypeTable {
	tables := []TypeTable{tableOf(name, s)}
	for i := 0; i < len(tables); i++ {
		for _, m := range tables[i].Members {
			for _, part := range m.Type {
				known := slices.ContainsFunc(tables, func(t TypeTable) bool { return t.Name == part.Link })
				if def := s.Defs.Get(part.Link); def != nil && !known {
					tables = append(tables, tableOf(part.Link, def))
				}
			}
		}
	}
	return tables
}

func tableOf(name string, s *schema.Schema) TypeTable {
	t := TypeTable{Name: name, Word: "doc." + lower(name), Text: s.Description}
	if len(s.Properties) == 0 {
		t.Type = typeOf(s)
	}
	for _, m := range s.Properties {
		t.Members = append(t.Members, memberOf(t.Word, m, slices.Contains(s.Required, m.Name)))
	}
	return t
}

func memberOf(of string, m schema.Member, required bool) TypeMember {
	s := m.Schema
	row := TypeMember{
		Name: m.Name, Type: typeOf(s), Word: of + "." + m.Name, Text: s.Description, Required: required, ReadOnly: s.ReadOnly, Unit: s.Unit,
		Limits: limits(s), Values: s.Enum,
	}
	if s.Default != nil && s.Default != "" {
		row.Default = strings.TrimSpace(string(state.EncodeLine(s.Default)))
	}
	if s.Items != nil && len(s.Items.Enum) > 0 {
		row.Values = s.Items.Enum
	}
	return row
}

// typeOf says what a value is, from the outside in.
func typeOf(s *schema.Schema) []TypePart {
	switch of, _ := s.Additional.(*schema.Schema); {
	case s.Ref != "":
		name := s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		if name == "Bytes" {
			return []TypePart{{Word: "bytes"}}
		}
		return []TypePart{{Link: name}}
	case len(s.AnyOf) > 0:
		return typeOf(s.AnyOf[0])
	case s.Items != nil:
		return append([]TypePart{{Word: "list"}}, typeOf(s.Items)...)
	case of != nil:
		return append([]TypePart{{Word: "map"}}, typeOf(of)...)
	case s.Format == "date-time":
		return []TypePart{{Word: "time"}}
	}
	if text, ok := s.Type.(string); ok {
		return []TypePart{{Word: text}}
	}
	return []TypePart{{Word: "any"}}
}

func limits(s *schema.Schema) string {
	if s.Items != nil && s.Minimum == nil && s.Maximum == nil {
		s = s.Items
	}
	show := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		return fmt.Sprintf("%s … %s", show(*s.Minimum), show(*s.Maximum))
	case s.Above != nil:
		return "> " + show(*s.Above)
	case s.Minimum != nil:
		return "≥ " + show(*s.Minimum)
	}
	return ""
}

// lower makes the first word of a type's name one of small letters: "HealthCheck" is "healthCheck", "OS" is "os".
func lower(name string) string {
	r := []rune(name)
	for i := range r {
		if i > 0 && i+1 < len(r) && unicode.IsLower(r[i+1]) {
			break
		}
		r[i] = unicode.ToLower(r[i])
	}
	return string(r)
}
