package agent

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stathub/state"
)

// Jobs of every second or two, over the real program: they wait for what they depend on, and go on in time while agents
// are killed and the disk of one is wiped. No run is begun twice.
func TestJobOfEverySecond(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 10 s")
	}
	binary := filepath.Join(t.TempDir(), "stathub-agent")
	if out, err := exec.Command("go", "build", "-o", binary, "stathub/agent/stathub-agent").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the agent: %v\n%s", err, out)
	}
	bucket, store, told := t.TempDir(), filepath.Join(t.TempDir(), "store"), t.TempDir()
	if err := os.MkdirAll(filepath.Join(bucket, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Sprintf(`{"envs":{"TEST_STORE":%q},"apps":[
		{"app":{"name":"tick","toProcess":"echo $STATHUB_SCHEDULED >> \"$TEST_STORE/runs\"","dependsOn":["db"]},"schedule":{"cron":"@every 2s"}},
		{"app":{"name":"long","toProcess":"sleep 1000","killSignal":9},"schedule":{"cron":"@every 1s","concurrency":"allow"}},
		{"app":{"name":"db","toProcess":"exec sleep 1000"}}]}`, told)
	if err := os.WriteFile(filepath.Join(bucket, "manifests", "n.json"), []byte(manifest), 0o644); err != nil {
		t.Fatal(err)
	}
	var log output
	start := func() *exec.Cmd {
		cmd := exec.Command(binary, "--store.directory", store, "--state.url=file://"+bucket, "--node.id=n", "--server.port=0", "--poll=50ms")
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	kill := func(cmd *exec.Cmd) { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	cmd := start()
	t.Cleanup(func() {
		kill(cmd)
		for _, pids := range marked(t, told) {
			for _, pid := range pids {
				_ = syscall.Kill(-pid, syscall.SIGKILL)
			}
		}
		noCgroups(t, store)
		if t.Failed() {
			t.Log(log.String())
		}
	})
	runs := func() []string {
		data, _ := os.ReadFile(filepath.Join(told, "runs"))
		return strings.Fields(string(data))
	}
	await := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d runs", n), func() error {
			if got := runs(); len(got) < n {
				return fmt.Errorf("there are %d", len(got))
			}
			return nil
		})
	}
	tell := func(check func(r *state.Report) error) {
		t.Helper()
		eventually(t, "the report tells of it", func() error {
			data, err := os.ReadFile(filepath.Join(bucket, "reports", "n.json"))
			if err != nil {
				return err
			}
			r, err := state.Decode[state.Report]("reports/n.json", data)
			if err != nil {
				return err
			}
			return check(r)
		})
	}
	await(1)
	for n := range 3 {
		tell(func(r *state.Report) error { // what only the disk knew would be lost with it
			all := runs()
			for _, i := range r.Instances {
				if i.App == "tick" && len(i.Runs) > 0 && i.Runs[0].At.Format(time.RFC3339) == all[len(all)-1] && !i.Runs[0].End.IsZero() {
					return nil
				}
			}
			return fmt.Errorf("not of %s", all[len(all)-1])
		})
		kill(cmd)
		if n == 1 {
			if err := os.RemoveAll(store); err != nil {
				t.Fatal(err)
			}
		}
		before := len(runs())
		cmd = start()
		await(before + 1)
	}
	seen := map[string]bool{}
	for _, at := range runs() {
		if _, err := time.Parse(time.RFC3339, at); err != nil || seen[at] {
			t.Errorf("the run of %s was begun twice, or is of no time: %v", at, err)
		}
		seen[at] = true
	}
	tell(func(r *state.Report) error {
		long := 0
		for _, i := range r.Instances {
			if i.App == "long" && i.State == state.Running {
				long++
			}
			if i.App == "tick" && (len(i.Runs) < 4 || i.Runs[1].Code == nil || *i.Runs[1].Code != 0 || i.Runs[1].End.Before(i.Runs[1].Start)) {
				return fmt.Errorf("tick: %+v", i)
			}
		}
		if long < 3 {
			return fmt.Errorf("%d run at a time", long)
		}
		return nil
	})
}
