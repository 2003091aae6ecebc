package suggest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stathub/master/index"
	"stathub/master/query"
)

// fake knows some fields and values, awkward ones among them.
type fake struct{}

var fields = []index.Field{
	{Path: "_exists_", Kinds: []index.Kind{index.String}}, {Path: "envs.my var", Kinds: []index.Kind{index.String}}, {Path: "hostname", Kinds: []index.Kind{index.String}},
	{Path: "memory.total", Kinds: []index.Kind{index.Number}}, {Path: "networks.address", Kinds: []index.Kind{index.Address}},
	{Path: "os.cpus", Kinds: []index.Kind{index.Number}}, {Path: "tags", Kinds: []index.Kind{index.String}},
}

var values = map[string][]string{
	"tags": {"ssd", "zone:a", "华东", "and", "or", "to", `say "hi"`, "a b", "(x", "-x", "<5", "/a/", "*", "a*", `\`, "：", "~1",
		strings.Repeat("long ", 60)},
	"hostname":    {"web-1", "web-2"},
	"os.cpus":     {"8", "16", "-1", "1e9"},
	"envs.my var": {"1"},
}

func (fake) Fields() []index.Field { return fields }

func (fake) Values(field, prefix string, limit int) (all []index.Value) {
	for i, v := range values[field] {
		if strings.HasPrefix(v, strings.ToLower(prefix)) && len(all) < limit {
			all = append(all, index.Value{Text: v, Docs: 100 - i})
		}
	}
	return all
}

var box = &Box{Source: fake{}, First: []string{"tags", "hostname"}}

func TestAt(t *testing.T) {
	for _, tt := range []struct {
		text     string // the cursor at |
		from, to int
		want     string // the first ones, or all that are less
	}{
		{"|", 0, 0, `[hostname: tags: \_exists_: envs.my\ var: memory.total: networks.address: os.cpus: NOT ]`},
		{"ta|", 0, 2, "[tags:]"},
		{"cp|", 0, 2, "[os.cpus:]"},
		{"a cp|us:8", 2, 7, "[os.cpus:]"},
		{"tags:|", 5, 5, `[ssd "zone:a" 华东]`},
		{"tags:s|", 5, 6, `[ssd "say \"hi\""]`},
		{`tags:"zo|"`, 5, 9, `["zone:a"]`},
		{"tags:long|", 5, 9, "[]"},
		{"hostname:web|", 9, 12, "[web-1 web-2]"},
		{"we|", 0, 2, "[web-1 web-2]"},
		{"os.cpus:>|", 9, 9, "[8 16]"},
		{"os.cpus:[8 |", 11, 11, "[TO ]"},
		{"os.cpus:[8 TO 16|", 14, 16, "[16]"},
		{"_exists_:os|", 9, 11, "[os.cpus]"},
		{"ssd a|", 4, 5, `[networks.address: envs.my\ var: hostname:]`},
		{"ssd an|", 4, 6, "[and AND ]"},
		{`tags:"ssd"|`, 10, 10, "[ hostname:  tags:]"},
		{`"a |b"`, 0, 5, `["a b"]`},
	} {
		t.Run(tt.text, func(t *testing.T) {
			before, after, _ := strings.Cut(tt.text, "|")
			a := box.At(before+after, len([]rune(before)))
			var got []string
			for _, s := range a.Suggestions {
				got = append(got, s.Text)
			}
			if n := strings.Count(tt.want, " ") + 1; !strings.Contains(tt.want, ": ") && len(got) > n {
				got = got[:n]
			}
			if text := fmt.Sprint(got); a.From != tt.from || a.To != tt.to || !strings.HasPrefix(text, strings.TrimSuffix(tt.want, "]")) {
				t.Errorf("from %d to %d: %s, want %d to %d: %s", a.From, a.To, text, tt.from, tt.to, tt.want)
			}
		})
	}
}

func TestBounds(t *testing.T) {
	many := &Box{Source: many{}, First: []string{"f0"}}
	for _, text := range []string{"", "f", "f0:", "f0:1", "x ", "_exists_:"} {
		if n := len(many.At(text, -7).Suggestions) + len(many.At(text, 1000).Suggestions); n == 0 || n > 2*maxSuggestions {
			t.Errorf("%q: %d suggestions", text, n)
		}
	}
}

// many has more of everything than anybody wants.
type many struct{}

func (many) Fields() (all []index.Field) {
	for i := range 100 {
		all = append(all, index.Field{Path: fmt.Sprintf("f%d", i)})
	}
	return all
}

func (many) Values(_, prefix string, limit int) (all []index.Value) {
	for i := range limit {
		all = append(all, index.Value{Text: fmt.Sprintf("%s%d", prefix, i), Docs: 1})
	}
	return all
}

// completions end what may be left open at the end of a query.
var completions = []string{"", "x", "]", " x", `"`, "/", ":x", " TO x]", "x TO x]", `x"`, `" TO x]`, `"]`, "x]", "x}", "x/", ":", "1"}

// completable reports whether a text is a query, or the beginning of one.
func completable(text string) bool {
	for _, end := range completions {
		for depth := range 4 {
			if _, err := query.Parse(text + end + strings.Repeat(")", depth)); err == nil {
				return true
			}
		}
	}
	return false
}

// Whatever is suggested at the end of a beginning of a query makes another beginning of one.
func TestAcceptedSuggestionsAreQueries(t *testing.T) {
	whole := []string{
		"*", "ssd", "tags:ssd", `tags:"zone:a" AND NOT hostname:web*`, "os.cpus:>8", "os.cpus:>=8 AND os.cpus:<16", "os.cpus:[8 TO 16]",
		"os.cpus:{* TO 16}", `at:["2026-11-22T08:00" TO *]`, "tags:(a OR b AND (c d))", "os.cpus:(>=8 AND <16)", "+a -b !c", "a && b || c",
		"_exists_:tags", "tags:*", "hostname:/web-[0-9]+/", "servr~1", `"a b"~2`, "a^2 b", `a\ b\:c`, "networks.address:192.168.0.0/16", "zone\\:a -tags:ssd",
		`envs.my\ var:1`, "NOT (a b)", "华东 tags:华东",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := []rune(rapid.SampledFrom(whole).Draw(t, "query"))
		text = text[:rapid.IntRange(0, len(text)).Draw(t, "length")]
		if !completable(string(text)) {
			return
		}
		for range rapid.IntRange(1, 3).Draw(t, "times") {
			a := box.At(string(text), len(text))
			if a.From < 0 || a.From > a.To || a.To != len(text) {
				t.Fatalf("%q: from %d to %d", string(text), a.From, a.To)
			}
			if len(a.Suggestions) == 0 {
				return
			}
			s := rapid.SampledFrom(a.Suggestions).Draw(t, "suggestion")
			next := slices.Concat(text[:a.From], []rune(s.Text))
			if !completable(string(next)) {
				t.Fatalf("%q and then %q gives %q, which begins no query", string(text), s.Text, string(next))
			}
			text = next
		}
	})
}

func TestFault(t *testing.T) {
	for _, tt := range []struct {
		query   string
		column  int // 0: there is none
		nearest string
	}{
		{"", 0, ""}, {"tags:ssd", 0, ""}, {"tags:(a", 8, "tags:(a)"}, {"节点 )", 4, "节点"},
	} {
		got := FaultOf(tt.query)
		if got == nil {
			got = &Fault{}
		}
		if got.Column != tt.column || got.Nearest != tt.nearest || (got.Message == "") != (tt.column == 0) {
			t.Errorf("%q: %+v", tt.query, got)
		}
	}
}
