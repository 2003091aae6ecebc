package control

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"stathub/master/index"
	"stathub/state"
	"stathub/state/memstore"
)

// listIndex counts what it is told.
type listIndex struct {
	fakeIndex
	docs          map[string]string
	puts, deletes int
	fail          error
}

func (x *listIndex) Update(puts []index.Doc, deletes []string) error {
	if x.fail != nil {
		return x.fail
	}
	for _, d := range puts {
		x.docs[d.ID] = string(state.EncodeLine(d.Value))
	}
	for _, id := range deletes {
		delete(x.docs, id)
	}
	x.puts, x.deletes = x.puts+len(puts), x.deletes+len(deletes)
	return nil
}

func newListIndex() *listIndex { return &listIndex{docs: map[string]string{}} }

// wantTold fails unless so many documents were put and deleted since the last time.
func (x *listIndex) wantTold(t *testing.T, what string, puts, deletes int) {
	t.Helper()
	if x.puts != puts || x.deletes != deletes {
		t.Errorf("%s: %d puts and %d deletes, want %d and %d", what, x.puts, x.deletes, puts, deletes)
	}
	x.puts, x.deletes = 0, 0
}

func reportOf(node string, n int, do func(*state.Instance)) Doc[state.Report] {
	r := &state.Report{Node: node}
	for i := range n {
		inst := state.Instance{ID: state.InstanceID(node, "web", i), App: "web", N: i, PID: 100 + i, State: state.Running,
			Health: state.HealthHealthy, CPU: 0.5, RSS: 100 << 20, Files: 20, Ports: []int{8000 + i}, Cmd: "python3 -m http.server"}
		do(&inst)
		r.Instances = append(r.Instances, inst)
	}
	return Doc[state.Report]{Value: r, ETag: "x"}
}

// Only what changed of a report reaches the index, and use only when it changed notably.
func TestProcsAreIndexedCheaply(t *testing.T) {
	x := newListIndex()
	c := New(Options{Store: memstore.New(), Index: &fakeIndex{}, Procs: x})
	asIs := func(*state.Instance) {}
	set := func(node string, doc Doc[state.Report]) { c.reports.apply(node, doc); c.reindexProcs() }
	set("n1", reportOf("n1", 3, asIs))
	set("n2", reportOf("n2", 2, asIs))
	x.wantTold(t, "new", 5, 0)
	set("n1", reportOf("n1", 3, asIs))
	x.wantTold(t, "the same report anew", 0, 0)
	set("n1", reportOf("n1", 3, func(i *state.Instance) { i.CPU, i.RSS, i.Files, i.IORead = 0.55, 110<<20, 25, 1<<20 }))
	x.wantTold(t, "a little more use", 0, 0)
	set("n1", reportOf("n1", 3, func(i *state.Instance) {
		if i.N == 1 {
			i.RSS = 150 << 20
		}
	}))
	x.wantTold(t, "much more use of one", 1, 0)
	set("n1", reportOf("n1", 3, func(i *state.Instance) {
		if i.RSS = 160 << 20; i.N == 2 {
			i.State, i.PID = state.Backoff, 0
		}
	}))
	x.wantTold(t, "another state, and more use of the others", 2, 0)
	x.fail = fmt.Errorf("no memory")
	set("n1", reportOf("n1", 1, asIs))
	x.fail = nil
	c.reindexProcs()
	x.wantTold(t, "two gone, after the index failed", 1, 2)
	if !strings.Contains(x.docs["n1|n1/web.0"], `"reason":"the node is silent`) {
		t.Errorf("of a silent node: %s", x.docs["n1|n1/web.0"])
	}
	set("n2", Doc[state.Report]{})
	x.wantTold(t, "a node without a report", 0, 2)
}

func TestAppsAreIndexedCheaply(t *testing.T) {
	x := newListIndex()
	c := New(Options{Store: memstore.New(), Index: &fakeIndex{}, Apps: x})
	app := &state.App{Name: "web", ToProcess: "run", Start: true, Extra: []byte(`{"status":1,"choreo":[],"team":"blue"}`)}
	c.apps.apply("web", Doc[state.App]{Value: app, ETag: "1"})
	c.apps.apply("bad", Doc[state.App]{ETag: "1", Err: state.Errorf(state.Invalid, "apps/bad.json", "what is this")})
	c.reindexApps()
	x.wantTold(t, "new", 2, 0)
	for _, want := range []string{`"name":"web"`, `"team":"blue"`, `"status":{"state":"idle"`} {
		if !strings.Contains(x.docs["web"], want) {
			t.Errorf("%s lacks %s", x.docs["web"], want)
		}
	}
	if !strings.Contains(x.docs["bad"], `"state":"broken"`) {
		t.Errorf("an unreadable app: %s", x.docs["bad"])
	}
	c.reindexApps()
	x.wantTold(t, "nothing new", 0, 0)
	c.choreos.apply("web", Doc[state.Choreo]{Value: &state.Choreo{App: "web", Query: "tags:ssd", Scale: 2}, ETag: "1"})
	c.reindexApps("web")
	x.wantTold(t, "a choreography", 1, 0)
	if !strings.Contains(x.docs["web"], `"choreo":{"app":"web","query":"tags:ssd"`) {
		t.Error(x.docs["web"])
	}
	gone := *app
	gone.Deleted = true
	c.apps.apply("web", Doc[state.App]{Value: &gone, ETag: "2"})
	c.reindexApps("web")
	x.wantTold(t, "on its way out", 0, 1)
	c.apps.apply("bad", Doc[state.App]{})
	c.reindexApps()
	x.wantTold(t, "gone", 0, 1)
}

// The order of instances is by node, app and number, as that of Procs.
func TestProcOrder(t *testing.T) {
	last := ""
	for _, p := range []struct {
		node, app string
		n         int
	}{{"a", "web", 0}, {"a", "web", 2}, {"a", "web", 10}, {"a", "web.1", 0}, {"a-b", "api", 0}, {"b", "api", 100_000}} {
		inst := &state.Instance{ID: state.InstanceID(p.node, p.app, p.n), App: p.app, N: p.n}
		order := listedProc{p.node, true, inst}.order()
		if order <= last {
			t.Errorf("%+v comes as %q after %q", p, order, last)
		}
		last = order
	}
}

func BenchmarkReindexProcs(b *testing.B) {
	const nodes, each = 1000, 100
	reports := make([]Doc[state.Report], nodes)
	fill := func(round int) {
		for k := range reports {
			reports[k] = reportOf(fmt.Sprintf("n%d", k), each, func(i *state.Instance) {
				i.CPU = 0.5 + float64(binary.BigEndian.Uint16([]byte{byte(i.N), byte(round)}))/1e6
			})
		}
	}
	b.Run("100000 anew", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			c := benchController(b)
			fill(0)
			for k := range reports {
				c.reports.apply(reports[k].Value.Node, reports[k])
			}
			b.StartTimer()
			c.reindexProcs()
		}
	})
	b.Run("use of 100000", func(b *testing.B) {
		c := benchController(b)
		show := func(round int) {
			fill(round)
			for k := range reports {
				c.reports.apply(reports[k].Value.Node, reports[k])
			}
		}
		show(0)
		c.reindexProcs()
		for round := 1; b.Loop(); round++ {
			b.StopTimer()
			show(round)
			b.StartTimer()
			c.reindexProcs()
		}
	})
	b.Run("one of 100000", func(b *testing.B) {
		c := benchController(b)
		fill(0)
		for k := range reports {
			c.reports.apply(reports[k].Value.Node, reports[k])
		}
		c.reindexProcs()
		for round := 0; b.Loop(); round++ {
			c.reports.apply("n7", reportOf("n7", each, func(i *state.Instance) {
				if i.N == 5 {
					i.Restarts = round
				}
			}))
			c.reindexProcs()
		}
	})
}

func benchController(b *testing.B) *Controller {
	b.Helper()
	x, err := index.New(index.FieldsOf[state.Proc]()...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = x.Close() })
	return New(Options{Store: memstore.New(), Index: &fakeIndex{}, Procs: x})
}
