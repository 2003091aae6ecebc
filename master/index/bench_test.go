package index

import (
	"fmt"
	"testing"

	"stathub/state"
)

func benchNodes(n int) []*state.Node {
	all := make([]*state.Node, n)
	for i := range all {
		node := seedNode()
		node.ID, node.Hostname = fmt.Sprintf("id-%06d", i), fmt.Sprintf("host-%05d.example.com", i*7919%n)
		node.OS.CPUs = 4 << (i % 5)
		node.Tags = []string{fmt.Sprintf("rack-%d", i%40), []string{"appserver", "database"}[i%2]}
		node.Networks[0].Address = fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		all[i] = node
	}
	return all
}

func BenchmarkBuild10000(b *testing.B) {
	nodes := benchNodes(10_000)
	for b.Loop() {
		newIndex(b, nodes...)
	}
}

func BenchmarkUpdateOne(b *testing.B) {
	nodes := benchNodes(10_000)
	x := newIndex(b, nodes...)
	for i := 0; b.Loop(); i++ {
		if err := x.Update([]Doc{docOf(nodes[i%10_000])}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSearch10000(b *testing.B) {
	x := newIndex(b, benchNodes(10_000)...)
	for _, q := range []string{
		"*", "appserver", "tags:appserver", "hostname:host-00017.example.com", "host-0001*", "10.0.1.*", "hostname:host*", "os.cpus:8", "tags:rack-7 AND os.cpus:8",
	} {
		b.Run(q, func(b *testing.B) {
			total := 0
			for b.Loop() {
				r, err := x.Search(b.Context(), q, Options{Size: 20})
				if err != nil {
					b.Fatal(err)
				}
				total = r.Total
			}
			b.ReportMetric(float64(total), "hits")
		})
	}
}
