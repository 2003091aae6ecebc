package console

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/master"
	"stathub/state"
	"stathub/state/memstore"
)

// large is a master in this program, over a bucket in memory that knows many nodes: their documents are written as agents
// write them, but no agent runs. Their hearts beat until the end of the benchmark.
type large struct {
	base  string
	store *memstore.Store
	nodes []string
	apps  []string // the first has an instance on each node; the others share nine for each node
}

// perNode is how many instances run on a node, in the middle.
const perNode = 10

func newLarge(b *testing.B, nodes, apps int) *large {
	b.Helper()
	l := &large{store: memstore.New()}
	for i := range nodes {
		l.nodes = append(l.nodes, fmt.Sprintf("node-%05d", i))
		l.report(b, i, nil)
	}
	for i := range apps {
		l.apps = append(l.apps, fmt.Sprintf("app-%04d", i))
		l.app(b, i, nodes, apps)
	}
	l.live(b)
	l.start(b)
	l.place(b)
	return l
}

// app writes an app and its choreography.
func (l *large) app(b *testing.B, i, nodes, apps int) {
	b.Helper()
	name := l.apps[i]
	scale, each := nodes, i == 0
	if !each {
		scale = nodes * (perNode - 1) / (apps - 1)
		if i <= nodes*(perNode-1)%(apps-1) {
			scale++
		}
	}
	where := fmt.Sprintf(`{"app": %q, "query": "*", "scale": %d}`, name, scale)
	if each {
		where = fmt.Sprintf(`{"app": %q, "query": "*", "mode": "each", "scale": 1}`, name)
	}
	l.write(b, state.KindApp.Key(name), fmt.Appendf(nil,
		`{"name": %q, "description": "One of many", "toProcess": "serve", "args": ["--port", "${PORT}"], "ports": [0], "start": true}`, name))
	l.write(b, state.KindChoreo.Key(name), []byte(where))
}

// report writes what the agent of a node tells when it follows a manifest; nil: none yet.
func (l *large) report(b *testing.B, i int, m *state.Manifest) {
	b.Helper()
	now := time.Now()
	r := state.Report{
		Node: l.nodes[i], AgentVersion: "0.1.0", UpdatedAt: now, Facts: largeFacts(i), Isolation: []string{"cpu", "memory"},
		Tags: []string{[]string{"appserver", "database", "缓存"}[i%3], fmt.Sprintf("rack-%02d", i%40)},
		Usage: &state.Usage{CPU: float64(i%16) + 0.5, Load: []float64{1, 2, 3}, Memory: state.MemoryUsage{Used: state.Bytes(i%64) << 30},
			Disks: []state.DiskUsage{{DirName: "/", Used: state.Bytes(i%100) << 30}}},
	}
	if m != nil {
		r.Manifest = state.ManifestStatus{Generation: m.Generation, Term: m.Term}
		for k := range m.Apps {
			e := &m.Apps[k]
			for n := range e.Instances() {
				r.Instances = append(r.Instances, state.Instance{
					ID: state.InstanceID(m.Node, e.App.Name, n), App: e.App.Name, N: n, Spec: e.Digest(), PID: 1000 + len(r.Instances), PPID: 1,
					StartTime: now, Cmd: "serve --port 30000", Ports: []int{30000 + len(r.Instances)}, State: state.Running, CPU: 0.1, RSS: 100 << 20,
				})
			}
		}
	}
	l.write(b, state.KindReport.Key(r.Node), state.Encode(&r))
}

func largeFacts(i int) state.Facts {
	address := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
	f := state.Facts{Hostname: fmt.Sprintf("worker-%05d.dc%d.example.com", i, i%3), AgentAddress: "http://" + address + ":51025"}
	f.OS = state.OS{Name: "Linux", Version: "6.1.0-37-amd64", CPUs: 16, Architecture: "x86_64"}
	f.Memory = state.Memory{Total: 64 << 30, RAM: 64 << 30}
	f.Networks = []state.Network{{Address: address, Name: "eth0", MTU: 1500, Netmask: "255.255.0.0", Type: "Ethernet"}}
	f.Disks = []state.Disk{{DirName: "/", DevName: "/dev/vda1", SysTypeName: "ext4", Type: 2, TypeName: "local", Total: 100 << 30}}
	return f
}

func (l *large) write(b *testing.B, key string, data []byte) {
	b.Helper()
	if _, err := l.store.Put(context.Background(), key, bytes.NewReader(data), state.Condition{}); err != nil {
		b.Fatal(err)
	}
}

// live writes all heartbeats, each ten seconds another: only that they change tells that a node is alive.
func (l *large) live(b *testing.B) {
	ctx, stop := context.WithCancel(context.Background())
	var beating sync.WaitGroup
	beating.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			for _, id := range l.nodes {
				if _, err := l.store.Put(ctx, state.KindHeartbeat.Key(id), bytes.NewReader(fmt.Append(nil, n)), state.Condition{}); err != nil {
					return // it is over
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
			}
		}
	})
	b.Cleanup(func() { stop(); beating.Wait() })
}

// start runs the master until the end of the benchmark.
func (l *large) start(b *testing.B) {
	b.Helper()
	ctx, stop := context.WithCancel(context.Background())
	at, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- master.Run(ctx, master.Options{
			MasterName: "master", Store: l.store, StateURL: "mem://", Poll: 2 * time.Second, NodeTimeout: 35 * time.Second,
			Log: slog.New(slog.DiscardHandler), Started: func(a net.Addr) { at <- a },
		})
	}()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	select {
	case a := <-at:
		l.base = "http://" + a.String()
	case err := <-ended:
		ended <- nil
		b.Fatal(err)
	}
}

// place waits until the master has placed everything, and reports that all of it runs.
func (l *large) place(b *testing.B) {
	b.Helper()
	began := time.Now()
	followed := make(map[string]int64, len(l.nodes))
	every(b, 5*time.Minute, func() error {
		for i, id := range l.nodes {
			m, err := l.manifest(b, id)
			if err == nil && m.Generation != followed[id] {
				l.report(b, i, m)
				followed[id] = m.Generation
			}
		}
		var found struct {
			Total int `json:"total"`
		}
		_, err := harness.Call(b.Context(), http.MethodGet, l.base+"/v1/proc?size=1&q=state:running", nil, &found)
		if err == nil && found.Total < len(l.nodes)*perNode {
			err = fmt.Errorf("%d of %d processes are known to run, on %d nodes", found.Total, len(l.nodes)*perNode, len(followed))
		}
		return err
	})
	b.Logf("all is placed, and known to run, after %s", time.Since(began).Round(time.Second))
}

// manifest is what the master wrote for a node.
func (l *large) manifest(b *testing.B, id string) (*state.Manifest, error) {
	key := state.KindManifest.Key(id)
	data, _, err := state.Read(b.Context(), l.store, key, "", 8<<20)
	if err != nil {
		return nil, err
	}
	return state.Decode[state.Manifest](key, data)
}

// every tries once a second, for what is not worth a processor's whole attention.
func every(b *testing.B, limit time.Duration, try func() error) {
	b.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(time.Second) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.Fatal(err)
		}
	}
}
