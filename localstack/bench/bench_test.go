//go:build linux

// Package bench measures what a user of an agent pays and gets. Figures are medians over runs, beside a bare loop of the
// same work in the same run: machines differ and are noisy, so look at the ratios. Run it with `make bench`.
package bench

import (
	"bufio"
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/state"
)

// stampFile makes this executable, run as a workload, write the time of its start there and then wait to be killed.
const stampFile = "BENCH_STAMP_FILE"

// listenEnv makes it listen there, until it is killed.
const listenEnv = "BENCH_LISTEN"

func TestMain(m *testing.M) {
	if path := os.Getenv(stampFile); path != "" {
		now := time.Now().UnixNano()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			os.Exit(1)
		}
		fmt.Fprintf(f, "%d %d\n", now, os.Getpid())
		select {}
	}
	if address := os.Getenv(listenEnv); address != "" {
		l, err := net.Listen("tcp", address)
		if err != nil {
			os.Exit(1)
		}
		for {
			if c, err := l.Accept(); err == nil {
				c.Close()
			}
		}
	}
	harness.Main(m)
}

// stamp is one start of the workload.
type stamp struct {
	at  time.Time
	pid int
}

// stamps waits for the n-th start.
func stamps(b *testing.B, path string, n int) stamp {
	b.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		data, _ := os.ReadFile(path)
		if lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"); len(lines) >= n && strings.HasSuffix(string(data), "\n") {
			at, pid, _ := strings.Cut(lines[n-1], " ")
			nanos, err := strconv.ParseInt(at, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			id, err := strconv.Atoi(pid)
			if err != nil {
				b.Fatal(err)
			}
			return stamp{time.Unix(0, nanos), id}
		}
		if time.Now().After(deadline) {
			b.Fatalf("start %d did not come", n)
		}
		time.Sleep(time.Millisecond)
	}
}

// agent is a running stathub-agent with its own directory as bucket.
type agent struct {
	*harness.Program
	base, store string
}

func startAgent(b *testing.B, env []string, args ...string) *agent {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	a := &agent{base: fmt.Sprintf("http://127.0.0.1:%d", port), store: b.TempDir()}
	bin := harness.Build(b, "./agent/stathub-agent", "-trimpath", "-ldflags=-s -w")
	a.Program = harness.Start(b, env, bin, append([]string{"--server.port=" + strconv.Itoa(port), "--store.directory=" + a.store,
		"--node.id=n1", "--stop.on.exit=true"}, args...)...)
	b.Cleanup(func() { a.Stop(b) })
	harness.Within(b, 20*time.Second, func() error {
		_, err := harness.Call(b.Context(), "GET", a.base+"/readyz", nil, nil)
		return err
	})
	return a
}

// apply writes the agent's manifest.
func (a *agent) apply(b *testing.B, entries ...state.ManifestEntry) {
	b.Helper()
	dir := filepath.Join(a.store, "state", "manifests")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		b.Fatal(err)
	}
	temp := filepath.Join(a.store, "manifest.tmp")
	if err := os.WriteFile(temp, state.Encode(state.Manifest{Node: "n1", Apps: entries}), 0o640); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(temp, filepath.Join(dir, "n1.json")); err != nil {
		b.Fatal(err)
	}
}

func allRun(b *testing.B, base string, n int) error { return allAre(b, base, n, "") }

// allAre reports whether as many instances are in a state, or live when it is "".
func allAre(b *testing.B, base string, n int, in state.InstanceState) error {
	var procs []state.Proc
	if _, err := harness.Call(b.Context(), "GET", base+"/v1/proc", nil, &procs); err != nil {
		return err
	}
	run := 0
	for _, p := range procs {
		if p.State == in || in == "" && p.State.Live() {
			run++
		}
	}
	if run != n {
		return fmt.Errorf("%d of %d are %s", run, n, cmp.Or(in, "running"))
	}
	return nil
}

// children counts the direct children of a process.
func children(b *testing.B, pid int) int {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, l := range lists {
		data, _ := os.ReadFile(l)
		n += len(strings.Fields(string(data)))
	}
	return n
}

// pssMB is the proportional set size of a process in MB (proc(5), smaps_rollup).
func pssMB(b *testing.B, pid int) float64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "Pss:" {
			kb, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb / 1000
		}
	}
	b.Fatal("smaps_rollup has no Pss")
	return 0
}

func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}

func report(b *testing.B, name string, d []time.Duration) {
	b.ReportMetric(float64(median(d).Microseconds())/1000, name+"-ms")
	b.ReportMetric(0, "ns/op") // the time of the whole benchmark says nothing
}
