package faultsuite

import (
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/memstore"
)

// The journal finds what it is there to find.
func TestJournalFindsWhatIsWrong(t *testing.T) {
	r, other := ofApp("a"), ofApp("b")
	type did struct {
		token, before string
		outcome       outcome
		register      *register
	}
	for name, tt := range map[string]struct {
		edits []did
		last  string
		want  string // in the findings; empty: there are none
	}{
		"nobody edited":                    {nil, first, ""},
		"a chain":                          {[]did{{"1", first, acknowledged, r}, {"2", "1", acknowledged, r}}, "2", ""},
		"an answer lost, the edit not":     {[]did{{"1", first, unknown, r}, {"2", "1", acknowledged, r}}, "2", ""},
		"an answer lost, and the edit":     {[]did{{"1", first, unknown, r}, {"2", first, acknowledged, r}}, "2", ""},
		"a refused edit":                   {[]did{{"1", first, refused, r}, {"2", first, acknowledged, r}}, "2", ""},
		"lost: two over the same":          {[]did{{"1", first, acknowledged, r}, {"2", first, acknowledged, r}}, "2", `lost: "1"`},
		"lost: back to an older one":       {[]did{{"1", first, acknowledged, r}, {"2", "1", acknowledged, r}}, "1", `lost: "2"`},
		"lost: all":                        {[]did{{"1", first, acknowledged, r}}, first, `lost: "1"`},
		"invented":                         {nil, "9", "invented"},
		"another document's":               {[]did{{"1", first, acknowledged, other}}, "1", "invented"},
		"refused, and there":               {[]did{{"1", first, refused, r}}, "1", "was refused, and is there"},
		"refused, and there under another": {[]did{{"1", first, refused, r}, {"2", "1", acknowledged, r}}, "2", "was refused, and is there"},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJournal()
			for _, d := range tt.edits {
				e := &edit{token: d.token, before: d.before, register: d.register}
				j.begin(e)
				j.end(e, d.outcome)
			}
			var all strings.Builder
			for _, err := range j.check(r, tt.last) {
				all.WriteString(err.Error())
			}
			if got := all.String(); tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

// So does the recorder.
func TestRecorderFindsWhatIsWrong(t *testing.T) {
	web := state.ManifestEntry{Count: 2, App: state.App{Name: "web", ToProcess: "run", KillSignal: 15, Start: true}}
	fewer, none := web, state.ManifestEntry{Count: 1, App: state.App{Name: "other", ToProcess: "run", KillSignal: 15, Start: true}}
	fewer.Count = 1
	for name, tt := range map[string]struct {
		term  int64
		entry state.ManifestEntry
		want  string
	}{
		"the same":         {3, web, ""},
		"a later term":     {4, web, ""},
		"a person's":       {0, web, ""},
		"a lower term":     {2, web, "of term 2"},
		"fewer instances":  {3, fewer, "nobody edited it"},
		"it is not listed": {3, none, "nobody edited it"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder(memstore.New())
			put := func(term int64, e state.ManifestEntry) {
				m := state.Manifest{Node: "n", Term: term, Apps: []state.ManifestEntry{e}}
				if _, err := state.Write(t.Context(), r, "manifests/n.json", state.Encode(&m), state.Condition{}); err != nil {
					t.Fatal(err)
				}
			}
			put(3, web)
			r.guard("web")
			put(tt.term, tt.entry)
			got := strings.Join(r.findings(), "; ")
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}
