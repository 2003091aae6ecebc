package master

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// record puts a node record without an agent into a bucket.
func record(t testing.TB, store *memstore.Store, n state.Node) {
	t.Helper()
	n.Schedulable = true
	if _, err := state.Write(t.Context(), store, state.KindNode.Key(n.ID), state.Encode(&n), state.Condition{}); err != nil {
		t.Fatal(err)
	}
}

func machine(id, hostname, address string, cpus int, memory state.Bytes, tags ...string) state.Node {
	return state.Node{ID: id, Tags: tags, Facts: state.Facts{
		Hostname: hostname, OS: state.OS{Name: "Linux", CPUs: cpus}, Memory: state.Memory{Total: memory},
		Networks: []state.Network{{Address: "127.0.0.1"}, {Address: address}},
	}}
}

// shown gives the ids of the rows of the page of nodes, in order.
func shown(page string) (ids []string) {
	for _, part := range strings.Split(page, `<tr id="node-`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		ids = append(ids, id)
	}
	return ids
}

func TestNodesPage(t *testing.T) {
	store := memstore.New()
	record(t, store, machine("n1", "alpha", "10.0.0.9", 4, 8<<30, "ssd", "<b>x</b>"))
	record(t, store, machine("n2", "beta", "10.0.0.10", 16, 4<<30))
	record(t, store, machine("n3", "gamma", "fd00::1", 2, 16<<30, "hdd"))
	r := startReady(t, store)
	r.agent("n4")
	r.until("all are found", func() bool {
		return len(shown(r.do("GET", "/nodes", "").body)) == 4 && len(shown(r.do("GET", "/nodes?down=hide", "").body)) == 1
	})
	for _, tt := range []struct{ name, query, want string }{
		{"by name", "", "n1 n2 n3 n4"},
		{"by name, the other way", "sort=-name", "n4 n3 n2 n1"},
		{"a column that there is not", "sort=none", "n1 n2 n3 n4"},
		{"a column without an order", "sort=-load", "n4 n3 n2 n1"},
		{"by address, as addresses", "sort=address&down=&q=id:(n1 n2 n3)", "n1 n2 n3"},
		{"by memory", "sort=memory&q=id:(n1 n2 n3)", "n2 n1 n3"},
		{"by memory, the other way", "sort=-memory&q=id:(n1 n2 n3)", "n3 n1 n2"},
		{"by cpus", "sort=cpus&q=id:(n1 n2 n3)", "n3 n1 n2"},
		{"by state: down first, the same by name", "sort=state", "n1 n2 n3 n4"},
		{"by state, the other way", "sort=-state", "n4 n1 n2 n3"},
		{"without those that are down", "down=hide", "n4"},
		{"a query", "q=tags:ssd AND hostname:alpha", "n1"},
		{"from the third", "from=2", "n3 n4"},
		{"from beyond the end", "from=10", ""},
		{"by memory, from beyond the end", "from=10&sort=memory", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			a := r.do("GET", "/nodes?"+v.Encode(), "", "Accept-Language", "en")
			if got := strings.Join(shown(a.body), " "); a.status != 200 || got != tt.want {
				t.Errorf("status %d with %q, want %q", a.status, got, tt.want)
			}
		})
	}
}

func TestNodesPageSays(t *testing.T) {
	store := memstore.New()
	r := startReady(t, store)
	if a := r.do("GET", "/nodes", "", "Accept-Language", "en"); !strings.Contains(a.body, "stathub-agent --master.address=http://") {
		t.Errorf("without a node the page does not say how to start one: %s", a.body)
	}
	record(t, store, machine("n1", "alpha", "10.0.0.9", 4, 8<<30, "<b>x</b>"))
	r.until("the node is listed", func() bool { return len(shown(r.do("GET", "/nodes", "").body)) == 1 })
	for _, tt := range []struct {
		name, path, language, want string
		not                        string
	}{
		{"hostile values are text", "/nodes", "en", "&lt;b&gt;x&lt;/b&gt;", "<b>x</b>"},
		{"Chinese", "/nodes", "zh-CN", "离线", "Last seen"},
		{"a query that cannot be read", "/nodes?q=tags%3A%28a", "en", `<code>tags:(a<mark>␣</mark></code>`, "<table class=\"stack nodes\""},
		{"its nearest", "/nodes?q=tags%3A%28a", "en", `data-nearest="tags:(a)"`, ""},
		{"a hostile query", "/nodes?q=%3Cscript%3E%3A%28", "en", "&lt;script&gt;", "<script>:"},
		{"an unknown field", "/nodes?q=tagz%3Aa", "en", "did you mean &#34;tags&#34;?", ""},
		{"nothing matches", "/nodes?q=nothing", "en", "None of the 1 nodes matches.", ""},
		{"what matches is down and hidden", "/nodes?down=hide", "en", "are all down, and those are hidden", ""},
		{"the query stays in the links", "/nodes?q=alpha", "en", `href="/nodes?q=alpha&amp;sort=memory"`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := r.do("GET", tt.path, "", "Accept-Language", tt.language)
			if a.status != 200 || !strings.Contains(a.body, tt.want) || tt.not != "" && strings.Contains(a.body, tt.not) {
				t.Errorf("GET %s: status %d, want %q and not %q in it: %s", tt.path, a.status, tt.want, tt.not, a.body)
			}
		})
	}
	if a := r.do("GET", "/nodes?from=-1", ""); a.status != 400 {
		t.Errorf("a page before the first has status %d", a.status)
	}
}

func TestCordon(t *testing.T) {
	r := startReady(t, memstore.New())
	r.agent("n1")
	if got := r.want(200, "POST", "/v1/node/n1/_cordon", "").body; !strings.Contains(got, `"schedulable": false`) || !strings.Contains(got, `"state": "up"`) {
		t.Errorf("a cordoned node is %s", got)
	}
	r.until("said to be cordoned", func() bool {
		return strings.Contains(r.do("GET", "/nodes", "", "Accept-Language", "en").body, ">cordoned<")
	})
	if got := r.want(200, "POST", "/v1/node/n1/_uncordon", "").body; !strings.Contains(got, `"schedulable": true`) {
		t.Errorf("an uncordoned node is %s", got)
	}
	r.want(404, "POST", "/v1/node/none/_cordon", "")
}

func BenchmarkNodesPage(b *testing.B) {
	const nodes = 10_000
	store := memstore.New()
	for i := range nodes {
		id := fmt.Sprintf("node-%05d", i)
		n := machine(id, "host-"+id, fmt.Sprintf("10.0.%d.%d", i/250, i%250+1), 1+i%64, state.Bytes(i%512)<<30, fmt.Sprintf("rack-%d", i%100), "ssd")
		record(b, store, n)
		report := state.Report{Node: id, Facts: n.Facts}
		for k := range 10 {
			report.Instances = append(report.Instances, state.Instance{ID: state.InstanceID(id, "web", k), App: "web", N: k, PID: 100 + k, State: state.Running})
		}
		for key, text := range map[string][]byte{
			state.KindReport.Key(id): state.Encode(&report), state.KindHeartbeat.Key(id): []byte(time.Now().String()),
		} {
			if _, err := state.Write(b.Context(), store, key, text, state.Condition{}); err != nil {
				b.Fatal(err)
			}
		}
	}
	r := start(b, store)
	deadline := time.Now().Add(2 * time.Minute)
	for r.do("GET", "/readyz", "").status != http.StatusOK && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
	}
	for _, query := range []string{"", "sort=-name&from=9000", "sort=-memory", "sort=address", "sort=-procs", "q=tags:rack-7", "q=tags:ssd&sort=cpus"} {
		b.Run("?"+query, func(b *testing.B) {
			for b.Loop() {
				if a := r.do("GET", "/nodes?"+query, ""); a.status != http.StatusOK || len(shown(a.body)) != 50 {
					b.Fatalf("status %d: %.2000s", a.status, a.body)
				}
			}
		})
	}
}
