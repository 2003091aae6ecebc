//go:build linux

package agent

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"stathub/state"
)

// marked gives the processes whose environment names an instance, by instance: session leaders only.
func marked(t *testing.T, store string) map[string][]int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]int{}
	for _, dir := range dirs {
		env, err := os.ReadFile(dir + "/environ")
		if err != nil || !bytes.Contains(env, []byte("\x00TEST_STORE="+store+"\x00")) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if sid, err := syscallGetsid(pid); err != nil || sid != pid {
			continue
		}
		for kv := range strings.SplitSeq(string(env), "\x00") {
			if id, ok := strings.CutPrefix(kv, "STATHUB_INSTANCE="); ok {
				all[id] = append(all[id], pid)
			}
		}
	}
	return all
}

func syscallGetsid(pid int) (int, error) {
	sid, _, errno := syscall.RawSyscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(sid), nil
}

// Law 4. An agent with 20 instances is killed 50 times in a row, at random moments, on a busy machine, while another
// instance keeps crashing and being started: no instance is restarted, none runs twice, none is lost, and the last agent
// goes on with their health checks.
func TestKilledAgainAndAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some 20 s")
	}
	binary := filepath.Join(t.TempDir(), "stathub-agent")
	if out, err := exec.Command("go", "build", "-o", binary, "stathub/agent/stathub-agent").CombinedOutput(); err != nil {
		t.Fatalf("cannot build the agent: %v\n%s", err, out)
	}
	store := t.TempDir()
	writeManifest(t, store, fmt.Sprintf(`{"envs":{"TEST_STORE":%q},"apps":[
		{"app":{"name":"steady","toProcess":"echo started >> \"$TEST_STORE/$INSTANCE.starts\"; exec sleep 1000","ports":[0],
		 "healthChecks":[{"protocol":"COMMAND","command":["sh","-c","test -e $TEST_STORE/$INSTANCE.starts"],"intervalSeconds":1,"timeoutSeconds":30,"maxConsecutiveFailures":2}]},"count":20},
		{"app":{"name":"crasher","restart":{"maxBackoffSeconds":0.1},
		 "toProcess":"mkdir \"$TEST_STORE/alone\" || echo twice >> \"$TEST_STORE/twice\"; sleep 0.03; rmdir \"$TEST_STORE/alone\"; exit 1"}}]}`, store))
	var log output
	start := func() *exec.Cmd {
		cmd := exec.Command(binary, "--store.directory", store, "--node.id=n", "--server.port=0", "--poll=50ms", "--heartbeat=50ms")
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
		for _, pids := range marked(t, store) {
			for _, pid := range pids {
				_ = syscall.Kill(-pid, syscall.SIGKILL)
			}
		}
		noCgroups(t, store)
		if t.Failed() {
			t.Log(log.String())
		}
	})
	var first map[string][]int
	eventually(t, "20 instances run", func() error {
		first = marked(t, store)
		delete(first, "n/crasher.0")
		if len(first) != 20 {
			return fmt.Errorf("there are %d", len(first))
		}
		return nil
	})
	var rest atomic.Bool
	defer rest.Store(true)
	for range 3 {
		go func() {
			for !rest.Load() {
			}
		}()
	}
	ran := func() int { return strings.Count(log.String(), "instance=n/crasher.0") }
	for k := 0; k < 50 || k < 1000 && ran() < 10; k++ { // a busy machine needs more
		kill(cmd)
		cmd = start()
		time.Sleep(rand.N(250 * time.Millisecond)) // the moment of the next kill
	}
	rest.Store(true)
	eventually(t, "the last agent reports them all", func() error {
		data, err := os.ReadFile(filepath.Join(store, "state", "reports", "n.json"))
		if err != nil {
			return err
		}
		r, err := state.Decode[state.Report]("reports/n.json", data)
		if err != nil {
			return err
		}
		if len(r.Instances) != 21 || len(r.Errors) > 0 {
			return fmt.Errorf("%d instances, errors %v", len(r.Instances), r.Errors)
		}
		for _, i := range r.Instances {
			if i.App == "steady" && (i.Restarts != 0 || i.State != state.Healthy || i.PID != first[i.ID][0]) {
				return fmt.Errorf("%s: %s, process %d (was %d), %d restarts", i.ID, i.State, i.PID, first[i.ID][0], i.Restarts)
			}
		}
		return nil
	})
	now := marked(t, store)
	for id, pids := range first {
		if fmt.Sprint(now[id]) != fmt.Sprint(pids) {
			t.Errorf("%s: processes %v, before %v", id, now[id], pids)
		}
		_, name, _ := strings.Cut(id, "/")
		if starts, _ := os.ReadFile(filepath.Join(store, name+".starts")); string(starts) != "started\n" {
			t.Errorf("%s was started %d times", id, bytes.Count(starts, []byte("\n")))
		}
	}
	if text, err := os.ReadFile(filepath.Join(store, "twice")); err == nil {
		t.Errorf("the crasher ran twice at one time: %s", text)
	}
	starts := ran()
	if starts < 10 {
		t.Errorf("the crasher hardly ever ran: %d", starts)
	}
	t.Logf("the crasher was started about %d times", starts/2)
}
