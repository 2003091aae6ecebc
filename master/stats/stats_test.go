package stats

import (
	"math"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/series"
)

var start = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func machine(id string, cpu float64) Node {
	return Node{ID: id, Facts: &state.Facts{OS: state.OS{CPUs: 4}, Memory: state.Memory{Total: 100}}, Running: 3,
		Usage: &state.Usage{CPU: cpu, Memory: state.MemoryUsage{Used: 40}, Load: []float64{1, 1, 1}, Disks: []state.DiskUsage{{DirName: "/"}}}}
}

func last(t *testing.T, c series.Chart, err error) float64 {
	t.Helper()
	if err != nil || len(c.Series) == 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	points := c.Series[0].Points
	return points[len(points)-1].Value
}

func TestSamples(t *testing.T) {
	now, nodes, read := start, []Node{machine("a", 1), machine("b", 2), {ID: "old", Facts: &state.Facts{OS: state.OS{CPUs: 1}}}}, false
	k := New(Options{Each: func(f func(Node)) bool {
		for _, n := range nodes {
			f(n)
		}
		return read
	}})
	if k.sample(now) {
		t.Error("it sampled a bucket that was not read")
	}
	read = true
	for range 90 {
		now = now.Add(time.Minute)
		k.sample(now)
	}
	w := series.Window{From: now.Add(-time.Hour), To: now}
	for what, want := range map[string]float64{"cpu": 3, "mem": 80, "proc": 6, "node": 3} {
		c, err := k.Cluster(what, w)
		if got := last(t, c, err); got != want {
			t.Errorf("%s of the cluster is %v, want %v", what, got, want)
		}
	}
	if c, _ := k.Cluster("cpu", w); c.Series[0].Max != 8 {
		t.Errorf("the cluster has %v cores", c.Series[0].Max)
	}
	c, err := k.Node("b", "cpu", w, nodes[1].Facts, nodes[1].Usage)
	if got := last(t, c, err); got != 2 || c.Node != "b" || len(c.Series[0].Points) != 61 {
		t.Errorf("b used %v cores: %+v", got, c)
	}
	if load := k.Load("b", 4, now); len(load) != 30 || load[29] != 0.5 || load[0] != 0.5 {
		t.Errorf("the load of b is %v", load)
	}
	if load := k.Load("nobody", 4, now); load != nil {
		t.Errorf("the load of nobody is %v", load)
	}
	if c, err := k.Node("nobody", "disk", w, &state.Facts{}, nil); err != nil || len(c.Series) != 0 {
		t.Errorf("the disks of nobody: %+v, %v", c, err)
	}
	for _, err := range []error{second(k.Cluster("gpu", w)), second(k.Node("a", "gpu", w, &state.Facts{}, nil))} {
		if state.CodeOf(err) != state.NotFound {
			t.Errorf("of something else: %v", err)
		}
	}
	// A node that is down leaves a gap, and is forgotten in the end.
	nodes = nodes[:1]
	k.sample(now.Add(2 * time.Minute))
	c, err = k.Node("b", "cpu", series.Window{From: now, To: now.Add(2 * time.Minute)}, &state.Facts{}, nil)
	if got := last(t, c, err); !math.IsNaN(got) {
		t.Errorf("b, which is down, uses %v cores", got)
	}
	k.sample(now.Add(3 * time.Hour))
	if len(k.nodes) != 1 {
		t.Errorf("%d nodes are known", len(k.nodes))
	}
}

func second[T any](_ T, err error) error { return err }

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		k := New(Options{Each: func(f func(Node)) bool { asked++; f(machine("a", 1)); return asked > 3 }})
		done := make(chan error)
		ctx := t.Context()
		go func() { done <- k.Run(ctx) }()
		time.Sleep(10*time.Minute + 10*time.Second)
		synctest.Wait()
		if asked != 3+11 {
			t.Errorf("it asked %d times", asked)
		}
		t.Cleanup(func() { <-done })
	})
}

// The memory and time of a large cluster: what the package's comment says.
func BenchmarkLargeCluster(b *testing.B) {
	const many = 10_000
	all := make([]Node, many)
	for i := range all {
		all[i] = machine(strconv.Itoa(i), 1)
	}
	k := New(Options{Each: func(f func(Node)) bool {
		for _, n := range all {
			f(n)
		}
		return true
	}})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	k.sample(start)
	runtime.GC()
	runtime.ReadMemStats(&after)
	for i := 1; b.Loop(); i++ {
		k.sample(start.Add(time.Duration(i) * time.Minute))
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/many, "B/node")
}
