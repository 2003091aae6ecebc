package schema

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"stathub/state"
)

// Docs are comments of Go types, as the program docgen collects them.
type Docs struct {
	Members map[string]string      // by "package.Type" and "package.Type.member"
	Words   map[string][][2]string // the constants of string types and their comments, by "package.Type"
}

// Builder makes schemas of Go types. Structs become definitions of their own, which schemas refer to by the name of their
// type.
type Builder struct {
	prefix string // of references, such as "#/$defs/"
	docs   Docs
	defs   map[string]*Schema
	types  map[string]reflect.Type // of definitions
	names  map[reflect.Type]string // of types that are not called by their own
}

// NewBuilder makes a builder whose references start with prefix. docs are those of types that are not of package state.
func NewBuilder(prefix string, more ...Docs) *Builder {
	b := &Builder{
		prefix: prefix, docs: Docs{docs(), words()}, defs: map[string]*Schema{}, types: map[string]reflect.Type{},
		names: map[reflect.Type]string{},
	}
	for _, d := range more {
		maps.Copy(b.docs.Members, d.Members)
		maps.Copy(b.docs.Words, d.Words)
	}
	return b
}

// Defs are the definitions that the schemas of this builder refer to, by name.
func (b *Builder) Defs() Members {
	var all Members
	for _, name := range slices.Sorted(maps.Keys(b.defs)) {
		all = append(all, Member{name, b.defs[name]})
	}
	return all
}

// Name has the definition of the type of sample be called by another name than the type's own.
func (b *Builder) Name(name string, sample any) { b.names[reflect.TypeOf(sample)] = name }

// Define adds a definition of its own making and gives a reference to it.
func (b *Builder) Define(name string, s *Schema) *Schema {
	b.defs[name] = s
	return &Schema{Ref: b.prefix + name}
}

// View defines the type of sample with more members, which the API adds to what it shows: "AppView" of an App. A view may
// have members that this version does not know.
func (b *Builder) View(name string, sample any, more ...Member) *Schema {
	t := reflect.TypeOf(sample)
	b.Of(sample)
	view := *b.defs[t.Name()]
	view.Properties = append(slices.Clone(view.Properties), more...)
	view.Additional = nil
	return b.Define(name, &view)
}

// Of gives the schema of a value's type.
func (b *Builder) Of(sample any) *Schema { return b.of(reflect.TypeOf(sample)) }

func (b *Builder) of(t reflect.Type) *Schema {
	switch t {
	case reflect.TypeFor[state.Bytes]():
		return b.bytes()
	case reflect.TypeFor[time.Time]():
		return &Schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[jsontext.Value]():
		return &Schema{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return b.of(t.Elem())
	case reflect.Interface:
		return &Schema{}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return &Schema{Type: "integer"}
	case reflect.Float64:
		return &Schema{Type: "number"}
	case reflect.String:
		return b.text(t)
	case reflect.Slice:
		return b.named(t, &Schema{Type: "array", Items: b.of(t.Elem())})
	case reflect.Map:
		return b.named(t, &Schema{Type: "object", Additional: b.of(t.Elem())})
	case reflect.Struct:
		return b.object(t)
	}
	panic(fmt.Sprintf("schema: there is none for %s", t))
}

// named fills in what the rules say of a type that is no struct, such as state.Tags.
func (b *Builder) named(t reflect.Type, s *Schema) *Schema {
	if t.Name() != "" {
		s.Description = b.docs.Members[t.String()]
		s.merge(rules()[t.String()])
	}
	return s
}

func (b *Builder) text(t reflect.Type) *Schema {
	s := &Schema{Type: "string"}
	for _, w := range b.docs.Words[t.String()] {
		s.Enum = append(s.Enum, w[0])
		if w[1] != "" {
			s.Words = withWord(s.Words, w[0], w[1])
		}
	}
	return s
}

// bytes is a size: the API always shows the number.
func (b *Builder) bytes() *Schema {
	return b.Define("Bytes", &Schema{
		Description: docBytes, Type: []string{"integer", "string"}, Unit: "bytes", Pattern: bytesPattern,
		Minimum: at(0), Maximum: at(float64(state.MaxBytes)),
	})
}

// object defines a struct.
func (b *Builder) object(t reflect.Type) *Schema {
	name, key := t.Name(), t.String()
	if other := b.names[t]; other != "" {
		name = other
	}
	ref := &Schema{Ref: b.prefix + name}
	if b.types[name] == t {
		return ref
	}
	if other := b.types[name]; other != nil || name == "" {
		panic(fmt.Sprintf("schema: %s and %s need names of their own", t, other))
	}
	s := &Schema{Description: b.docs.Members[key], Type: "object"}
	b.types[name], b.defs[name] = t, s
	b.members(s, t)
	if closed()[key] {
		s.Additional = new(bool)
	}
	s.merge(rules()[key])
	return ref
}

func (b *Builder) members(s *Schema, t reflect.Type) {
	key := t.String()
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			b.members(s, f.Type)
			continue
		case name == "" || name == "-":
			continue
		}
		m, place := b.of(f.Type), key+"."+name
		optional := strings.Contains(options, "omit")
		if f.Type.Kind() == reflect.Pointer && !optional {
			m = &Schema{AnyOf: []*Schema{m, {Type: "null"}}}
		}
		if text := b.docs.Members[place]; text != "" {
			m.Description = text
		}
		m.merge(rules()[place])
		s.Properties = append(s.Properties, Member{name, m})
		if !optional && !documents()[key] && !closed()[key] {
			s.Required = append(s.Required, name)
		}
	}
}

func withWord(all map[string]string, value, text string) map[string]string {
	if all == nil {
		all = map[string]string{}
	}
	all[value] = text
	return all
}
