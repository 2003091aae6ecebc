package web

import (
	"slices"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/schema"
)

// Descriptions are in Chinese for all that people type most, and none is of a member that there is not.
func TestDescriptionsInChinese(t *testing.T) {
	known := map[string]bool{}
	for _, kind := range schema.Kinds() {
		for _, table := range Tables(kind.Type().Name(), schema.Of(kind.Name)) {
			known[table.Word] = true
			for _, m := range table.Members {
				known[m.Word] = true
				if words := languages[1].words(); (kind.Name == "app" || kind.Name == "choreo") && words[m.Word] == "" {
					t.Errorf("words/zh-CN.json has no %q", m.Word)
				}
				if m.Text == "" && kind.Name != "report" {
					t.Errorf("%s.%s has no comment that says what it is", table.Name, m.Name)
				}
			}
		}
	}
	for key := range languages[1].words() {
		if strings.HasPrefix(key, "doc.") && !known[key] {
			t.Errorf("%q is in the catalogue, and no document has it", key)
		}
	}
}

// Each state and reason that the help lists is told of, in both languages.
func TestHelpOfStates(t *testing.T) {
	for _, l := range languages {
		for _, g := range stateGroups {
			for _, w := range g.Words {
				if l.words()["help."+g.Name+"."+w] == "" {
					t.Errorf("words/%s.json does not say what %s %s means", l.Tag, g.Name, w)
				}
			}
		}
		for _, term := range terms {
			if l.words()["help.about."+term] == "" {
				t.Errorf("words/%s.json does not say what %s is", l.Tag, term)
			}
		}
		for _, f := range QueryForms() {
			if l.words()["help.form."+f.Name] == "" {
				t.Errorf("words/%s.json does not say what %s finds", l.Tag, f.Form)
			}
		}
	}
}

// The help lists every state that documents and answers can have.
func TestHelpHasAllStates(t *testing.T) {
	b := schema.NewBuilder("#/")
	for name, sample := range map[string]any{
		"node": state.NodeUp, "app": state.AppRunning, "instance": state.Running, "rollout": state.RolloutDone,
	} {
		i := slices.IndexFunc(stateGroups, func(g StateGroup) bool { return g.Name == name })
		for _, word := range b.Of(sample).Enum {
			if !slices.Contains(stateGroups[i].Words, word) {
				t.Errorf("the help does not say what %s %s means", name, word)
			}
		}
	}
}
