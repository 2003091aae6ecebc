package index

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"stathub/state"
)

// benchNode is a record as an agent makes it: three network interfaces with two addresses each but the first, three disks.
func benchNode(r *rand.Rand, i, n int) *state.Node {
	at := i * 7919 % n
	node := &state.Node{
		ID:   fmt.Sprintf("%08x-%04x", at*2654435761&0xffffffff, i&0xffff),
		Tags: []string{fmt.Sprintf("rack-%d", i%400), []string{"appserver", "database", "cache", "hpc"}[i%4], fmt.Sprintf("zone:%c", 'a'+i%5)},
		Envs: map[string]string{"REGION": []string{"华东", "华北", "华南"}[i%3], "JAVA_HOME": "/usr/lib/jvm/java-8-openjdk", "RACK": fmt.Sprint(i % 400)},
		Facts: state.Facts{
			Hostname: fmt.Sprintf("worker-%d.dc%d.example.com", at, i%4), AgentAddress: fmt.Sprintf("http://10.%d.%d.%d:51025", i>>16, i>>8&255, i&255),
			OS:     state.OS{Name: []string{"Ubuntu Linux", "Red Hat Enterprise Linux", "Debian GNU/Linux"}[i%3], Version: fmt.Sprintf("%d.04", 18+i%4*2), CPUs: 4 << (i % 5), Architecture: "x86_64"},
			Memory: state.Memory{Total: state.Bytes(8<<(i%6)) << 30, RAM: state.Bytes(8<<(i%6)) << 30},
		},
		Schedulable: true, LastSeen: time.Unix(1_700_000_000+int64(r.IntN(60)), 0).UTC(), State: state.NodeUp, AgentVersion: "1.4.2",
		Isolation: []string{"cgroup2", "memory", "cpu"},
	}
	for k := range 3 {
		mac := fmt.Sprintf("00:16:3E:%02X:%02X:%02X", i>>8&255, i&255, k)
		four := state.Network{
			Address: fmt.Sprintf("10.%d.%d.%d", k<<4|i>>16, i>>8&255, i&255), Name: fmt.Sprintf("eth%d", k), MTU: []int{1500, 9000}[k%2], Description: fmt.Sprintf("eth%d", k),
			Broadcast: fmt.Sprintf("10.%d.255.255", k<<4), Destination: "0.0.0.0", Flags: 34915, HWAddr: mac, Netmask: "255.255.0.0", Type: "Ethernet",
		}
		six := four
		six.Address, six.Netmask, six.Broadcast = fmt.Sprintf("fe80::216:3eff:%x:%x%02x", i>>8, i&255, k), "64", ""
		node.Networks = append(node.Networks, four, six)
		node.Disks = append(node.Disks, state.Disk{
			DirName: []string{"/", "/data", "/var/log"}[k], DevName: fmt.Sprintf("/dev/sd%c1", 'a'+k), Option: "rw,relatime", SysTypeName: []string{"ext4", "xfs", "ext4"}[k],
			Type: 2, TypeName: "local", Total: state.Bytes(r.IntN(4000)) << 30,
		})
	}
	return node
}

func benchDocs(n int) []Doc {
	r := rand.New(rand.NewPCG(1, 2))
	docs := make([]Doc, n)
	for i := range docs {
		docs[i] = docOf(benchNode(r, i, n))
	}
	return docs
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

var benchQueries = []struct{ name, q string }{
	{"term", "worker"}, {"fieldTerm", "tags:rack-17"}, {"hostname", "hostname:worker-1234.dc2.example.com"}, {"numericRange", "os.cpus:>8"}, {"sizeRange", "disks.total:>=1TiB"},
	{"and", "tags:appserver AND memory.total:>64GiB"}, {"prefix", "hostname:worker-1*"}, {"prefixAnywhere", "worker-1*"},
	{"addressRange", "networks.address:[10.0.1.100 TO 10.0.3.150]"}, {"block", "networks.address:10.0.0.0/12"},
	{"phrase", `os.name:"Ubuntu Linux"`}, {"all", "*"}, {"infix", "hostname:*worker-1*"}, {"infixAnywhere", "*worker-1*"}, {"not", "NOT tags:database"}, {"regexp", `hostname:/worker-1[0-9]+\.dc1.*/`}, {"fuzzy", "tags:apserver~"},
}

// report gives the median and the 99th percentile of some runs.
func report(b *testing.B, runs int, run func(i int)) {
	took := make([]time.Duration, max(b.N, runs))
	for i := range took {
		began := time.Now()
		run(i)
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms")
}

func benchSearch(b *testing.B, n int) {
	docs, before, began := benchDocs(n), heap(), time.Now()
	x := newIndex(b)
	if err := x.Update(docs, nil); err != nil {
		b.Fatal(err)
	}
	built, size := time.Since(began), heap()-before
	b.Run("build", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(built.Seconds(), "s")
		b.ReportMetric(float64(size)/1e6, "MB")
	})
	for _, c := range benchQueries {
		total := 0
		search := func(int) {
			r, err := x.Search(b.Context(), c.q, Options{Size: 50}) // the first page, in order
			if err != nil {
				b.Fatal(err)
			}
			total = r.Total
		}
		began := time.Now()
		search(0) // the first time makes columns
		first := time.Since(began)
		b.Run(c.name, func(b *testing.B) {
			report(b, 500, search)
			b.ReportMetric(float64(total), "hits")
			b.ReportMetric(first.Seconds()*1e3, "first-ms")
		})
	}
	b.Run("columns", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(heap()-before)/1e6, "MB") // with the columns of these queries
	})
	b.Run("updateOne", func(b *testing.B) {
		report(b, 500, func(i int) {
			if err := x.Update(docs[i%n:i%n+1], nil); err != nil {
				b.Fatal(err)
			}
		})
	})
	runtime.KeepAlive(docs)
}

func BenchmarkNodes10000(b *testing.B)  { benchSearch(b, 10_000) }
func BenchmarkNodes100000(b *testing.B) { benchSearch(b, 100_000) }

// One of 10,000 nodes changes its state; then a plan asks for each of 200 queries.
func BenchmarkUpdateAndMatch200(b *testing.B) {
	docs := benchDocs(10_000)
	x := newIndex(b)
	if err := x.Update(docs, nil); err != nil {
		b.Fatal(err)
	}
	queries := make([]string, 200)
	for i := range queries {
		form := []string{"tags:rack-%d AND os.cpus:>4", "tags:appserver AND hostname:worker-%d*", "rack-%d -tags:hpc", "networks.address:10.0.%d.0/24"}[i%4]
		queries[i] = fmt.Sprintf(form, i)
	}
	ask := func() {
		for _, q := range queries {
			if _, err := x.Match(b.Context(), q); err != nil {
				b.Fatal(err)
			}
		}
	}
	ask()
	report(b, 200, func(i int) {
		node := *docs[i].Value.(*state.Node)
		node.State = state.NodeDown
		if err := x.Update([]Doc{docOf(&node)}, nil); err != nil {
			b.Fatal(err)
		}
		ask()
	})
}
