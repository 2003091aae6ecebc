package index

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"stathub/master/query"
	"stathub/state"
)

// The model answers queries by looking at each value of each node, from the text of the specification and without
// anything of the index but the list of values.

func modelMatch(n *state.Node, q query.Query) bool {
	switch q := q.(type) {
	case query.All:
		return true
	case query.Exists:
		return anyLeaf(n, q.Field, func(leaf) bool { return true })
	case *query.Term:
		return anyLeaf(n, q.Field, func(l leaf) bool { return modelTerm(l, q.Text) })
	case *query.Wildcard:
		return anyLeaf(n, q.Field, func(l leaf) bool { return modelPrefix(l, strings.ToLower(strings.TrimSuffix(q.Pattern, "*"))) })
	case *query.Bool:
		return modelBool(n, q)
	}
	panic("a query of unknown type")
}

func anyLeaf(n *state.Node, field string, match func(leaf) bool) bool {
	return slices.ContainsFunc(leaves(n), func(l leaf) bool { return (field == "" || field == l.path) && match(l) })
}

func modelBool(n *state.Node, q *query.Bool) bool {
	musts, shoulds, hit := 0, 0, false
	for _, c := range q.Clauses {
		ok := modelMatch(n, c.Query)
		switch c.Occur {
		case query.Must:
			if musts++; !ok {
				return false
			}
		case query.MustNot:
			if ok {
				return false
			}
		default:
			shoulds++
			hit = hit || ok
		}
	}
	return musts > 0 || shoulds == 0 || hit
}

func modelTerm(l leaf, text string) bool {
	if l.kind == '0' {
		have, _ := strconv.ParseFloat(l.text, 64)
		want, err := strconv.ParseFloat(text, 64)
		return err == nil && have == want
	}
	if have, err := netip.ParseAddr(l.text); err == nil && l.path == "networks.address" {
		want, err := netip.ParseAddr(text)
		return err == nil && have.Unmap() == want.Unmap()
	}
	if strings.EqualFold(l.text, text) {
		return true
	}
	have, want := modelWords(l.text), modelWords(text)
	for i := 0; len(want) > 0 && i+len(want) <= len(have); i++ {
		if slices.Equal(have[i:i+len(want)], want) {
			return true
		}
	}
	return false
}

func modelPrefix(l leaf, lower string) bool {
	if l.kind == '0' {
		return false
	}
	if strings.HasPrefix(strings.ToLower(l.text), lower) {
		return true
	}
	if _, err := netip.ParseAddr(l.text); err == nil && l.path == "networks.address" {
		return false
	}
	return slices.ContainsFunc(modelWords(l.text), func(w string) bool { return strings.HasPrefix(w, lower) })
}

// modelWords holds for the alphabet of the generators: letters, digits, ideographs, dashes, blanks and dots.
func modelWords(s string) []string {
	var all []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			all = append(all, string(word))
		}
		word = nil
	}
	runes := []rune(strings.ToLower(s))
	for i, r := range runes {
		switch {
		case unicode.Is(unicode.Han, r):
			flush()
			all = append(all, string(r))
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			word = append(word, r)
		case r == '.' && i > 0 && i+1 < len(runes) && len(word) > 0 && joins(runes[i-1], runes[i+1]):
			word = append(word, r)
		default:
			flush()
		}
	}
	flush()
	return all
}

// joins reports whether a dot between a and b is inside a word: between letters, and between digits.
func joins(a, b rune) bool {
	letter := func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(unicode.Han, r) }
	return letter(a) && letter(b) || unicode.IsDigit(a) && unicode.IsDigit(b)
}

var (
	modelTexts = []string{
		"db", "db-07", "DB 07", "web.example.com", "web-1", "华东", "华东一区", "华北", "8", "1500", "10.0.0.1", "10.0.0.12", "fe80::1",
		"FE80:0::1", "x86", "a b c", "b c", "", "-", "7.5", "Linux", "lin",
	}
	modelFields = []string{"", "hostname", "tags", "os.cpus", "os.name", "networks.address", "networks.mtu", "envs.A", "rack", "id", "nosuch"}
)

func drawNode(t *rapid.T, id string) *state.Node {
	value := rapid.SampledFrom(modelTexts)
	n := &state.Node{ID: id, Tags: rapid.SliceOfN(value, 0, 3).Draw(t, "tags")}
	n.Hostname, n.OS.Name = value.Draw(t, "hostname"), value.Draw(t, "os")
	n.OS.CPUs = rapid.SampledFrom([]int{0, 8, 10, 1500}).Draw(t, "cpus")
	for range rapid.IntRange(0, 2).Draw(t, "networks") {
		n.Networks = append(n.Networks, state.Network{Address: value.Draw(t, "address"), MTU: rapid.SampledFrom([]int{8, 1500}).Draw(t, "mtu")})
	}
	if rapid.Bool().Draw(t, "env") {
		n.Envs = map[string]string{"A": value.Draw(t, "A")}
	}
	if rapid.Bool().Draw(t, "rack") {
		n.Extra = []byte(fmt.Sprintf(`{"rack":[%s,[7.5]]}`, rapid.SampledFrom([]string{"8", `"db"`, "true", "null", `{"a":1}`}).Draw(t, "rack value")))
	}
	return n
}

func drawQuery(t *rapid.T, depth int) query.Query {
	field := rapid.SampledFrom(modelFields).Draw(t, "field")
	value := rapid.SampledFrom(modelTexts).Draw(t, "text")
	switch rapid.IntRange(0, 3+depth).Draw(t, "kind") {
	case 0, 1:
		return &query.Term{Field: field, Text: value, Quoted: value == "" || rapid.Bool().Draw(t, "quoted")}
	case 2:
		runes := []rune(value + "d")
		return &query.Wildcard{Field: field, Pattern: string(runes[:rapid.IntRange(1, len(runes)).Draw(t, "length")]) + "*"}
	case 3:
		if field == "" {
			return query.All{}
		}
		return query.Exists{Field: field}
	}
	b := &query.Bool{}
	for range rapid.IntRange(1, 3).Draw(t, "clauses") {
		b.Clauses = append(b.Clauses, query.Clause{
			Occur: query.Occur(rapid.IntRange(0, 2).Draw(t, "occur")), Query: drawQuery(t, depth-1),
		})
	}
	return b
}

// history is what a random index went through: updates, each of puts and one delete, and what is left of them.
type history struct {
	puts  [][]*state.Node
	gone  []string
	nodes map[string]*state.Node
}

func drawHistory(t *rapid.T, ids []string) history {
	h := history{nodes: map[string]*state.Node{}}
	for range rapid.IntRange(1, 3).Draw(t, "updates") {
		var puts []*state.Node
		for _, id := range ids {
			if rapid.Bool().Draw(t, "put") {
				h.nodes[id] = drawNode(t, id)
				puts = append(puts, h.nodes[id])
			}
		}
		gone := rapid.SampledFrom(ids).Draw(t, "gone")
		if !slices.ContainsFunc(puts, func(n *state.Node) bool { return n.ID == gone }) {
			delete(h.nodes, gone)
		}
		h.puts, h.gone = append(h.puts, puts), append(h.gone, gone)
	}
	return h
}

// Making an index takes far longer than asking it, so a few random ones are asked a lot.
func TestAgreesWithTheModel(t *testing.T) {
	ids := idsIn(2, 5)
	histories := rapid.Custom(func(t *rapid.T) history { return drawHistory(t, ids) })
	var indexes []*Index
	var worlds []map[string]*state.Node
	for range 16 {
		h, x := histories.Example(), newIndex(t)
		for i := range h.puts {
			if err := x.Update(docsOf(h.puts[i]), []string{h.gone[i]}); err != nil {
				t.Fatal(err)
			}
		}
		indexes, worlds = append(indexes, x), append(worlds, h.nodes)
	}
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(indexes)-1).Draw(t, "world")
		for range 16 {
			agree(t, indexes[i], worlds[i], drawQuery(t, 2))
		}
	})
}

func agree(t *rapid.T, x *Index, nodes map[string]*state.Node, q query.Query) {
	found, err := x.Match(t.Context(), q.String())
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		if want := modelMatch(nodes[id], q); slices.Contains(found, id) != want {
			t.Fatalf("%s: found %s: %v, want %v\n%s", q, id, slices.Contains(found, id), want, state.Encode(nodes[id]))
		}
	}
	for _, id := range found {
		if nodes[id] == nil {
			t.Fatalf("%s finds %s, which is gone", q, id)
		}
	}
}
