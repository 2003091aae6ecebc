//go:build linux

package bench

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/state"
)

// BenchmarkMaster measures a master over a directory with many node records: from its start until it answers a search
// over all of them, beside a bare loop that reads and decodes the same files; its memory; and searches over HTTP.
func BenchmarkMaster(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			bucket := b.TempDir()
			writeNodes(b, bucket, n)
			bare := bareLoad(b, bucket, n)
			master := harness.Build(b, "./master/stathub-master", "-trimpath", "-ldflags=-s -w")
			var ready []time.Duration
			for b.Loop() {
				began := time.Now()
				p := harness.Start(b, nil, master, "--server.port=0", "--store.directory="+b.TempDir(), "--state.url=file://"+bucket)
				base := p.URL(b)
				for found(b, base, "*") != n {
					time.Sleep(10 * time.Millisecond)
				}
				ready = append(ready, time.Since(began))
				b.ReportMetric(pssMB(b, p.Cmd.Process.Pid), "MB-PSS")
				measureQueries(b, base)
				p.Stop(b)
			}
			report(b, "ready", ready)
			b.ReportMetric(float64(bare)/1e6, "bare-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// queries are what people type, by a name for the figures.
var queries = []struct{ name, text string }{
	{"all", "*"},
	{"word", "worker"},
	{"term", "tags:appserver"},
	{"id", "id:node-000077"},
	{"range", "memory.total:>64GiB"},
	{"and", "tags:appserver AND os.cpus:>8 AND NOT tags:spare"},
	{"prefix", "hostname:worker-01*"},
	{"cidr", "networks.address:10.0.3.0/24"},
	{"addresses", "networks.address:[10.0.1.100 TO 10.0.2.50]"},
	{"phrase", `os.version:"5.15.0 generic"`},
	{"infix", "*worker-1*"},
}

// measureQueries reports the median and the 99th percentile of each query, as a client sees them.
func measureQueries(b *testing.B, base string) {
	for _, q := range queries {
		took := make([]time.Duration, 100)
		for i := range took {
			began := time.Now()
			found(b, base, q.text)
			took[i] = time.Since(began)
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2])/1e6, q.name+"-p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100])/1e6, q.name+"-p99-ms")
	}
}

func found(b *testing.B, base, query string) int {
	b.Helper()
	var answer struct {
		Total int `json:"total"`
	}
	status, err := harness.Call(context.Background(), http.MethodPost, base+"/v1/node/_search?size=50&includeDownNode=true", []byte(query), &answer)
	if err != nil && status != http.StatusServiceUnavailable {
		b.Fatal(err)
	}
	return answer.Total
}

// writeNodes writes records as agents of a mixed fleet make them.
func writeNodes(b *testing.B, bucket string, n int) {
	b.Helper()
	dir := filepath.Join(bucket, "nodes")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		node := benchNode(i)
		if err := os.WriteFile(filepath.Join(dir, node.ID+".json"), state.Encode(node), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

func benchNode(i int) *state.Node {
	n := &state.Node{ID: fmt.Sprintf("node-%06d", i), Schedulable: true, State: state.NodeUp, AgentVersion: "0.1.0", Envs: map[string]string{"ZONE": fmt.Sprint(i % 4)}}
	n.Hostname = fmt.Sprintf("worker-%05d.dc%d.example.com", i, i%3)
	address := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
	n.AgentAddress = "http://" + address + ":51025"
	n.OS = state.OS{Name: "Linux", Version: fmt.Sprintf("5.15.0-%d-generic", i%90), CPUs: 4 << (i % 5), Architecture: "x86_64"}
	n.Memory.Total = state.Bytes(8<<(i%6)) << 30
	n.Memory.RAM = n.Memory.Total
	n.Networks = []state.Network{
		{Address: "127.0.0.1", Name: "lo", MTU: 65536, Flags: 73, Netmask: "255.0.0.0", Type: "Local Loopback"},
		{Address: address, Name: "eth0", MTU: 1500, Flags: 4163, HWAddr: fmt.Sprintf("52:54:00:%02x:%02x:%02x", i>>16, i>>8&255, i&255), Netmask: "255.255.255.0", Broadcast: "10.0.0.255", Type: "Ethernet"},
		{Address: fmt.Sprintf("fd00::%x", i), Name: "eth0", MTU: 1500, Flags: 4163, Type: "Ethernet"},
	}
	n.Disks = []state.Disk{
		{DirName: "/", DevName: "/dev/vda1", Option: "rw,relatime", SysTypeName: "ext4", Type: 2, TypeName: "local", Total: 100 << 30},
		{DirName: "/data", DevName: "/dev/vdb", Option: "rw,noatime", SysTypeName: "xfs", Type: 2, TypeName: "local", Total: state.Bytes(1+i%8) << 40},
	}
	n.Tags = []string{[]string{"appserver", "database", "缓存"}[i%3], fmt.Sprintf("rack-%02d", i%40), fmt.Sprintf("zone:z%d", i%4)}
	if i%7 == 0 {
		n.Tags = append(n.Tags, "spare")
	}
	return n
}

// bareLoad reads and decodes every record, one after the other.
func bareLoad(b *testing.B, bucket string, n int) time.Duration {
	b.Helper()
	began, read := time.Now(), 0
	err := filepath.WalkDir(filepath.Join(bucket, "nodes"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && len(bytes.TrimSpace(data)) > 0 {
			_, err = state.Decode[state.Node](state.KindNode.Key(d.Name()[:len(d.Name())-len(".json")]), data)
			read++
		}
		return err
	})
	if err != nil || read != n {
		b.Fatalf("read %d records: %v", read, err)
	}
	return time.Since(began)
}
