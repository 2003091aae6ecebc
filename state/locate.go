package state

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// pointerOf makes a JSON pointer (RFC 6901) of member names and indexes.
func pointerOf(tokens ...any) string {
	var p jsontext.Pointer
	for _, t := range tokens {
		p = p.AppendToken(fmt.Sprint(t))
	}
	return string(p)
}

// pathOf turns a JSON pointer into the form that people read: "/healthChecks/0/path" is "healthChecks[0].path".
func pathOf(pointer string) string {
	var b strings.Builder
	for token := range jsontext.Pointer(pointer).Tokens() {
		if n, err := strconv.Atoi(token); err == nil && n >= 0 {
			fmt.Fprintf(&b, "[%d]", n)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	return b.String()
}

// locateAll fills in Path, Line and Column of problems that have a pointer. One of a member that is not there is placed
// at the nearest thing around it.
func locateAll(data []byte, problems []Problem) {
	want := map[string]bool{}
	for _, p := range problems {
		for ptr := jsontext.Pointer(p.pointer); ; ptr = ptr.Parent() {
			want[string(ptr)] = true
			if ptr == "" {
				break
			}
		}
	}
	names, values := map[string]int{}, map[string]int{}
	offsets(data, want, names, values)
	for i := range problems {
		p := &problems[i]
		p.Path = pathOf(p.pointer)
		if off, ok := names[p.pointer]; ok && p.name {
			p.Line, p.Column = lineColumn(data, off)
			continue
		}
		for ptr := jsontext.Pointer(p.pointer); ; ptr = ptr.Parent() {
			if off, ok := values[string(ptr)]; ok {
				p.Line, p.Column = lineColumn(data, off)
				break
			}
			if ptr == "" {
				break
			}
		}
	}
}

// offsets finds where the wanted members' names and values start.
func offsets(data []byte, want map[string]bool, names, values map[string]int) {
	dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		var start int
		switch kind := dec.PeekKind(); kind {
		case '{', '[', '}', ']':
			if _, err := dec.ReadToken(); err != nil {
				return
			}
			if start = int(dec.InputOffset()) - 1; kind == '}' || kind == ']' {
				continue
			}
		default:
			v, err := dec.ReadValue()
			if err != nil {
				return
			}
			start = int(dec.InputOffset()) - len(v)
		}
		ptr := string(dec.StackPointer())
		if !want[ptr] {
			continue
		}
		into := values
		if kind, n := dec.StackIndex(dec.StackDepth()); kind == '{' && n%2 == 1 {
			into = names
		}
		if _, ok := into[ptr]; !ok {
			into[ptr] = start
		}
	}
}

// lineColumn counts lines and characters from 1.
func lineColumn(data []byte, offset int) (line, column int) {
	before := data[:min(max(offset, 0), len(data))]
	line = 1 + bytes.Count(before, []byte("\n"))
	column = 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return line, column
}
