//go:build linux

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"stathub/localstack/harness"
	"stathub/state"
	"syscall"
	"testing"
	"time"
)

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
