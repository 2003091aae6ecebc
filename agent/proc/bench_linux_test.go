package proc

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRestart measures from the exit of a process to the start of its successor, again and again: the bare loop of
// fork, exec and wait, next to the same through a Runner. median-µs is the figure to compare.
func BenchmarkRestart(b *testing.B) {
	median := func(b *testing.B, laps []time.Duration) {
		slices.Sort(laps)
		b.ReportMetric(float64(laps[len(laps)/2].Nanoseconds())/1e3, "median-µs")
	}
	b.Run("bare", func(b *testing.B) {
		var laps []time.Duration
		for b.Loop() {
			begin := time.Now()
			pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
				b.Fatal(err)
			}
			laps = append(laps, time.Since(begin))
		}
		median(b, laps)
	})
	b.Run("runner", func(b *testing.B) {
		r := open(b)
		out := b.TempDir() + "/out"
		var laps []time.Duration
		for b.Loop() {
			begin := time.Now()
			if _, err := r.Start(Spec{Argv: []string{"/bin/true"}, Env: os.Environ(), Stdout: out, Stderr: out}); err != nil {
				b.Fatal(err)
			}
			<-r.Exits()
			laps = append(laps, time.Since(begin))
		}
		median(b, laps)
	})
}

// BenchmarkLeftovers is the price of looking for strays before a restart.
func BenchmarkLeftovers(b *testing.B) {
	r := open(b)
	for b.Loop() {
		r.Leftovers("no/such.0")
	}
}

// BenchmarkSample is the price of one look at all instances: plainly, from their cgroups too, and with what costs a look at
// each of their processes. cpu-ms is this process's own time, which a busy machine changes little.
func BenchmarkSample(b *testing.B) {
	for _, n := range []int{100, 1000} {
		for _, way := range []string{"plain", "cgroups", "consumption"} {
			b.Run(fmt.Sprintf("%d/%s", n, way), func(b *testing.B) {
				r := open(b)
				if way != "plain" {
					if features, err := r.Isolate("bench"); len(features) == 0 {
						b.Skip(err)
					}
				}
				markers := map[Identity]string{}
				var ids []Identity
				for k := range n {
					m := fmt.Sprintf("bench/app.%d", k)
					if err := r.Limit(m, Limits{}); err != nil {
						b.Fatal(err)
					}
					id := start(b, r, Spec{Argv: []string{"sleep", "1000"}, Env: append(os.Environ(), MarkerEnv+"="+m)})
					ids, markers[id] = append(ids, id), m
				}
				b.Cleanup(func() {
					for id, m := range markers {
						_ = r.Kill(id)
						r.Release(m)
					}
				})
				began := ownTime(b)
				b.ReportAllocs()
				for b.Loop() {
					infos, err := r.InspectAll(ids)
					if err != nil || len(infos) != n {
						b.Fatal(len(infos), err)
					}
					for id, info := range infos {
						if way == "consumption" {
							r.Consumed(markers[id], info.Members)
						}
					}
				}
				b.ReportMetric(float64((ownTime(b)-began).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

func ownTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
