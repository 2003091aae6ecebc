//go:build linux

package agent

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"stathub/agent/health"
	"stathub/state"
)

// workloadEnv makes the test's own program a server to be checked: it answers /health with 200 until it was asked for /break.
const workloadEnv = "TEST_WORKLOAD"

func TestMain(m *testing.M) {
	switch os.Getenv(workloadEnv) {
	case "":
		os.Exit(m.Run())
	case "hog":
		hog()
	}
	var broken atomic.Bool
	http.HandleFunc("/break", func(http.ResponseWriter, *http.Request) { broken.Store(true) })
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			http.Error(w, "broken", http.StatusInternalServerError)
		}
	})
	fmt.Println(http.ListenAndServe(net.JoinHostPort("127.0.0.1", os.Getenv("PORT")), nil))
	os.Exit(1)
}

// inState waits until the only instance is in a state, and gives it.
func (a *inProcess) inState(want state.InstanceState, not int) (p state.Proc) {
	a.t.Helper()
	eventually(a.t, "the instance is "+string(want), func() error {
		var procs []state.Proc
		if err := a.get("/v1/proc", &procs); err != nil {
			return err
		}
		if len(procs) != 1 || procs[0].State != want || procs[0].PID == not {
			return fmt.Errorf("instances: %+v", procs)
		}
		p = procs[0]
		return nil
	})
	return p
}

func TestUnhealthyProcessIsReplaced(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(t)
	a.o.StopOnExit = false
	a.start()
	manifest := `{"apps":[{"app":{"name":"web","toProcess":%q,"ports":[0],"envs":{"TEST_WORKLOAD":"1"},"healthChecks":[
		{"protocol":"HTTP","path":"/health","initialDelaySeconds":3,"intervalSeconds":%s,"timeoutSeconds":5,"maxConsecutiveFailures":2},
		{"protocol":"COMMAND","command":["sh","-c","echo port $PORT"],"initialDelaySeconds":3,"intervalSeconds":0.2,"timeoutSeconds":5,"maxConsecutiveFailures":2}]}}]}`
	a.manifest(fmt.Sprintf(manifest, program, "0.2"))
	first := a.inState(state.Healthy, 0)
	var checks []health.Status
	if err := a.get(fmt.Sprintf("/v1/proc/%d/_health", first.PID), &checks); err != nil || len(checks) != 2 {
		t.Fatalf("%v, %v", checks, err)
	}
	if r := checks[1].Results[0]; !r.OK || !strings.Contains(r.Message, fmt.Sprintf("port %d", first.Ports[0])) {
		t.Errorf("the command: %+v", r)
	}
	if err := a.stop(); err != nil { // the process goes on, and the next agent checks it
		t.Fatal(err)
	}
	a.o.StopOnExit = true
	a.start()
	if got := a.inState(state.Healthy, 0); got.PID != first.PID {
		t.Fatalf("not adopted: process %d, before %d", got.PID, first.PID)
	}
	a.manifest(fmt.Sprintf(manifest, program, "0.1"))
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/break", first.Ports[0]))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	second := a.inState(state.Healthy, first.PID)
	if second.Restarts != 1 || second.LastExit == nil || !strings.Contains(second.LastExit.Reason, "/health: ") || alive(first.PID) {
		t.Errorf("after the failures: %+v", second)
	}
	if err := a.stop(); err != nil {
		t.Error(err)
	}
	if alive(second.PID) {
		t.Error("a process was left behind")
	}
}
