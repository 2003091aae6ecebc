//go:build linux

// Package bench measures what a user of an agent pays and gets. Figures are medians over runs, beside a bare loop of the
// same work in the same run: machines differ and are noisy, so look at the ratios. Run it with `make bench`.
package bench

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/localstack/miniosrv"
	"stathub/state"
	"stathub/state/httpstore"
	"stathub/state/memstore"
)

// stampFile makes this executable, run as a workload, write the time of its start there and then wait to be killed.
const stampFile = "BENCH_STAMP_FILE"

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

// BenchmarkRestart: from kill -9 of a process to the first instruction of the next one's main, under an agent and in a
// bare fork+exec+wait loop. Each instance is killed once: a second crash in a row would wait, by policy.
func BenchmarkRestart(b *testing.B) {
	const rounds = 40
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	a := startAgent(b, nil)
	for b.Loop() {
		run := b.TempDir()
		a.apply(b, state.ManifestEntry{Count: rounds, App: state.App{Start: true,
			Name: "crash", ToProcess: exe, KillSignal: 15, Envs: map[string]string{stampFile: filepath.Join(run, "${INSTANCE}")},
		}})
		for i := range rounds {
			stamps(b, filepath.Join(run, fmt.Sprintf("crash.%d", i)), 1)
		}
		harness.Within(b, 20*time.Second, func() error { return allRun(b, a.base, rounds) })
		var bare, guarded []time.Duration
		bareFile := filepath.Join(dir, "bare"+filepath.Base(run))
		next := startBare(b, exe, bareFile)
		for i := range rounds {
			pid := stamps(b, bareFile, i+1).pid
			killed := time.Now()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				b.Fatal(err)
			}
			next.Wait()
			next = startBare(b, exe, bareFile)
			bare = append(bare, stamps(b, bareFile, i+2).at.Sub(killed))

			file := filepath.Join(run, fmt.Sprintf("crash.%d", i))
			pid = stamps(b, file, 1).pid
			killed = time.Now()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				b.Fatal(err)
			}
			guarded = append(guarded, stamps(b, file, 2).at.Sub(killed))
		}
		next.Process.Kill()
		next.Wait()
		report(b, "bare", bare)
		report(b, "agent", guarded)
		b.ReportMetric(float64((median(guarded)-median(bare)).Microseconds())/1000, "ms-over-bare")
	}
}

func startBare(b *testing.B, exe, file string) *exec.Cmd {
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), stampFile+"="+file)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return cmd
}

// Benchmark100: from the write of a manifest to 100 processes, beside a bare loop that starts as many, and what the
// agent's memory is then.
func Benchmark100(b *testing.B) {
	const n, rounds = 100, 5
	for b.Loop() {
		var bare, guarded []time.Duration
		var pss float64
		for range rounds {
			bare = append(bare, bareStarts(b, n))
			func() {
				a := startAgent(b, nil)
				defer a.Stop(b)
				began := time.Now()
				a.apply(b, state.ManifestEntry{Count: n, App: state.App{Name: "sleep", ToProcess: "sleep 1000", KillSignal: 15, Start: true}})
				for children(b, a.Cmd.Process.Pid) < n {
					if time.Since(began) > 30*time.Second {
						b.Fatalf("only %d of %d processes run", children(b, a.Cmd.Process.Pid), n)
					}
					time.Sleep(time.Millisecond)
				}
				guarded = append(guarded, time.Since(began))
				harness.Within(b, 20*time.Second, func() error { return allRun(b, a.base, n) })
				time.Sleep(10 * time.Second) // what the start needed is given back by now
				pss = max(pss, pssMB(b, a.Cmd.Process.Pid))
			}()
		}
		report(b, "bare", bare)
		report(b, "agent", guarded)
		b.ReportMetric(float64(median(guarded))/float64(median(bare)), "x-bare")
		b.ReportMetric(pss, "agent-PSS-MB")
	}
}

func bareStarts(b *testing.B, n int) time.Duration {
	began := time.Now()
	var all []*exec.Cmd
	for range n {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		all = append(all, cmd)
	}
	took := time.Since(began)
	for _, cmd := range all {
		cmd.Process.Kill()
		cmd.Wait()
	}
	return took
}

func allRun(b *testing.B, base string, n int) error {
	var procs []state.Proc
	if _, err := harness.Call(b.Context(), "GET", base+"/v1/proc", nil, &procs); err != nil {
		return err
	}
	run := 0
	for _, p := range procs {
		if p.State.Live() {
			run++
		}
	}
	if run != n {
		return fmt.Errorf("%d of %d run", run, n)
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

// BenchmarkIdle: what an agent with nothing to do asks of its bucket, through the gateway and at a real MinIO.
func BenchmarkIdle(b *testing.B) {
	const watch = 30 * time.Second
	b.Run("gateway", func(b *testing.B) {
		var count counter
		store := memstore.New()
		srv := httptest.NewServer(count.wrap(httpstore.Handler(store, httpstore.Options{})))
		b.Cleanup(srv.Close)
		startAgent(b, nil, "--master.address="+srv.URL)
		for b.Loop() {
			count.measure(b, watch)
		}
	})
	b.Run("minio", func(b *testing.B) {
		server, err := miniosrv.Start(b.Context(), b.TempDir(), miniosrv.Options{Logf: b.Logf})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { server.Stop() })
		if err := server.CreateBucket(b.Context(), "stathub"); err != nil {
			b.Fatal(err)
		}
		target, err := url.Parse(server.Endpoint)
		if err != nil {
			b.Fatal(err)
		}
		var count counter
		// The host of the request stays as the agent signed it.
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
		}}
		srv := httptest.NewServer(count.wrap(proxy))
		b.Cleanup(srv.Close)
		through := strings.ReplaceAll(server.StateURL("stathub"), url.QueryEscape(server.Endpoint), url.QueryEscape(srv.URL))
		startAgent(b, server.Env(), "--state.url="+through)
		for b.Loop() {
			count.measure(b, watch)
		}
	})
}

// counter counts requests by method, and the bytes of their bodies in both directions.
type counter struct {
	mu       sync.Mutex
	requests map[string]int
	bytes    atomic.Int64
}

func (c *counter) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		if c.requests == nil {
			c.requests = map[string]int{}
		}
		c.requests[r.Method]++
		c.mu.Unlock()
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &byteCounter{c}), r.Body}
		next.ServeHTTP(&countingWriter{w, c}, r)
	})
}

type byteCounter struct{ *counter }

func (c *byteCounter) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}

type countingWriter struct {
	http.ResponseWriter
	c *counter
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.c.bytes.Add(int64(len(p)))
	return w.ResponseWriter.Write(p)
}

func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// measure lets the agent settle, then counts for a while and reports per minute.
func (c *counter) measure(b *testing.B, d time.Duration) {
	time.Sleep(3 * time.Second)
	c.mu.Lock()
	before, bytes := maps.Clone(c.requests), c.bytes.Load()
	c.mu.Unlock()
	time.Sleep(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	perMinute := float64(time.Minute) / float64(d)
	for _, method := range slices.Sorted(maps.Keys(c.requests)) {
		b.ReportMetric(float64(c.requests[method]-before[method])*perMinute, method+"/min")
	}
	b.ReportMetric(float64(c.bytes.Load()-bytes)*perMinute, "body-B/min")
	b.ReportMetric(0, "ns/op")
}

func median(d []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}

func report(b *testing.B, name string, d []time.Duration) {
	b.ReportMetric(float64(median(d).Microseconds())/1000, name+"-ms")
	b.ReportMetric(0, "ns/op") // the time of the whole benchmark says nothing
}
