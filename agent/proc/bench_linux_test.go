package proc

import (
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
