package state

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Change is one difference between two JSON values. Path is a JSON Pointer (RFC 6901). Old is absent for what was added,
// New for what was removed. Both are in canonical form (RFC 8785), integers as they came.
type Change struct {
	Path string         `json:"path"`
	Old  jsontext.Value `json:"old,omitzero"`
	New  jsontext.Value `json:"new,omitzero"`
}

// Changes gives what makes the JSON text new of old, in the order of the paths. Lists are compared place by place: what is
// inserted into one shows as changes of what follows. Carried out in turn, with removals from a list last place first,
// they turn old into new. Text that is no JSON is code Invalid.
func Changes(old, new []byte) ([]Change, error) {
	a, b := jsontext.Value(slices.Clone(old)), jsontext.Value(slices.Clone(new))
	for _, v := range []*jsontext.Value{&a, &b} {
		if err := v.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
			return nil, Errorf(Invalid, "", "cannot compare: %w", err)
		}
	}
	return appendChanges(nil, "", a, b), nil
}

// appendChanges compares canonical values.
func appendChanges(all []Change, path jsontext.Pointer, a, b jsontext.Value) []Change {
	if bytes.Equal(a, b) {
		return all
	}
	if a.Kind() != b.Kind() || a.Kind() != '{' && a.Kind() != '[' {
		return append(all, Change{string(path), a, b})
	}
	left, right := parts(a), parts(b)
	for len(left) > 0 || len(right) > 0 {
		switch order := compareParts(left, right); {
		case order < 0:
			all = append(all, Change{Path: string(path.AppendToken(left[0].name)), Old: left[0].value})
			left = left[1:]
		case order > 0:
			all = append(all, Change{Path: string(path.AppendToken(right[0].name)), New: right[0].value})
			right = right[1:]
		default:
			all = appendChanges(all, path.AppendToken(left[0].name), left[0].value, right[0].value)
			left, right = left[1:], right[1:]
		}
	}
	return all
}

// part is a member of an object, or an element of a list.
type part struct {
	name  string
	order int // of an element: its place
	value jsontext.Value
}

func compareParts(left, right []part) int {
	switch {
	case len(left) == 0:
		return 1
	case len(right) == 0:
		return -1
	case left[0].order != right[0].order:
		return left[0].order - right[0].order
	case left[0].name < right[0].name:
		return -1
	case left[0].name > right[0].name:
		return 1
	default:
		return 0
	}
}

// parts gives the members of an object by name, or the elements of a list in their order.
func parts(v jsontext.Value) []part {
	var all []part
	dec := jsontext.NewDecoder(bytes.NewReader(v))
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		p := part{order: len(all), name: strconv.Itoa(len(all))}
		if v.Kind() == '{' {
			name, err := dec.ReadToken()
			if err != nil {
				return all
			}
			p.order, p.name = 0, name.String()
		}
		value, err := dec.ReadValue()
		if err != nil {
			return all
		}
		p.value = slices.Clone(value)
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b part) int { return compareParts([]part{a}, []part{b}) })
	return all
}
