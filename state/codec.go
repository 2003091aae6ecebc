package state

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// pointerTo is *T as a Document, so that the decoders can make a T.
type pointerTo[T any] interface {
	*T
	Document
}

// Encode gives the document as people see it in the bucket: indented, members in the order of the type, unknown members
// after them, maps sorted, a newline at the end. Bytes that are not UTF-8 (a process may have any as its arguments) become U+FFFD.
func Encode(v any) []byte {
	data, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true), jsontext.WithIndent("  "))
	if err != nil {
		// Documents hold nothing that JSON lacks, but a float that is not a number, which check refuses.
		panic(fmt.Sprintf("cannot encode %T: %v", v, err))
	}
	return append(data, '\n')
}

// EncodeLine gives v as one line of JSON with its newline, for *.jsonl documents.
func EncodeLine(v any) []byte {
	data, err := json.Marshal(v, json.Deterministic(true), jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(fmt.Sprintf("cannot encode %T: %v", v, err))
	}
	return append(data, '\n')
}

// Decode reads a document that lies at key in the bucket. Unknown members are kept in Extra: a newer or older peer may
// own them. A document without a name gets that of its key; another name than the key's is a problem. Every error is an *Error with Problems that say where:
// code Invalid for text that is not such a document, Nonsense for a document that breaks a rule.
func Decode[T any, P pointerTo[T]](key string, data []byte) (*T, error) {
	return decode[T, P](key, data, false)
}

// DecodeInput reads a document that a person typed, for key or another name of the thing. Unlike Decode it refuses
// unknown members, and names the nearest known one.
func DecodeInput[T any, P pointerTo[T]](key string, data []byte) (*T, error) {
	return decode[T, P](key, data, true)
}

func decode[T any, P pointerTo[T]](key string, data []byte, strict bool) (*T, error) {
	if len(data) > MaxDocument {
		return nil, &Error{Code: TooLarge, Key: key, Message: fmt.Sprintf("the document is larger than %d bytes", MaxDocument)}
	}
	if string(bytes.TrimSpace(data)) == "null" {
		return nil, &Error{Code: Invalid, Key: key, Problems: []Problem{{Line: 1, Column: 1, Message: "must be an object, not null"}}}
	}
	if at := tooDeep(data); at >= 0 {
		p := Problem{Message: fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
		p.Line, p.Column = lineColumn(data, at)
		return nil, &Error{Code: Invalid, Key: key, Problems: []Problem{p}}
	}
	doc := new(T)
	if err := json.Unmarshal(data, doc); err != nil {
		return nil, &Error{Code: Invalid, Key: key, Problems: []Problem{decodeProblem(data, err)}}
	}
	var problems []Problem
	if strict {
		if unknownMembers(reflect.ValueOf(doc).Elem(), "", &problems); len(problems) > 0 {
			locateAll(data, problems)
			return nil, &Error{Code: Invalid, Key: key, Problems: problems}
		}
	}
	if checkAll(key, P(doc), &problems); len(problems) > 0 {
		locateAll(data, problems)
		return nil, &Error{Code: Nonsense, Key: key, Problems: problems}
	}
	return doc, nil
}

// maxDepth is far below what the JSON library takes: what was read as one document must still be written inside another,
// as an app is inside a manifest.
const maxDepth = 100

// tooDeep gives the offset of the first bracket past maxDepth, or -1.
func tooDeep(data []byte) int {
	depth, text := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return i
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return -1
}

// Check finds what is wrong with a document that was not just decoded, code Nonsense.
func Check(key string, doc Document) error {
	var problems []Problem
	if checkAll(key, doc, &problems); len(problems) == 0 {
		return nil
	}
	locateAll(Encode(doc), problems)
	return &Error{Code: Nonsense, Key: key, Problems: problems}
}

// checkAll runs the document's own rules, after it got the name of its key where it has none.
func checkAll(key string, doc Document, problems *[]Problem) {
	c := &checker{problems: problems}
	n, ok := doc.(named)
	want := keyName(key)
	if !ok || want == "" {
		doc.check(c)
		return
	}
	member, name := n.docName()
	if *name == "" {
		*name = want
	}
	if doc.check(c); nameForm.MatchString(*name) && *name != want {
		c.at(member).fail(fmt.Sprintf("is %q, but the document's key says %q", *name, want))
	}
}

// decodeOver decodes into v, which holds defaults, with the options of the surrounding call.
func decodeOver(dec *jsontext.Decoder, v any) error { return json.UnmarshalDecode(dec, v) }

// decodeProblem says in our words what the JSON library found, and where.
func decodeProblem(data []byte, err error) Problem {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		p := Problem{pointer: string(syntax.JSONPointer), Message: syntaxMessage(data, syntax)}
		p.Path = pathOf(p.pointer)
		p.Line, p.Column = lineColumn(data, int(syntax.ByteOffset))
		return p
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		all := []Problem{{pointer: string(semantic.JSONPointer), Message: semanticMessage(semantic)}}
		locateAll(data, all)
		return all[0]
	}
	return Problem{Message: err.Error()}
}

func syntaxMessage(data []byte, e *jsontext.SyntacticError) string {
	if len(bytes.TrimSpace(data)) == 0 {
		return "the document is empty"
	}
	if errors.Is(e.Err, jsontext.ErrDuplicateName) {
		return "this member is there twice"
	}
	text := e.Err.Error()
	if strings.Contains(text, "unexpected EOF") {
		return "the document ends too early: it is not complete"
	}
	if rest := bytes.TrimSpace(data[min(int(e.ByteOffset), len(data)):]); len(rest) > 0 && rest[0] == ',' {
		if next := bytes.TrimSpace(rest[1:]); len(next) > 0 && (next[0] == '}' || next[0] == ']') {
			return fmt.Sprintf("is not JSON: there must be no comma before %q", string(next[:1]))
		}
	}
	return "is not JSON: " + strings.TrimPrefix(text, "jsontext: ")
}

func semanticMessage(e *json.SemanticError) string {
	if e.Err != nil && e.GoType == nil {
		return e.Err.Error()
	}
	if e.JSONKind != 0 && e.GoType != nil {
		want := kindWord(e.GoType)
		got := map[jsontext.Kind]string{
			'n': "null", 'f': "false", 't': "true", '"': "a string", '0': "a number", '{': "an object", '[': "a list",
		}[e.JSONKind]
		if want != "" && got != "" {
			if e.JSONKind == '0' && (strings.HasPrefix(want, "a whole") || want == "a size in bytes") && e.Err != nil {
				return fmt.Sprintf("must be %s, not %s", want, e.JSONValue)
			}
			return fmt.Sprintf("must be %s, not %s", want, got)
		}
	}
	if e.Err != nil {
		return e.Err.Error()
	}
	return strings.TrimPrefix(e.Error(), "json: ")
}

func kindWord(t reflect.Type) string {
	if t == reflect.TypeFor[Bytes]() {
		return "a size in bytes"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Int32:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Pointer:
		return kindWord(t.Elem())
	case reflect.Struct:
		if t.PkgPath() == "time" {
			return "a time such as \"2026-01-31T12:00:00Z\""
		}
		return "an object"
	case reflect.Map:
		return "an object"
	default:
		return ""
	}
}
