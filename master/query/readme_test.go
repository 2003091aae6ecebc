package query

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The examples of the README can be read.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, title := range []string{"## Finding nodes: the query language", "### 查找节点：查询语言"} {
		t.Run(title, func(t *testing.T) {
			_, section, found := strings.Cut(string(text), "\n"+title+"\n")
			if !found {
				t.Fatal("the README has no such section")
			}
			section, _, _ = strings.Cut(section, "\n#")
			examples := examplesOf(section)
			if len(examples) < 40 {
				t.Errorf("the README has %d examples only", len(examples))
			}
			for _, example := range examples {
				if _, err := Parse(example); err != nil {
					t.Errorf("%s: %v", example, err)
				}
			}
			_, err := Parse("tags:(a OR b")
			if _, says, _ := strings.Cut(err.Error(), ": "); !strings.Contains(section, says) {
				t.Errorf("the README does not have the error %s", says)
			}
		})
	}
}

var code = regexp.MustCompile("`([^`]+)`")

// examplesOf gives what is code in the last cell of each row of a table.
func examplesOf(section string) []string {
	var all []string
	for line := range strings.Lines(section) {
		line = strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(line, `\|`, "\x00")), "|")
		if !strings.HasPrefix(line, "|") {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(line[strings.LastIndex(line, "|"):], -1) {
			all = append(all, strings.ReplaceAll(m[1], "\x00", "|"))
		}
	}
	return all
}
