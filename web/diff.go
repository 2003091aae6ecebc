package web

import (
	"net/http"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/go-json-experiment/json"

	"stathub/state"
	"stathub/web/rest"
)

// DiffLine is a line of a difference, as {{template "diff" .}} shows it.
type DiffLine struct {
	Op   string `json:"op"` // "+", "-", " " for one that stays, "@" where lines that stay are left out
	Text string `json:"text"`
}

const (
	diffContext  = 3      // lines that stay are shown around a change
	maxDiffLines = 10_000 // are shown: more than anybody reads
)

// Diff tells what has to be done to before so that it becomes after, by lines; nothing where they are equal. Of a very long
// one the end is left out.
func Diff(before, after string) []DiffLine {
	return lines(before, udiff.Lines(before, after))
}

func lines(before string, edits []udiff.Edit) []DiffLine {
	all := []DiffLine{}
	u, err := udiff.ToUnifiedDiff("", "", before, edits, diffContext)
	if err != nil {
		panic("web: edits that do not fit what they were made from: " + err.Error())
	}
	for i, h := range u.Hunks {
		if i > 0 || h.FromLine > 1 {
			all = append(all, DiffLine{Op: "@"})
		}
		for _, l := range h.Lines {
			if len(all) >= maxDiffLines {
				return append(all, DiffLine{Op: "@"})
			}
			op := " "
			switch l.Kind {
			case udiff.Delete:
				op = "-"
			case udiff.Insert:
				op = "+"
			}
			all = append(all, DiffLine{op, strings.TrimSuffix(l.Content, "\n")})
		}
	}
	return all
}

// Conflict is what two people did to one document.
type Conflict struct {
	Theirs []DiffLine `json:"theirs"`          // what the others changed, from the base
	Mine   []DiffLine `json:"mine"`            // what this one changed, from the base
	Over   []DiffLine `json:"over"`            // what writing mine would do to theirs
	Merged *string    `json:"merged,omitzero"` // both changes; not there where they meet
}

// Compare finds what two people did to a text that both began with.
func Compare(base, theirs, mine string) Conflict {
	t, m := udiff.Lines(base, theirs), udiff.Lines(base, mine)
	c := Conflict{Theirs: lines(base, t), Mine: lines(base, m), Over: Diff(theirs, mine)}
	if both, ok := udiff.Merge(t, m); ok {
		if merged, err := udiff.Apply(base, both); err == nil && merged != mine && merged != theirs {
			c.Merged = &merged
		}
	}
	return c
}

// maxCompare bounds the body of a comparison, in bytes: three documents, escaped as JSON has it.
const maxCompare = 8 * rest.MaxEdit

// compared is the body of a comparison.
type compared struct {
	Base   string `json:"base"`
	Theirs string `json:"theirs"`
	Mine   string `json:"mine"`
}

// serveDiff answers POST /diff of assets/conflict.js, {base, theirs, mine}, with a Conflict.
func serveDiff(w http.ResponseWriter, r *http.Request) error {
	data, err := rest.ReadBody(w, r, maxCompare)
	if err != nil {
		return err
	}
	var in compared
	if err := json.Unmarshal(data, &in); err != nil {
		return state.Errorf(state.Invalid, "", "the body must be {base, theirs, mine}, all text: %w", err)
	}
	for _, text := range []string{in.Base, in.Theirs, in.Mine} {
		if len(text) > rest.MaxEdit {
			return state.Errorf(state.TooLarge, "", "a text of %d bytes is no document that can be edited: it may have up to %d", len(text), rest.MaxEdit)
		}
	}
	rest.WriteJSON(w, r, http.StatusOK, Compare(in.Base, in.Theirs, in.Mine), "")
	return nil
}
