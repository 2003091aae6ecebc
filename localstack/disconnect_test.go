//go:build linux

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/state"
)

// What must not run twice stops when its agent loses the master, and comes back with it; what does not mind runs on.
func TestE2EDisconnect(t *testing.T) {
	t.Parallel()
	master := harness.Start(t, nil, harness.Build(t, "./master/stathub-master"), "--server.port=0", "--store.directory="+t.TempDir())
	base := master.URL(t)
	ready(t, base)
	agent := startAgent(t, "--master.address="+base, "--store.directory="+t.TempDir(), "--node.id=n1")
	manifest := `{"apps": [{"app": {"name": "one", "toProcess": "sleep 1000"}, "disconnectSeconds": 10}, {"app": {"name": "other", "toProcess": "sleep 1000"}}]}`
	harness.Within(t, 30*time.Second, func() error { // once the master knows the node
		_, err := harness.Call(t.Context(), "PUT", base+"/v1/node/n1/manifest", []byte(manifest), nil)
		return err
	})
	procs := func(one bool) map[string]state.Proc {
		t.Helper()
		found := map[string]state.Proc{}
		harness.Within(t, time.Minute, func() error {
			var all []state.Proc
			if _, err := harness.Call(t.Context(), "GET", agent+"/v1/proc", nil, &all); err != nil {
				return err
			}
			for _, p := range all {
				found[p.App] = p
			}
			switch p := found["one"]; {
			case p.State.Live() != one || one && !harness.Running(p.PID):
				return fmt.Errorf("one is %s: %s", p.State, p.Reason)
			case !one && (p.State != state.Waiting || !strings.Contains(p.Reason, "out of touch with the bucket for 10 s")):
				return fmt.Errorf("one is %s: %s", p.State, p.Reason)
			case !harness.Running(found["other"].PID):
				return fmt.Errorf("other is %s", found["other"].State)
			}
			return nil
		})
		return found
	}
	before := procs(true)
	if err := master.Cmd.Process.Signal(syscall.SIGSTOP); err != nil { // it answers nothing, and keeps its port
		t.Fatal(err)
	}
	procs(false)
	if harness.Running(before["one"].PID) {
		t.Error("its process runs on")
	}
	if err := master.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if after := procs(true); after["other"].PID != before["other"].PID {
		t.Error("what does not mind was restarted")
	}
}
