package state

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// unknownMembers reports every member that decoding put into an Extra, anywhere in v: all at once, where the decoder's
// own rejection would stop at the first.
func unknownMembers(v reflect.Value, pointer string, problems *[]Problem) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			unknownMembers(v.Elem(), pointer, problems)
		}
	case reflect.Slice:
		for i := range v.Len() {
			unknownMembers(v.Index(i), pointer+pointerOf(i), problems)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case f.Anonymous:
				unknownMembers(v.Field(i), pointer, problems)
			case f.Name == "Extra":
				reportExtra(v.Field(i).Bytes(), pointer, memberNames(v.Type()), problems)
			case f.IsExported():
				unknownMembers(v.Field(i), pointer+pointerOf(name), problems)
			}
		}
	}
}

func reportExtra(extra []byte, pointer string, known []string, problems *[]Problem) {
	dec := jsontext.NewDecoder(bytes.NewReader(extra))
	if len(extra) == 0 {
		return
	}
	if _, err := dec.ReadToken(); err != nil {
		return
	}
	for dec.PeekKind() == '"' && len(*problems) < maxProblems {
		tok, err := dec.ReadToken()
		if err != nil {
			return
		}
		name := tok.String()
		if err := dec.SkipValue(); err != nil {
			return
		}
		message := fmt.Sprintf("unknown field %q", name)
		if where := elsewhere(name, known); where != "" {
			message += ": " + where
		} else if n := meant(name, known); n != "" {
			message += fmt.Sprintf(didYouMean+"%q?", n)
		} else {
			message += ": known are " + strings.Join(known, ", ")
		}
		*problems = append(*problems, Problem{pointer: pointer + pointerOf(name), name: true, Message: message})
	}
}

// meant guesses which of the known members name stands for, "" when none.
func meant(name string, known []string) string {
	if other := otherWords(name); slices.Contains(known, other) {
		return other
	}
	return Nearest(name, known)
}

// memberNames lists the JSON names of a document type, embedded structs included.
func memberNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			names = append(names, memberNames(f.Type)...)
		case name != "" && name != "-":
			names = append(names, name)
		}
	}
	return names
}

// Nearest gives the known word closest to s, by edit distance without regard to case, or "" when none is near: for messages
// such as "did you mean …?".
func Nearest(s string, known []string) string {
	best, bestDistance := "", 1+max(1, len(s)/3)
	for _, k := range known {
		if d := editDistance(strings.ToLower(s), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, changes and swaps of neighbours (optimal string alignment).
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 128 || len(y) > 128 {
		return max(len(x), len(y))
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := rows[i-1][j-1]
			if x[i-1] != y[j-1] {
				change++
			}
			rows[i][j] = slices.Min([]int{change, rows[i-1][j] + 1, rows[i][j-1] + 1})
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
