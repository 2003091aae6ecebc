package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"stathub/master/query"
	"stathub/state"
)

// seedNode is the node of the seed, 5.1.1, with some more.
func seedNode() *state.Node {
	return &state.Node{
		ID: "n1", Tags: []string{"appserver", "华东一区", "zone:a-1"}, Envs: map[string]string{"REGION": "East"},
		State: state.NodeUp, Schedulable: true,
		Facts: state.Facts{
			Hostname: "db-07.example.com", AgentAddress: "http://192.168.1.165:51025",
			OS:     state.OS{Name: "Mac OS X", Version: "10.8.4", CPUs: 8, Architecture: "x86_64"},
			Memory: state.Memory{Total: 17179869184, RAM: 17179869184},
			Networks: []state.Network{
				{Address: "192.168.1.165", Name: "en0", MTU: 1500, Broadcast: "192.168.1.255"},
				{Address: "fe80::0:1", Name: "lo0", MTU: 9000, Metric: -1},
			},
			Disks: []state.Disk{{DirName: "/", DevName: "/dev/disk0s2", Total: 1000, TypeName: "local"}, {DirName: "/data disk"}},
			Extra: jsontext.Value(`{"rack":{"row":12,"name":"R-12"},"spare":null}`),
		},
	}
}

// docOf is a node as the master gives it to the index.
func docOf(n *state.Node) Doc {
	return Doc{ID: n.ID, Order: n.Hostname, Down: n.State == state.NodeDown, Value: n}
}

func docsOf(nodes []*state.Node) []Doc {
	docs := make([]Doc, len(nodes))
	for i, n := range nodes {
		docs[i] = docOf(n)
	}
	return docs
}

func newIndex(t testing.TB, nodes ...*state.Node) *Index {
	t.Helper()
	x, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := x.Update(docsOf(nodes), nil); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestMeaning(t *testing.T) {
	x := newIndex(t, seedNode())
	for q, want := range map[string]bool{
		"": true, "*": true, "*:*": true,
		"appserver": true, "APPSERVER": true, "app": false, "app*": true, "APP*": true, "server*": false,
		"tags:appserver": true, "hostname:appserver": false, "Tags:appserver": false, "nosuch:appserver": false,
		// Words of a value, the whole value, and words in a row.
		"hostname:db": true, "hostname:07": true, "hostname:db-07": true, "hostname:db-08": false,
		"hostname:example.com": true, "hostname:db-07.example.com": true, "hostname:07-db": false, "hostname:db-0*": true,
		`os.name:"Mac OS X"`: true, `os.name:"os x"`: true, `os.name:"mac x"`: false, `os.name:Mac\ OS\ X`: true, `"mac os"`: true,
		`os.name:mac\ o*`: true, `os.name:os\ x*`: false,
		// No phrase reaches from one value or field into another.
		`"appserver 华东一区"`: false, `tags:"appserver zone"`: false, `"zone:a 1"`: true, `"a 1"`: false,
		"华东": true, "tags:华东": true, "华区": false, "华北": false, "tags:华东*": true, "tags:华东一区": true,
		"zone\\:a-1": true, `tags:"zone:a-1"`: true, "zone:a-1": false, "envs.REGION:east": true,
		// Numbers are numbers, quoted or not.
		"os.cpus:8": true, "os.cpus:8.0": true, `os.cpus:"8"`: true, "8": true, "os.cpus:80": false, "os.cpus:08": true,
		"os.cpus:abc": false, "os.cpus:8*": false, "memory.total:17179869184": true, "1.7179869184e10": true, "networks.mtu:9000": true,
		"networks.metric:\\-1": true, "inf": false, "0x8": false,
		// Addresses are equal in any spelling; wildcards see their text.
		"192.168.1.165": true, "networks.address:192.168.1.165": true, "networks.address:192.168.1.16": false, "192.168.1.*": true,
		"networks.address:192.168.1.1*": true, "networks.address:192.168.2.*": false, `networks.address:"fe80::1"`: true,
		`networks.address:FE80\:0\:0\:0\:0\:0\:0\:1`: true, "networks.address:fe80*": true, "networks.address:fe80": false,
		`"::ffff:192.168.1.165"`: true, "networks.broadcast:192.168.1.255": true,
		// Members that this version does not know, what is there and what is not.
		"rack.row:12": true, "rack.name:r-12": true, "rack.row:*": true, "spare:*": false, "tags:*": true, "isolation:*": false,
		"nosuch:*": false, `\/data\ disk`: true, `disks.dirName:\/`: true, `disks.dirName:\/*`: true, `hostname:""`: false, `networks.hwaddr:""`: true,
		// Clauses.
		"nosuch appserver": true, "nosuch AND appserver": false, "appserver AND NOT nosuch": true, "NOT appserver": false, "NOT nosuch": true,
		"appserver -db": false, "(NOT nosuch) AND db": true, "tags:(nosuch OR appserver)": true, "nosuch +appserver": true, "nosuch (-nosuch)": true,
	} {
		t.Run(q, func(t *testing.T) {
			found, err := x.Match(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(found, "n1") != want {
				t.Errorf("%s: found %v, want %v", q, found, want)
			}
		})
	}
}

func TestBadQuery(t *testing.T) {
	x := newIndex(t)
	_, err := x.Search(t.Context(), "tags:(a", Options{Size: 1})
	var bad *query.Error
	if state.CodeOf(err) != state.Invalid || !errors.As(err, &bad) || bad.Column != 8 {
		t.Errorf("got %v", err)
	}
}

func TestPagesAreByHostnameThenID(t *testing.T) {
	node := func(id, host string, s state.NodeState) *state.Node {
		return &state.Node{ID: id, State: s, Tags: []string{"x"}, Facts: state.Facts{Hostname: host}}
	}
	x := newIndex(t, node("d", "a", state.NodeUp), node("c", "b", state.NodeDown), node("b", "b", state.NodeDraining), node("a", "c", state.NodeUp))
	for _, c := range []struct {
		q     string
		opt   Options
		total int
		ids   []string
	}{
		{"*", Options{Size: 10}, 3, []string{"d", "b", "a"}},
		{"tags:x", Options{Size: 10, IncludeDown: true}, 4, []string{"d", "b", "c", "a"}},
		{"x", Options{From: 1, Size: 2, IncludeDown: true}, 4, []string{"b", "c"}},
		{"x", Options{From: 9, Size: 2}, 3, []string{}},
		{"*", Options{From: -1, Size: -1}, 3, []string{}},
		{"*", Options{Size: 2, Reverse: true}, 3, []string{"a", "b"}},
		{"id:d", Options{Size: 1}, 1, []string{"d"}},
	} {
		got, err := x.Search(t.Context(), c.q, c.opt)
		if err != nil || got.Total != c.total || !slices.Equal(got.IDs, c.ids) {
			t.Errorf("%s %+v: got %+v, %v", c.q, c.opt, got, err)
		}
	}
}

// Many small updates must neither lose a document nor let the index grow without end.
func TestManyUpdates(t *testing.T) {
	x := newIndex(t)
	for i := range 600 {
		id, other := fmt.Sprint("n", i%60), fmt.Sprint("n", (i+30)%60)
		node := &state.Node{ID: id, Tags: []string{fmt.Sprint("v", i)}, Facts: state.Facts{Hostname: id}}
		if err := x.Update([]Doc{docOf(node)}, []string{other}); err != nil {
			t.Fatal(err)
		}
		got, err := x.Search(t.Context(), fmt.Sprint("tags:v", i), Options{Size: 2})
		if err != nil || !slices.Equal(got.IDs, []string{id}) {
			t.Fatalf("after update %d: %v, %v", i, got, err)
		}
		if n := len(x.snapshot.Load().parts); n > 3*fanOut {
			t.Fatalf("%d segments", n)
		}
	}
	all, err := x.Match(t.Context(), "tags:v* OR hostname:nothing")
	if err != nil || len(all) != 30 || len(x.where) != 30 {
		t.Errorf("%d documents found, %d known, want 30: %v", len(all), len(x.where), err)
	}
	docs := 0
	for _, p := range x.snapshot.Load().parts {
		docs += len(p.docs)
	}
	if docs > 60 {
		t.Errorf("%d documents are kept for 30", docs)
	}
}

func TestSearchDuringUpdates(t *testing.T) {
	x := newIndex(t, seedNode())
	done := make(chan error)
	go func() {
		var failed error
		for i := 0; i < 100 && failed == nil; i++ {
			failed = x.Update([]Doc{docOf(seedNode())}, nil)
		}
		done <- failed
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
			if got, err := x.Match(t.Context(), "appserver"); err != nil || len(got) != 1 {
				t.Errorf("the node is gone for a moment: %v, %v", got, err)
			}
		}
	}
}

func TestClosedAndCancelled(t *testing.T) {
	x, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Update([]Doc{docOf(seedNode())}, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Match(ctx, "db"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Match(t.Context(), "*"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("closed: %v", err)
	}
	if err := x.Update(nil, nil); err == nil {
		t.Error("an update after Close does not fail")
	}
}
