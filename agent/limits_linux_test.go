package agent

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"stathub/agent/proc"
	"stathub/state"
)

// hog takes more and more memory, as a workload of a test.
func hog() {
	var all [][]byte
	for range 2048 {
		b := make([]byte, 1<<20)
		for k := 0; k < len(b); k += 4096 {
			b[k] = 1
		}
		all = append(all, b)
	}
	fmt.Println(len(all))
	os.Exit(0)
}

// enforced skips a test where the agent cannot enforce what it needs.
func (a *inProcess) enforced(what ...string) {
	a.t.Helper()
	var node state.Node
	if err := a.get("/v1/node", &node); err != nil {
		a.t.Fatal(err)
	}
	for _, w := range what {
		if !slices.Contains(node.Isolation, w) {
			a.t.Skipf("this agent cannot enforce %s: %v", w, node.Isolation)
		}
	}
}

// gone waits until an app has no process with this command line, and its instances no cgroup.
func gone(t *testing.T, app string, commands ...string) {
	t.Helper()
	eventually(t, app+" is gone", func() error {
		if dirs := cgroupsOf(t, app); len(dirs) > 0 {
			return fmt.Errorf("cgroups %v", dirs)
		}
		for _, c := range commands {
			if pids := running(t, c); len(pids) > 0 {
				return fmt.Errorf("%s runs: %v", c, pids)
			}
		}
		return nil
	})
}

// running gives the processes with a command line.
func running(t *testing.T, command string) (pids []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if text, _ := os.ReadFile(f); strings.TrimRight(strings.ReplaceAll(string(text), "\x00", " "), " ") == command {
			pids = append(pids, filepath.Base(filepath.Dir(f)))
		}
	}
	return pids
}

func TestMemoryLimitIsNamed(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(t)
	a.o.Cgroups = true
	a.start()
	a.enforced(proc.LimitsMemory)
	app := fmt.Sprintf("hog%d", os.Getpid())
	a.manifest(fmt.Sprintf(`{"apps":[{"app":{"name":%q,"toProcess":%q,"envs":{%q:"hog"},"resAlloc":{"mem":"48MiB"},
		"restart":{"backoffSeconds":1000,"maxBackoffSeconds":1000}}}]}`, app, program, workloadEnv))
	p := a.inState(state.Backoff, -1)
	const want = "killed by the kernel: it used more than its memory limit of 48 MiB"
	if p.LastExit == nil || p.LastExit.Reason != want || p.LastExit.Signal != 9 || !strings.Contains(p.Reason, want) {
		t.Errorf("reason %q, last exit %+v", p.Reason, p.LastExit)
	}
	var events []state.Event
	if err := a.get("/v1/event", &events); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(events, func(e state.Event) bool { return e.Kind == "instance.oom" && strings.Contains(e.Message, "48 MiB") }) {
		t.Errorf("events %+v", events)
	}
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	gone(t, app)
}

// A daemon that left its session and cleared its environment ends with its instance.
func TestNoDaemonSurvivesAStop(t *testing.T) {
	a := newAgent(t)
	a.o.Cgroups = true
	a.start()
	a.enforced(proc.KillsAll)
	app, daemon := fmt.Sprintf("daemon%d", os.Getpid()), fmt.Sprintf("sleep 7%d", os.Getpid())
	script := fmt.Sprintf("env -i setsid sh -c \"trap '' TERM; env -i %s & wait\" & exec sleep 1000", daemon)
	a.manifest(fmt.Sprintf(`{"apps":[{"app":{"name":%q,"killTimeoutSeconds":0.2,"toProcess":%s}}]}`, app, state.EncodeLine(script)))
	eventually(t, "the daemon runs", func() error {
		if n := len(running(t, daemon)); n != 1 {
			return fmt.Errorf("%d of it", n)
		}
		return nil
	})
	if dirs := cgroupsOf(t, app); len(dirs) == 0 {
		t.Error("no cgroup")
	}
	a.manifest(`{"apps":[]}`)
	gone(t, app, daemon)
}

// Law 4: the agent is killed, its disk is wiped, and the next agent finds the instance with its limits, though its program
// wrote over its environment.
func TestLimitsOutliveTheAgent(t *testing.T) {
	binary, store := filepath.Join(t.TempDir(), "stathub-agent"), t.TempDir()
	if out, err := exec.Command("go", "build", "-o", binary, "stathub/agent/stathub-agent").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the agent: %v\n%s", err, out)
	}
	app, command := fmt.Sprintf("steady%d", os.Getpid()), fmt.Sprintf("sleep 8%d", os.Getpid())
	writeManifest(t, store, fmt.Sprintf(`{"apps":[{"app":{"name":%q,"toProcess":"exec env -i %s","resAlloc":{"cpus":1,"mem":"64MiB","pids":50}}}]}`, app, command))
	var log output
	start := func() *exec.Cmd {
		cmd := exec.Command(binary, "--store.directory", store, "--node.id=n", "--server.port=0", "--poll=50ms", "--heartbeat=50ms", "--stop.on.exit")
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	cmd := start()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for _, pid := range running(t, command) {
			_ = exec.Command("kill", "-9", pid).Run()
		}
		noCgroups(t, store)
		if t.Failed() {
			t.Log(log.String())
		}
	})
	reported := func(pid string) (i state.Instance) {
		t.Helper()
		eventually(t, "it is reported", func() error {
			data, err := os.ReadFile(filepath.Join(store, "state", "reports", "n.json"))
			if err != nil {
				return err
			}
			r, err := state.Decode[state.Report]("reports/n.json", data)
			if err != nil {
				return err
			}
			if len(r.Instances) != 1 || r.Instances[0].State != state.Running || pid != "" && fmt.Sprint(r.Instances[0].PID) != pid {
				return fmt.Errorf("%+v", r.Instances)
			}
			if i = r.Instances[0]; !slices.Contains(r.Isolation, proc.KillsAll) {
				t.Skipf("no cgroups here: %v", r.Isolation)
			}
			return nil
		})
		return i
	}
	first := fmt.Sprint(reported("").PID)
	eventually(t, "its program runs", func() error {
		if pids := running(t, command); len(pids) != 1 || pids[0] != first {
			return fmt.Errorf("%v, not %s", pids, first)
		}
		return nil
	})
	groups, err := os.ReadFile("/proc/" + first + "/cgroup")
	if err != nil || !strings.Contains(string(groups), app) {
		t.Fatalf("groups %s, %v", groups, err)
	}
	for _, wiped := range []bool{false, true} {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if wiped {
			for _, name := range []string{"run", "work", "manifest.json", "manifest.meta.json", "state/reports"} {
				if err := os.RemoveAll(filepath.Join(store, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd = start()
		if i := reported(first); i.Restarts != 0 {
			t.Errorf("wiped %v: %d restarts", wiped, i.Restarts)
		}
		if now, err := os.ReadFile("/proc/" + first + "/cgroup"); err != nil || string(now) != string(groups) {
			t.Errorf("wiped %v: it was in\n%snow in\n%s%v", wiped, groups, now, err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	gone(t, app, command)
}
