package index

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/go-json-experiment/json/jsontext"

	"stathub/state"
)

// A path is the dotted names of the JSON members around a value. Each value has terms: the number of the path in the
// segment (3 bytes), one of these aspects of the value (1 byte), and a key. They are all in one field of bleve, whose
// fields are dear: each has a dictionary of its own, which takes longer to begin than to fill with a document's terms.
const (
	whole   = iota // strings: the value in lower case
	words          // strings: each of its words, unless the value is just that word
	text           // addresses: the value in lower case, for wildcards and the like
	address        // addresses: 16 bytes
	number         // numbers: 8 bytes
)

// path is a path of the documents of one segment.
type path struct {
	id      int
	name    string
	aspects uint8           // that its values have, a bit each
	docs    *roaring.Bitmap // those with a value
	last    int             // the last of docs, from 1; for who makes the segment
}

func (p *path) has(aspect int) bool { return p.aspects&(1<<aspect) != 0 }

// prefix is what the terms of an aspect begin with.
func (p *path) prefix(aspect int) string {
	return string([]byte{byte(p.id >> 16), byte(p.id >> 8), byte(p.id), byte(aspect)})
}

const prefixLength = 4

// place is a path while documents are read. A member is known by its JSON text, so that most reading is looking up.
type place struct {
	path    *path
	members map[string]*place
	values  map[string]*value
}

// value is one value at a path, ready for bleve.
type value struct {
	path  *path
	terms []string
}

// reader takes the documents of a segment apart.
type reader struct {
	root   *place
	places map[string]*place // by the name of the path
	paths  []*path
}

func newReader() *reader {
	r := &reader{places: map[string]*place{}}
	r.root = &place{members: map[string]*place{}} // a document that is no object has no fields
	return r
}

// read gives the values of a document.
func (r *reader) read(doc Doc) ([]*value, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(state.EncodeLine(doc.Value)), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var all []*value
	if err := r.walk(dec, r.root, &all); err != nil {
		return nil, fmt.Errorf("cannot read document %q: %w", doc.ID, err)
	}
	return all, nil
}

func (r *reader) walk(dec *jsontext.Decoder, at *place, all *[]*value) error {
	kind := dec.PeekKind()
	if kind != '{' && kind != '[' {
		raw, err := dec.ReadValue()
		if err == nil && kind != 'n' && at.path != nil {
			*all = append(*all, at.value(kind, raw))
		}
		return err
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for end := kind + 2; dec.PeekKind() != end; { // in ASCII the closing bracket is the second after the opening one
		inner := at
		if kind == '{' {
			raw, err := dec.ReadValue()
			if err != nil {
				return err
			}
			inner = r.member(at, raw)
		}
		if err := r.walk(dec, inner, all); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// member gives the place of a member. One path may be reached in several ways: {"a.b": 1}, {"a": {"b": 1}}.
func (r *reader) member(at *place, raw jsontext.Value) *place {
	if m := at.members[string(raw)]; m != nil {
		return m
	}
	name := unquote(raw)
	if at.path != nil {
		name = at.path.name + "." + name
	}
	m := r.places[name]
	if m == nil {
		m = &place{path: &path{id: len(r.paths), name: name, docs: roaring.New()}, members: map[string]*place{}, values: map[string]*value{}}
		r.places[name] = m
		r.paths = append(r.paths, m.path)
	}
	at.members[string(raw)] = m
	return m
}

func unquote(raw jsontext.Value) string {
	s, _ := jsontext.AppendUnquote(nil, raw) // bytes that are no UTF-8 become U+FFFD, and nothing else can be wrong
	return string(s)
}

func (at *place) value(kind jsontext.Kind, raw jsontext.Value) *value {
	if v := at.values[string(raw)]; v != nil {
		return v
	}
	v := &value{path: at.path}
	at.values[string(raw)] = v
	if kind == '0' {
		if key, ok := numberKey(string(raw)); ok {
			v.add(number, key)
		}
		return v
	}
	s := string(raw) // true or false
	if kind == '"' {
		s = unquote(raw)
	}
	lower := strings.ToLower(s)
	if key, ok := addressKey(s); ok && at.path.name == addressPath {
		v.add(address, key)
		v.add(text, lower)
		return v
	}
	v.add(whole, lower)
	if found := split(lower); len(found) != 1 || found[0] != lower {
		for _, w := range found {
			v.add(words, w)
		}
	}
	return v
}

func (v *value) add(aspect int, key string) {
	v.path.aspects |= 1 << aspect
	v.terms = append(v.terms, v.path.prefix(aspect)+key)
}
