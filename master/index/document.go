package index

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/numeric"
	"github.com/go-json-experiment/json/jsontext"

	bleveindex "github.com/blevesearch/bleve_index_api"

	"stathub/state"
)

// How a document lies in bleve. Each value has a path, the dotted names of its JSON members, and goes, by its kind, into
// some of these fields: once under "aspect:path" and once under the aspect alone, which is every path together.
const (
	whole   = "v" // strings: the value in lower case
	words   = "w" // strings: the words of the value, with positions
	text    = "t" // addresses: the value in lower case, for wildcards only
	address = "a" // addresses: 16 bytes, so that any spelling is equal and order is numeric
	number  = "n" // numbers: 11 bytes whose order is numeric
	exists  = "e" // the paths themselves
)

// addressPath is where addresses are (seed 5.1.1).
const addressPath = "networks.address"

// gap separates the words of two values of one field, so that no phrase reaches from one into the other.
const gap = 1 << 20

// field names an aspect of a path; the empty path is every path.
func field(aspect, path string) string {
	if path == "" {
		return aspect
	}
	return aspect + ":" + path
}

// leaf is one value of a document.
type leaf struct {
	path string
	kind jsontext.Kind // '"' for all that is searched as a string, '0' for numbers
	text string
}

// valueKind tells how the value is searched.
func (l leaf) valueKind() Kind {
	if l.kind == '0' {
		return Number
	}
	if _, ok := addressTerm(l.text); ok && l.path == addressPath {
		return Address
	}
	return String
}

// leaves gives the values of a document in the order of its JSON. Members that this version does not know are values too.
// null is no value.
func leaves(value any) []leaf {
	dec := jsontext.NewDecoder(bytes.NewReader(state.EncodeLine(value)))
	var (
		all   []leaf
		names []string // of the members around the value
		kinds []jsontext.Kind
		named bool // the name of the next value has been read
	)
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return all
		}
		in := len(kinds) > 0 && kinds[len(kinds)-1] == '{'
		if in && !named && tok.Kind() == '"' {
			names, named = append(names, tok.String()), true
			continue
		}
		switch k := tok.Kind(); k {
		case '{', '[':
			kinds, named = append(kinds, k), false
			continue
		case '}', ']':
			kinds = kinds[:len(kinds)-1]
		case 'n':
		case '0':
			all = append(all, leaf{strings.Join(names, "."), '0', tok.String()})
		default:
			all = append(all, leaf{strings.Join(names, "."), '"', tok.String()})
		}
		if named = false; len(kinds) > 0 && kinds[len(kinds)-1] == '{' {
			names = names[:len(names)-1]
		}
	}
}

// newDocument makes what bleve indexes of a document. Nothing is stored but the id.
func newDocument(of Doc) *document.Document {
	b := builder{tokens: map[string]*tokens{}}
	for _, l := range leaves(of.Value) {
		b.add(l)
	}
	doc := document.NewDocument(of.ID)
	for _, name := range b.order {
		t := b.tokens[name]
		options := bleveindex.IndexField | bleveindex.SkipFreqNorm
		if name[:1] == words {
			options = bleveindex.IndexField | bleveindex.IncludeTermVectors
		}
		doc.AddField(document.NewTextFieldCustom(name, nil, nil, options, t))
	}
	return doc
}

// builder collects the tokens of each field of a document.
type builder struct {
	tokens map[string]*tokens
	order  []string
}

// tokens is a field that is analysed already.
type tokens struct {
	stream analysis.TokenStream
	next   int // position of the next value
}

// Analyze gives the tokens, whatever the text.
func (t *tokens) Analyze([]byte) analysis.TokenStream { return t.stream }

func (b *builder) field(name string) *tokens {
	t := b.tokens[name]
	if t == nil {
		t = &tokens{}
		b.tokens[name] = t
		b.order = append(b.order, name)
	}
	return t
}

func (b *builder) put(aspect, path string, term []byte) {
	for _, p := range []string{path, ""} {
		t := b.field(field(aspect, p))
		t.stream = append(t.stream, &analysis.Token{Term: term, Position: 1})
	}
}

func (b *builder) add(l leaf) {
	e := b.field(exists)
	e.stream = append(e.stream, &analysis.Token{Term: []byte(l.path), Position: 1})
	if l.kind == '0' {
		if term, ok := numberTerm(l.text); ok {
			b.put(number, l.path, term)
		}
		return
	}
	lower := strings.ToLower(l.text)
	if l.path == addressPath {
		if term, ok := addressTerm(l.text); ok {
			b.put(address, l.path, term)
			b.put(text, l.path, []byte(lower))
			return
		}
	}
	b.put(whole, l.path, []byte(lower))
	b.putWords(l.path, split(lower))
}

func (b *builder) putWords(path string, stream []string) {
	for _, p := range []string{path, ""} {
		t := b.field(field(words, p))
		for i, w := range stream {
			t.stream = append(t.stream, &analysis.Token{Term: []byte(w), Position: t.next + i + 1})
		}
		t.next += gap
	}
}

// split gives the words of a text by Unicode's word boundaries (UAX #29); each ideograph is one.
func split(lower string) []string {
	stream := unicode.NewUnicodeTokenizer().Tokenize([]byte(lower))
	all := make([]string, len(stream))
	for i, t := range stream {
		all[i] = string(t.Term)
	}
	return all
}

// numberTerm gives the term of a number as JSON writes it; false for anything else.
func numberTerm(s string) ([]byte, bool) {
	if s == "" || strings.Trim(s, "+-.0123456789eE") != "" {
		return nil, false // ParseFloat also takes infinities, hexadecimal digits and underscores
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, false
	}
	if f == 0 {
		f = 0 // the negative zero equals the other
	}
	return numeric.MustNewPrefixCodedInt64(numeric.Float64ToInt64(f), 0), true
}

// addressTerm gives the term of an IP address in any spelling; a zone is left out.
func addressTerm(s string) ([]byte, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return nil, false
	}
	b := a.As16()
	return b[:], true
}
