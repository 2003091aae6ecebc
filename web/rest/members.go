package rest

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"stathub/state"
)

// member is one member of a JSON object, by where it stands in the text.
type member struct {
	name       string
	start, end int // from the name's quote to the end of the value
}

// members gives the members of the object that data is; none when it is not one.
func members(data []byte) []member {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil
	}
	var all []member
	for dec.PeekKind() == '"' {
		raw, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		start := int(dec.InputOffset()) - len(raw)
		name, err := jsontext.AppendUnquote(nil, raw)
		if err != nil || dec.SkipValue() != nil {
			return nil
		}
		all = append(all, member{string(name), start, int(dec.InputOffset())})
	}
	return all
}

// HasMember reports whether the object has a member.
func HasMember(data []byte, name string) bool {
	for _, m := range members(data) {
		if m.name == name {
			return true
		}
	}
	return false
}

// HideMembers replaces members of an object with spaces, so that lines and columns of the rest stay what they were.
func HideMembers(data []byte, unwanted func(name string) bool) []byte {
	out := bytes.Clone(data)
	for _, m := range members(data) {
		if !unwanted(m.name) {
			continue
		}
		blank(out[m.start:m.end])
		after := m.end + len(out[m.end:]) - len(bytes.TrimLeft(out[m.end:], " \t\r\n"))
		before := len(bytes.TrimRight(out[:m.start], " \t\r\n")) - 1
		switch {
		case after < len(out) && out[after] == ',':
			out[after] = ' '
		case before >= 0 && out[before] == ',':
			out[before] = ' '
		}
	}
	return out
}

func blank(text []byte) {
	for i, c := range text {
		if c != '\n' {
			text[i] = ' '
		}
	}
}

// KnownMembers gives a test for the members that an edit may carry without meaning: what the API adds to its answers, and what
// a newer or older peer added to the stored document, which the edit keeps as it is stored.
func KnownMembers(extra jsontext.Value, added ...string) func(name string) bool {
	names := map[string]bool{}
	for _, name := range added {
		names[name] = true
	}
	for _, m := range members(extra) {
		names[m.name] = true
	}
	return func(name string) bool { return names[name] }
}

// WithMember gives unknown members of a document and one more, which replaces one of the same name.
func WithMember(extra jsontext.Value, name string, value any) jsontext.Value {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, m := range members(extra) {
		if m.name != name {
			b.Write(extra[m.start:m.end])
			b.WriteByte(',')
		}
	}
	quoted, _ := jsontext.AppendQuote(nil, name)
	b.Write(quoted)
	b.WriteByte(':')
	b.Write(state.EncodeLine(value))
	b.WriteByte('}')
	return b.Bytes()
}
