//go:build linux

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/localstack/harness"
)

// BenchmarkPeers: the same work under supervisord (Debian's package supervisor) and PM2 (npm), where they are installed:
// 100 sleeps, the memory of the guard then, and from kill -9 of a process to the first instruction of the next one.
func BenchmarkPeers(b *testing.B) {
	for _, p := range []peer{supervisord{}, pm2{}} {
		b.Run(p.name(), func(b *testing.B) {
			if _, err := exec.LookPath(p.name()); err != nil {
				b.Skipf("%s is not installed", p.name())
			}
			for b.Loop() {
				measurePeer(b, p)
			}
		})
	}
}

// peer is another guard of processes.
type peer interface {
	name() string
	// start makes it run a command so many times, the i-th with the variable name=value(i), and gives its pid and the time
	// when it was told to. It ends with the benchmark.
	start(b *testing.B, n int, name string, value func(i int) string, command ...string) (pid int, told time.Time)
}

func measurePeer(b *testing.B, p peer) {
	const n, rounds = 100, 10
	pid, told := p.start(b, n, "BENCH", strconv.Itoa, "sleep", "1000")
	harness.Within(b, time.Minute, func() error {
		if run := children(b, pid); run < n {
			return fmt.Errorf("%d of %d run", run, n)
		}
		return nil
	})
	report(b, "start-100", []time.Duration{time.Since(told)})
	time.Sleep(10 * time.Second) // as the agent gets
	b.ReportMetric(pssMB(b, pid), "PSS-MB")

	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	run := b.TempDir()
	p.start(b, rounds, stampFile, func(i int) string { return filepath.Join(run, strconv.Itoa(i)) }, exe)
	time.Sleep(3 * time.Second) // supervisord wants a process to run for 1 s before it counts as started
	var restarts []time.Duration
	for i := range rounds {
		file := filepath.Join(run, strconv.Itoa(i))
		first := stamps(b, file, 1).pid
		killed := time.Now()
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			b.Fatal(err)
		}
		restarts = append(restarts, stamps(b, file, 2).at.Sub(killed))
	}
	report(b, "restart", restarts)
}

type supervisord struct{}

func (supervisord) name() string { return "supervisord" }

func (supervisord) start(b *testing.B, n int, name string, value func(i int) string, command ...string) (int, time.Time) {
	dir := b.TempDir()
	var conf strings.Builder
	fmt.Fprintf(&conf, "[supervisord]\nnodaemon=true\nlogfile=%s/log\npidfile=%[1]s/pid\nchildlogdir=%[1]s\n", dir)
	for i := range n {
		fmt.Fprintf(&conf, "[program:p%d]\ncommand=%s\nenvironment=%s=\"%s\"\nautorestart=true\n", i, strings.Join(command, " "), name, value(i))
	}
	path := filepath.Join(dir, "supervisord.conf")
	if err := os.WriteFile(path, []byte(conf.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	told := time.Now()
	p := harness.Start(b, nil, "supervisord", "-c", path)
	b.Cleanup(func() { p.Stop(b) })
	return p.Cmd.Process.Pid, told
}

type pm2 struct{}

func (pm2) name() string { return "pm2" }

func (pm2) start(b *testing.B, n int, name string, value func(i int) string, command ...string) (int, time.Time) {
	dir := b.TempDir()
	type app struct {
		Name        string            `json:"name"`
		Script      string            `json:"script"`
		Args        []string          `json:"args"`
		Interpreter string            `json:"interpreter"`
		Env         map[string]string `json:"env"`
	}
	var apps []app
	for i := range n {
		apps = append(apps, app{"p" + strconv.Itoa(i), command[0], command[1:], "none", map[string]string{name: value(i)}})
	}
	text, err := json.Marshal(map[string]any{"apps": apps})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(dir, "ecosystem.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	call := func(args ...string) {
		cmd := exec.Command("pm2", args...)
		cmd.Env = append(os.Environ(), "PM2_HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("pm2 %v: %v\n%s", args, err, out)
		}
	}
	call("ping") // starts the daemon, which is not what is measured
	b.Cleanup(func() { call("kill") })
	data, err := os.ReadFile(filepath.Join(dir, "pm2.pid"))
	if err != nil {
		b.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		b.Fatal(err)
	}
	told := time.Now()
	call("start", path)
	return pid, told
}
