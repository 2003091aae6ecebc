package index

import (
	"fmt"
	"testing"

	"stathub/state"
)

func TestSlips(t *testing.T) {
	x, err := New(FieldsOf[state.Node]()...)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for text, want := range map[string]string{
		"tags:a and tags:b":       `["and" is a word here, not an operator: did you mean AND?]`,
		"not tags:a":              `["not" is a word here, not an operator: did you mean NOT?]`,
		"a & (b Or c)":            `["&" is a word here, not an operator: did you mean AND? "Or" is a word here, not an operator: did you mean OR?]`,
		"tags:a AND b":            "[]",
		"and":                     "[]",
		`tags:a "and" tags:b`:     "[]",
		"tags:(a and b)":          "[]",
		"cpus:>2":                 `[unknown field "cpus": did you mean "os.cpus"?]`,
		"os.cpu:2 and tags:a":     `["and" is a word here, not an operator: did you mean AND? unknown field "os.cpu": did you mean "os.cpus"?]`,
		"nothinglikethat:>2 OR a": `[unknown field "nothinglikethat"]`,
	} {
		r, err := x.Search(t.Context(), text, Options{})
		if got := fmt.Sprint(r.Warnings); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
}
