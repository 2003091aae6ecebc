package console

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stathub/master/query"
	"stathub/web"
)

// The help and the README have the same examples of the query language, and all of them can be read.
func TestQueryForms(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "| form | finds nodes with | examples |\n")
	table, _, _ := strings.Cut(section, "\n\n")
	var told []string
	for row := range strings.SplitSeq(strings.ReplaceAll(table, `\|`, "\x00"), "\n") {
		cells := strings.Split(row, "|")
		if len(cells) < 4 || strings.HasPrefix(row, "| ---") {
			continue
		}
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1) {
			told = append(told, strings.ReplaceAll(m[1], "\x00", "|"))
		}
	}
	var shown []string
	for _, f := range web.QueryForms() {
		for _, example := range f.Examples {
			if _, err := query.Parse(example); err != nil {
				t.Errorf("%s: %v", example, err)
			}
			shown = append(shown, example)
		}
	}
	slices.Sort(told)
	slices.Sort(shown)
	for _, example := range shown {
		if _, ok := slices.BinarySearch(told, example); !ok {
			t.Errorf("the help has %s, the README does not", example)
		}
	}
	for _, example := range told {
		if _, ok := slices.BinarySearch(shown, example); !ok && example != `tags:ssd^2` {
			t.Errorf("the README has %s, the help does not", example)
		}
	}
}
