package index

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"stathub/master/query"
	"stathub/state"
)

// What random documents and queries are made of: few enough that they meet.
var (
	someTexts = []string{
		"db", "db-07", "DB 07", "web.example.com", "web-1", "web-12", "华东", "华东一区", "华北", "8", "1500", "10.0.0.1", "10.0.0.12", "192.168.1.200",
		"fe80::1", "FE80:0::1", "::ffff:10.0.0.1", "2001:db8::8", "fe80::1%eth0", "10.0.0.300", "x86_64", "a b c", "b c", "c a b a", "d a c b a b", "Mac OS X", "华 东 一 区", "a", "", "-", "_", "__a", "7.5", "1,5", "Linux", "lin",
		"zone:b", "zone:b-1", "00:9A:9F:9F:A6:EB", "it's", "prod🚀", "🚀 🔥", "서버", "서버 db", "サーバa_1", "ひらがな", "ÄÖ", "a\u0308o", "Straße", "СЕРВЕР", "true", "10.13.1", "v1.2",
		"10.13", "/data disk", "C:\\web", "a*b", "what?", "\"q\"", "8GiB", "512MB", "2b", "rw,local,rootfs", "http://10.0.0.1:51025", "·a·b·",
	}
	someFields = []string{
		"", "", "", "hostname", "tags", "tags", "os.cpus", "memory.total", "os.name", "os.version", "networks.address", "networks.address", "networks.mtu",
		"envs.A", "envs.a.b", "rack", "rack.a", "id", "state", "schedulable", "lastSeen", "nosuch", "os", "networks.hwaddr",
	}
	someNumbers  = []string{"8", "8.0", "08", "+8", "-1", "0", "-0", "1e1", "16", "7.5", "1500", "9000", "8589934592", "8GiB", "8 gib", "8G", "1.5kB", "512mb", "2b", "0x8", "inf", "8.", ".5", "1_0", "1e400"}
	someBlocks   = []string{"10.0.0.0/8", "10.0.0.1/32", "10.0.0.9/29", "fe80::/10", "::ffff:10.0.0.0/104", "0.0.0.0/0", "::/0", "10.0.0.0/33", "2001:db8::/64"}
	someRegexps  = []string{"web.*", "WEB-[0-9]+", ".*", ".+b.+", "(db|lin)ux?", `\w+`, `\W+`, `\d+`, "[^a-z]+", "华.", "a?b", "10\\.0\\..*", "x86_.{2}", "[A-C]", `\*`, "zone:[ab]"}
	someWildcars = []string{"*", "?", "??", "web*", "*b*", "*-?", "w*b-*1*", "10.0.*", "*🚀*", "华*", "华??区", `a\*b`, `\?*`, "fe80*", "*:*", "DB*", "1*", "**a", "?*?", "ß*", "*ß*", "_*", "*_*"}
)

type world struct {
	*rand.Rand
}

func (w world) of(all []string) string { return all[w.IntN(len(all))] }

func (w world) texts(most int) []string {
	all := make([]string, w.IntN(most+1))
	for i := range all {
		all[i] = w.of(someTexts)
	}
	return all
}

func (w world) node(id string) *state.Node {
	n := &state.Node{ID: id, Tags: w.texts(3), Schedulable: w.IntN(2) == 0}
	n.Hostname, n.OS.Name, n.OS.Version = w.of(someTexts), w.of(someTexts), w.of(someTexts)
	n.OS.CPUs = []int{0, 8, 10, 1500, -1, 2}[w.IntN(6)]
	n.Memory.Total = []state.Bytes{8 << 30, 512e6, 1536, 1500}[w.IntN(4)]
	n.State = []state.NodeState{state.NodeUp, state.NodeDown, state.NodeDraining}[w.IntN(3)]
	for range w.IntN(4) {
		n.Networks = append(n.Networks, state.Network{
			Address: w.of(someTexts), MTU: []int{8, 1500, 9000}[w.IntN(3)], HWAddr: w.of(someTexts),
		})
	}
	if w.IntN(2) == 0 {
		n.Envs = map[string]string{"A": w.of(someTexts), "a.b": w.of(someTexts)}
	}
	if w.IntN(2) == 0 {
		inner := []string{"8", `"db"`, "true", "null", `{"a":1}`, `{"\u0061":[["b c"]],"\u0062":"lin"}`, "-0", "1e1", "7.50", "[]", "1500.0"}
		n.Extra = jsontext.Value(fmt.Sprintf(`{"rack":[%s,[%s]],"envs2":{"x":%s}}`, w.of(inner), w.of(inner), w.of(inner)))
	}
	return n
}

// text is a text of a query: one of the texts, a piece of one, or of several.
func (w world) text() string {
	switch w.IntN(5) {
	case 0:
		return w.of(someNumbers)
	case 1:
		runes := []rune(w.of(someTexts) + " " + w.of(someTexts))
		from := w.IntN(len(runes))
		return string(runes[from : from+1+w.IntN(min(len(runes)-from, 6))])
	}
	return w.of(someTexts)
}

// phrase is some words of a text in any order, perhaps one of them twice.
func (w world) phrase() string {
	of := strings.Fields(w.of([]string{"c a b a", "a b c", "b c", "d a c b a b", "Mac OS X", "华 东 一 区"}))
	all := make([]string, 1+w.IntN(4))
	for i := range all {
		all[i] = w.of(of)
	}
	return strings.Join(all, " ")
}

// mistyped is a text with up to three edits.
func (w world) mistyped() string {
	runes := []rune(w.of(someTexts) + "x")
	for range w.IntN(4) {
		switch at := w.IntN(len(runes)); w.IntN(4) {
		case 0:
			runes[at] = 'a'
		case 1:
			runes = slices.Insert(runes, at, 'b')
		case 2:
			runes[0], runes[at] = runes[at], runes[0]
		default:
			if at > 0 {
				runes[at-1], runes[at] = runes[at], runes[at-1]
			}
		}
	}
	return string(runes)
}

func (w world) query(depth int) query.Query {
	field := w.of(someFields)
	switch w.IntN(10 + 3*depth) {
	case 0, 1, 2:
		return &query.Term{Field: field, Text: w.text(), Quoted: w.IntN(2) == 0}
	case 3:
		return &query.Term{Field: field, Text: w.phrase(), Quoted: true, Slop: w.IntN(5)}
	case 4:
		return &query.Term{Field: []string{"", "networks.address"}[w.IntN(2)], Text: w.of(someBlocks), Quoted: w.IntN(2) == 0}
	case 5:
		return &query.Wildcard{Field: field, Pattern: w.of(someWildcars)}
	case 6:
		return &query.Regexp{Field: field, Pattern: w.of(someRegexps)}
	case 7:
		return &query.Fuzzy{Field: field, Text: w.mistyped(), Edits: w.IntN(4) - 1}
	case 8:
		return w.span(field)
	case 9:
		if field == "" {
			return query.All{}
		}
		return query.Exists{Field: field}
	}
	b := &query.Bool{}
	for range 1 + w.IntN(3) {
		b.Clauses = append(b.Clauses, query.Clause{Occur: query.Occur(w.IntN(3)), Query: w.query(depth - 1)})
	}
	return b
}

func (w world) span(field string) query.Query {
	q := &query.Range{Field: field, From: query.Bound{Text: w.text(), Inclusive: w.IntN(2) == 0}, To: query.Bound{Text: w.text(), Inclusive: w.IntN(2) == 0}}
	switch w.IntN(4) {
	case 0:
		q.From = query.Bound{Unbounded: true}
	case 1:
		q.To = query.Bound{Unbounded: true}
	}
	return q
}

// The index must agree with the oracle about every document, whatever the query and however the documents came in.
func TestAgreesWithTheOracle(t *testing.T) {
	const worlds, queries = 40, 250
	asked, found := 0, 0
	for seed := range uint64(worlds) {
		w := world{rand.New(rand.NewPCG(seed, 1))}
		x, docs := w.index(t)
		oracles := map[string]oracle{}
		for id, n := range docs {
			oracles[id] = newOracle(n)
		}
		for range queries {
			text := w.query(2).String()
			parsed, err := query.Parse(text)
			if err != nil {
				continue // not every tree can be written: the parser has bounds
			}
			var want []string
			for id, o := range oracles {
				if o.matches(parsed) {
					want = append(want, id)
				}
			}
			agree(t, x, docs, text, want)
			asked, found = asked+1, found+min(len(want), 1)
		}
	}
	if asked < worlds*queries*9/10 || found < asked/4 {
		t.Errorf("%d of %d queries were asked, %d found something: this tests little", asked, worlds*queries, found)
	}
}

// index is what some updates left of some nodes.
func (w world) index(t *testing.T) (*Index, map[string]*state.Node) {
	x, docs := newIndex(t), map[string]*state.Node{}
	for range 1 + w.IntN(12) {
		var puts []Doc
		var deletes []string
		for i := range 12 {
			id := fmt.Sprint("n", i)
			switch w.IntN(4) {
			case 0:
				docs[id] = w.node(id)
				puts = append(puts, docOf(docs[id]))
			case 1:
				deletes = append(deletes, id)
				delete(docs, id)
			}
		}
		if err := x.Update(puts, deletes); err != nil {
			t.Fatal(err)
		}
	}
	return x, docs
}

// agree checks Match, and Search, whose hits come in order and without those that are down.
func agree(t *testing.T, x *Index, docs map[string]*state.Node, text string, want []string) {
	t.Helper()
	slices.Sort(want)
	got, err := x.Match(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if got = slices.Sorted(slices.Values(got)); !slices.Equal(got, want) {
		var differ strings.Builder
		for _, id := range slices.Sorted(maps.Keys(docs)) {
			if slices.Contains(got, id) != slices.Contains(want, id) {
				fmt.Fprintf(&differ, "\n%s", state.EncodeLine(docs[id]))
			}
		}
		t.Fatalf("%s: found %v, want %v%s", text, got, want, &differ)
	}
	up := slices.DeleteFunc(want, func(id string) bool { return docs[id].State == state.NodeDown })
	slices.SortFunc(up, func(a, b string) int { return strings.Compare(docs[a].Hostname+"\x00"+a, docs[b].Hostname+"\x00"+b) })
	r, err := x.Search(t.Context(), text, Options{Size: 100})
	if err != nil || r.Total != len(up) || !slices.Equal(r.IDs, append([]string{}, up...)) {
		t.Fatalf("%s: page %v of %d, want %v: %v", text, r.IDs, r.Total, up, err)
	}
}
