//go:build linux

package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/state"
)

// rolled is a service of 4 instances on two nodes.
type rolled struct {
	t      *testing.T
	master string
	worst  int // the fewest that answered at one time
}

const rolledScale = 4

// status gives the app's status, after having asked every instance.
func (r *rolled) status() (s state.AppStatus) {
	r.t.Helper()
	var procs []state.Proc
	harness.Must(r.t, "GET", r.master+"/v1/app/web/proc?full=true", nil, &procs)
	var answers atomic.Int64
	var asking sync.WaitGroup // all at one time: one after the other they could be away in turn
	for _, p := range procs {
		if len(p.Ports) == 0 {
			continue
		}
		asking.Go(func() {
			client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
			resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/", p.Ports[0]))
			if err == nil {
				resp.Body.Close()
				answers.Add(1)
			}
		})
	}
	asking.Wait()
	r.worst = min(r.worst, int(answers.Load()))
	var app struct {
		Status state.AppStatus `json:"status"`
	}
	harness.Must(r.t, "GET", r.master+"/v1/app/web", nil, &app)
	return app.Status
}

// until waits for a rollout that is as done says.
func (r *rolled) until(what string, done func(*state.Rollout) bool) {
	r.t.Helper()
	r.worst = rolledScale
	harness.Within(r.t, 4*time.Minute, func() error {
		s := r.status()
		if s.Rollout == nil || !done(s.Rollout) {
			return fmt.Errorf("%s: %+v, rollout %+v", what, s, s.Rollout)
		}
		return nil
	})
}

func TestE2ERollout(t *testing.T) {
	t.Parallel()
	master := startMaster(t)
	for _, node := range []string{"n1", "n2"} {
		startAgent(t, "--master.address="+master, "--store.directory="+t.TempDir(), "--node.id="+node)
	}
	r := &rolled{t: t, master: master}
	program := harness.Build(t, "./localstack")
	put := func(process, version, restart string) {
		t.Helper()
		harness.Must(t, "PUT", master+"/v1/app/web", fmt.Appendf(nil, `{"name": "web", "start": true, "ports": [0], "envs": {"VERSION": %q},
			"toProcess": %q, "restart": {"policy": %q}, "args": ["role-sample"], "healthChecks": [{"protocol": "HTTP", "path": "/", "initialDelaySeconds": 0,
			"intervalSeconds": 0.2, "timeoutSeconds": 2, "maxConsecutiveFailures": 100}]}`, version, process, restart), nil)
	}
	put(program, "1", "always")
	harness.Must(t, "PUT", master+"/v1/app/web/choreo",
		[]byte(`{"query": "*", "scale": 4, "maxPerNode": 2, "update": {"minHealthySeconds": 2, "deadlineSeconds": 200}}`), nil)
	good := func(revision int64) func(*state.Rollout) bool {
		return func(v *state.Rollout) bool {
			return v.State == state.RolloutDone && v.Revision == revision && v.New == rolledScale && v.Healthy == rolledScale
		}
	}
	r.until("the first version", good(2)) // the choreography came after the app

	put(program, "2", "always")
	r.until("the second version", good(3))
	if r.worst < rolledScale-1 {
		t.Errorf("while the second version was rolled out, only %d answered", r.worst)
	}

	put("exit 7; true", "3", "never") // so that it fails at once
	r.until("the bad version", func(v *state.Rollout) bool {
		return v.State == state.RolloutReverted && v.Revision == 5 && v.Old == 0 && v.Healthy == rolledScale
	})
	if r.worst < rolledScale-1 {
		t.Errorf("while the bad version was tried, only %d answered", r.worst)
	}
	v := r.status().Rollout
	if !strings.Contains(v.Instance, "/web.0") || !strings.Contains(v.Reason, "exit code 7") {
		t.Errorf("it does not say what was wrong: %+v", v)
	}
	var past []struct {
		Revision int64                  `json:"revision"`
		App      state.App              `json:"app"`
		Failed   *state.RevisionFailure `json:"failed"`
		Changes  []state.Change         `json:"changes"`
	}
	harness.Must(t, "GET", master+"/v1/app/web/history", nil, &past)
	if len(past) != 5 || past[1].Failed == nil || past[0].App.Envs["VERSION"] != "2" || past[2].Changes[0].Path != "/app/envs/VERSION" {
		t.Errorf("history %+v", past)
	}
	harness.Must(t, "POST", master+"/v1/app/web/_rollback", []byte(`{"revision": 2}`), nil)
	r.until("the first version again", func(v *state.Rollout) bool { return v.Revision == 6 && v.New > 0 })
}
