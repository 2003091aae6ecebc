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
	s := x.snapshot.Load()
	if s == nil {
		return nil
	}
	kinds := s.paths()
	all := make([]Field, 0, len(kinds))
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		f := Field{Path: name}
		for aspect, kind := range map[int]Kind{whole: String, address: Address, number: Number} {
			if kinds[name]&(1<<aspect) != 0 {
				f.Kinds = append(f.Kinds, kind)
			}
		}
		slices.Sort(f.Kinds)
		all = append(all, f)
	}
	return all
}

// paths gives the paths that some document has, with the aspects of their values, a bit each.
func (s *snapshot) paths() map[string]uint8 {
	all := map[string]uint8{}
	for _, p := range s.parts {
		l := lookup{segment: p.segment}
		for _, path := range p.paths {
			if p.left < len(p.docs) {
				docs := l.with(path)
				if docs.remove(p.gone); docs.empty() {
					continue
				}
			}
			all[path.name] |= path.aspects
		}
	}
	return all
}

// Values gives the values of a field that begin with prefix, whatever its case, the most frequent first; at most limit.
func (x *Index) Values(field, prefix string, limit int) []Value {
	s := x.snapshot.Load()
	if s == nil || limit <= 0 {
		return nil
	}
	prefix = strings.ToLower(prefix)
	counts := map[string]int{}
	for _, p := range s.parts {
		if path := p.names[field]; path != nil {
			p.countValues(path, prefix, counts)
		}
	}
	all := make([]Value, 0, len(counts))
	for text, n := range counts {
		all = append(all, Value{text, n})
	}
	slices.SortFunc(all, func(a, b Value) int { return cmp.Or(cmp.Compare(b.Docs, a.Docs), cmp.Compare(a.Text, b.Text)) })
	return all[:min(limit, len(all))]
}

func (p part) countValues(at *path, prefix string, counts map[string]int) {
	l := lookup{segment: p.segment}
	for _, aspect := range [...]int{whole, text, number} {
		c, err := l.column(at, aspect)
		if err != nil {
			return // suggestions are no answers: without is better than none at all
		}
		from, to := 0, c.len()
		if aspect != number {
			from, to = c.span(beginning(prefix))
		}
		for i := from; i < to; i++ {
			n := 0
			for _, d := range c.of(i, i+1) {
				if !p.gone.has(int(d)) {
					n++
				}
			}
			key := c.key(i)
			if aspect == number {
				key = numberOf(key)
			}
			if n > 0 && strings.HasPrefix(key, prefix) {
				counts[key] += n
			}
		}
	}
}

// warnings names the fields of a query that no document has and that are not known, and words that look like operators.
func (x *Index) warnings(s *snapshot, q query.Query) []string {
	named := query.Fields(q)
	warnings := slips(q)
	var names []string
	for _, f := range named {
		if slices.ContainsFunc(x.known, func(k Field) bool { return k.Path == f }) || s.hasPath(f) {
			continue
		}
		if names == nil {
			names = x.names(s)
		}
		w := fmt.Sprintf("unknown field %q", f)
		if n := state.Nearest(f, names); n != "" {
			w += fmt.Sprintf(": did you mean %q?", n)
		} else if i := slices.IndexFunc(names, func(n string) bool { return strings.HasSuffix(n, "."+f) }); i >= 0 {
			w += fmt.Sprintf(": did you mean %q?", names[i])
		}
		warnings = append(warnings, w)
	}
	return warnings
}

// slips names the words beside others that look like operators of another language, and are none here: the query is right,
// but hardly what was meant.
func slips(q query.Query) (said []string) {
	query.Walk(q, func(q query.Query) {
		b, ok := q.(*query.Bool)
		if !ok || len(b.Clauses) < 2 {
			return
		}
		for _, c := range b.Clauses {
			t, ok := c.Query.(*query.Term)
			if !ok || t.Field != "" || t.Quoted {
				continue
			}
			if op := operator(t.Text); op != "" {
				said = append(said, fmt.Sprintf("%q is a word here, not an operator: did you mean %s?", t.Text, op))
			}
		}
	})
	slices.Sort(said)
	return slices.Compact(said)
}

// operator is what a word is elsewhere; empty: none.
func operator(word string) string {
	switch strings.ToLower(word) {
	case "and", "&":
		return "AND"
	case "or", "|":
		return "OR"
	case "not":
		return "NOT"
	default:
		return ""
	}
}

// hasPath reports whether some document has a value there.
func (s *snapshot) hasPath(name string) bool {
	return slices.ContainsFunc(s.parts, func(p part) bool {
		at := p.names[name]
		if at == nil {
			return false
		}
		l := lookup{segment: p.segment}
		docs := l.with(at)
		docs.remove(p.gone)
		return !docs.empty()
	})
}

// names gives every path that is known or that some document has, sorted.
func (x *Index) names(s *snapshot) []string {
	all := slices.Collect(maps.Keys(s.paths()))
	for _, f := range x.known {
		all = append(all, f.Path)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
