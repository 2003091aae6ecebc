package index

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"stathub/master/query"
	"stathub/state"
)

// Kind says how the values of a field are searched.
type Kind string

// The kinds of fields.
const (
	String  Kind = "string"
	Number  Kind = "number"
	Address Kind = "address"
)

// Field is a path that some document has, or may have.
type Field struct {
	Path  string // the dotted names of the JSON members
	Kinds []Kind // of its values, sorted; nearly always one
}

// Value is a known value of a field.
type Value struct {
	Text string // strings in lower case, numbers and addresses as they are written most shortly
	Docs int    // documents that have it
}

// FieldsOf gives the fields that documents of a type have, whatever their values: the JSON members of its struct, and of
// those inside. A map and what JSON embeds have none of their own.
func FieldsOf[T any]() []Field {
	var all []Field
	fieldsOf(reflect.TypeFor[T](), "", &all)
	slices.SortFunc(all, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

var textMarshaler = reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()

func fieldsOf(t reflect.Type, path string, all *[]Field) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array {
		t = t.Elem()
	}
	kind := String
	switch {
	case t.Implements(textMarshaler):
	case t.Kind() == reflect.Struct:
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous && name == "":
				fieldsOf(f.Type, path, all)
			case f.IsExported() && name != "" && name != "-":
				fieldsOf(f.Type, strings.TrimPrefix(path+"."+name, "."), all)
			}
		}
		return
	case t.Kind() == reflect.Map || t.Kind() == reflect.Interface:
		return
	case path == addressPath:
		kind = Address
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64:
		kind = Number
	}
	*all = append(*all, Field{path, []Kind{kind}})
}

// Fields gives the paths that some document has, sorted.
func (x *Index) Fields() []Field {
	x.mu.RLock()
	defer x.mu.RUnlock()
	kinds := map[string][]Kind{}
	for _, d := range x.order {
		for _, l := range leaves(d.Value) {
			if k := l.valueKind(); !slices.Contains(kinds[l.path], k) {
				kinds[l.path] = append(kinds[l.path], k)
			}
		}
	}
	all := make([]Field, 0, len(kinds))
	for _, path := range slices.Sorted(maps.Keys(kinds)) {
		slices.Sort(kinds[path])
		all = append(all, Field{path, kinds[path]})
	}
	return all
}

// Values gives the values of a field that begin with prefix, whatever its case, the most frequent first; at most limit.
func (x *Index) Values(field, prefix string, limit int) []Value {
	x.mu.RLock()
	defer x.mu.RUnlock()
	counts, prefix := map[string]int{}, strings.ToLower(prefix)
	for _, d := range x.order {
		seen := map[string]bool{}
		for _, l := range leaves(d.Value) {
			if text := strings.ToLower(l.text); l.path == field && strings.HasPrefix(text, prefix) && !seen[text] {
				seen[text] = true
				counts[text]++
			}
		}
	}
	all := make([]Value, 0, len(counts))
	for text, n := range counts {
		all = append(all, Value{text, n})
	}
	slices.SortFunc(all, func(a, b Value) int { return cmp.Or(cmp.Compare(b.Docs, a.Docs), cmp.Compare(a.Text, b.Text)) })
	return all[:min(max(limit, 0), len(all))]
}

// warnings names the fields of a query that no document has and that are not known. The caller holds the lock.
func (x *Index) warnings(q query.Query) ([]string, error) {
	named := query.Fields(q)
	if len(named) == 0 {
		return nil, nil
	}
	known, err := x.paths()
	if err != nil {
		return nil, err
	}
	var warnings []string
	for _, path := range named {
		if slices.Contains(known, path) {
			continue
		}
		w := fmt.Sprintf("unknown field %q", path)
		if n := state.Nearest(path, known); n != "" {
			w += fmt.Sprintf(": did you mean %q?", n)
		}
		warnings = append(warnings, w)
	}
	return warnings, nil
}

// paths gives every path that is known or that some document has or had lately.
func (x *Index) paths() ([]string, error) {
	var all []string
	for _, f := range x.known {
		all = append(all, f.Path)
	}
	for _, s := range x.shards {
		dict, err := s.bleve.FieldDict(exists)
		if err != nil {
			return nil, err
		}
		for e, err := dict.Next(); e != nil || err != nil; e, err = dict.Next() {
			if err != nil {
				return nil, err
			}
			all = append(all, e.Term)
		}
		if err := dict.Close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
