package agent

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An agent outlives the reader of its log; with --stop.on.exit a second signal ends what takes too long to stop.
func TestSignals(t *testing.T) {
	binary, store := filepath.Join(t.TempDir(), "stathub-agent"), t.TempDir()
	if out, err := exec.Command("go", "build", "-o", binary, "stathub/agent/stathub-agent").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the agent: %v\n%s", err, out)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "--store.directory", store, "--node.id=n", "--server.port=0", "--poll=50ms", "--stop.on.exit")
	cmd.Stderr = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	_ = write.Close()
	_ = read.Close()
	deaf := `{"envs":{"TEST_STORE":"` + store + `"},"apps":[{"app":{"name":"deaf","killTimeoutSeconds":3600,
		"toProcess":"trap '' TERM; touch \"$TEST_STORE/deaf\"; while :; do sleep 0.1; done"}}]}`
	writeManifest(t, store, deaf)
	eventually(t, "the instance runs, though nobody reads the log", func() error {
		_, err := os.Stat(filepath.Join(store, "deaf"))
		return err
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(store, "state", "reports", "n.json")
	eventually(t, "it is being stopped", func() error {
		data, err := os.ReadFile(filepath.Join(store, "run", "deaf.0.json"))
		if err == nil && !strings.Contains(string(data), `"stopping"`) {
			err = os.ErrNotExist
		}
		return err
	})
	if len(marked(t, store)) != 1 {
		t.Error("it did not get its time")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the agent ended with %v", err)
	}
	if left := marked(t, store); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if data, err := os.ReadFile(report); err != nil || !strings.Contains(string(data), `"stopped"`) {
		t.Errorf("the last report: %s, %v", data, err)
	}
}
