//go:build linux

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"stathub/localstack/harness"
	"stathub/state"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sleepers is the manifest entry of the workload that costs nothing.
func sleepers(n int) state.ManifestEntry {
	return state.ManifestEntry{Count: n, App: state.App{Start: true, Name: "sleep", ToProcess: "sleep 1000", KillSignal: 15}}
}

// BenchmarkStart: from the write of a manifest to as many processes, beside a bare loop that starts as many, and what the
// agent's memory is then.
func BenchmarkStart(b *testing.B) {
	for _, c := range []struct{ n, rounds int }{{100, 5}, {1000, 3}} {
		b.Run(strconv.Itoa(c.n), func(b *testing.B) {
			for b.Loop() {
				var bare, guarded []time.Duration
				var pss float64
				for range c.rounds {
					bare = append(bare, bareStarts(b, c.n))
					took, mb := agentStarts(b, c.n)
					guarded, pss = append(guarded, took), max(pss, mb)
				}
				report(b, "bare", bare)
				report(b, "agent", guarded)
				b.ReportMetric(float64(median(guarded))/float64(median(bare)), "x-bare")
				b.ReportMetric(pss, "agent-PSS-MB")
			}
		})
	}
}

// agentStarts gives the time of the start, and the agent's PSS in MB once it has come to rest.
func agentStarts(b *testing.B, n int) (time.Duration, float64) {
	a := startAgent(b, nil)
	defer a.Stop(b)
	began := time.Now()
	a.apply(b, sleepers(n))
	for children(b, a.Cmd.Process.Pid) < n {
		if time.Since(began) > time.Minute {
			b.Fatalf("only %d of %d processes run", children(b, a.Cmd.Process.Pid), n)
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began)
	harness.Within(b, time.Minute, func() error { return allRun(b, a.base, n) })
	time.Sleep(10 * time.Second) // what the start needed is given back by now
	return took, pssMB(b, a.Cmd.Process.Pid)
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

// BenchmarkAdopt: an agent is killed -9 with all its instances running, and started again: from its exec to the moment
// when it answers for all of them, beside an agent that has nothing to adopt.
func BenchmarkAdopt(b *testing.B) {
	const n, rounds = 1000, 5
	for b.Loop() {
		var empty, full []time.Duration
		idle := startAgent(b, nil)
		a := startAgent(b, nil)
		a.apply(b, sleepers(n))
		harness.Within(b, time.Minute, func() error { return allRun(b, a.base, n) })
		for range rounds {
			empty = append(empty, idle.killAndStart(b, 0))
			full = append(full, a.killAndStart(b, n))
		}
		a.Stop(b)
		idle.Stop(b)
		report(b, "nothing-to-adopt", empty)
		report(b, "adopt", full)
	}
}

// killAndStart gives the time from the start of the next agent until it has n instances.
func (a *agent) killAndStart(b *testing.B, n int) time.Duration {
	a.Cmd.Process.Kill()
	<-a.Done
	began := time.Now()
	a.Program = harness.Start(b, nil, a.Cmd.Path, a.Cmd.Args[1:]...)
	for time.Since(began) < time.Minute {
		if allRun(b, a.base, n) == nil {
			return time.Since(began)
		}
		time.Sleep(time.Millisecond)
	}
	b.Fatalf("the agent did not find its %d instances", n)
	return 0
}

// BenchmarkIdleCPU: the share of one core that an agent takes for 100 healthy instances, each with a check every 10 s.
func BenchmarkIdleCPU(b *testing.B) {
	const n, watch = 100, 60 * time.Second
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		a := startAgent(b, nil)
		a.apply(b, state.ManifestEntry{Count: n, App: state.App{Start: true,
			Name: "listen", ToProcess: exe, KillSignal: 15, Ports: []int{0}, Envs: map[string]string{listenEnv: "127.0.0.1:${PORT}"},
			HealthChecks: []state.HealthCheck{{Protocol: "TCP", IntervalSeconds: 10, TimeoutSeconds: 5, MaxConsecutiveFailures: 3}},
		}})
		harness.Within(b, time.Minute, func() error { return allAre(b, a.base, n, state.Healthy) })
		time.Sleep(10 * time.Second)
		before := cpuTime(b, a.Cmd.Process.Pid)
		time.Sleep(watch)
		used := cpuTime(b, a.Cmd.Process.Pid) - before
		b.ReportMetric(100*float64(used)/float64(watch), "%-of-a-core")
		b.ReportMetric(pssMB(b, a.Cmd.Process.Pid), "agent-PSS-MB")
		b.ReportMetric(0, "ns/op")
		a.Stop(b)
	}
}

// cpuTime is the time that the threads of a process have run: the first number of each /proc/<pid>/task/<tid>/schedstat,
// in nanoseconds. stat's ticks of 10 ms are too coarse here.
func cpuTime(b *testing.B, pid int) time.Duration {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		b.Fatalf("no threads of process %d: %v", pid, err)
	}
	var used time.Duration
	for _, task := range tasks {
		data, _ := os.ReadFile(task)
		ran, _, _ := strings.Cut(string(data), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			b.Fatalf("%s: %v", task, err)
		}
		used += time.Duration(n)
	}
	return used
}
