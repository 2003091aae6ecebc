//go:build linux

package faultsuite

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stathub/localstack/faults"
	"stathub/localstack/harness"
	"stathub/state"
)

// stack is the real programs over MinIO: two masters, two agents, with a proxy between each of them and the bucket.
type stack struct {
	*testing.T
	truth   state.Store
	masters []string // URLs
	agents  []string
	ways    []*faults.Proxy // to the bucket
}

func startStack(t *testing.T, b bucket) *stack {
	s := &stack{T: t, truth: b.truth}
	start := func(pkg string, args ...string) string {
		way, err := faults.Start(b.endpoint, 1)
		if err != nil {
			t.Fatal(err)
		}
		api, err := faults.Start("http://127.0.0.1:1", 1)
		if err != nil {
			t.Fatal(err)
		}
		s.ways = append(s.ways, way)
		p := &program{
			log: filepath.Join(t.TempDir(), "log"), path: harness.Build(t, pkg), env: b.env, api: api,
			args: append(args, "--server.port=0", "--store.directory="+t.TempDir(), "--state.url="+b.at(way.URL()), "--poll=300ms"),
		}
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			for _, end := range []func() error{p.stop, way.Close, api.Close} {
				if err := end(); err != nil {
					t.Error(err)
				}
			}
		})
		return api.URL()
	}
	for i := range 2 {
		s.masters = append(s.masters, start("./master/stathub-master", fmt.Sprint("--master.name=m", i), "--node.timeout=2s"))
	}
	for i := range 2 {
		s.agents = append(s.agents, start("./agent/stathub-agent", fmt.Sprint("--node.id=n", i), "--stop.on.exit=true", "--heartbeat=500ms",
			"--cgroups=false", "--master.address="+strings.Join(s.masters, ",")))
	}
	return s
}

// inflict puts a fault on every way to the bucket.
func (s *stack) inflict(f faults.Fault) {
	s.Helper()
	for _, way := range s.ways {
		if err := way.Inflict(f); err != nil {
			s.Fatal(err)
		}
	}
}

// pids gives the processes that run, by instance, as the agents themselves say.
func (s *stack) pids() (map[string]int, error) {
	all := map[string]int{}
	for _, agent := range s.agents {
		var procs []state.Proc
		if _, err := harness.Call(s.Context(), "GET", agent+"/v1/proc", nil, &procs); err != nil {
			return nil, err
		}
		for _, p := range procs {
			if p.PID != 0 && harness.Running(p.PID) {
				all[p.Instance] = p.PID
			}
		}
	}
	return all, nil
}

// running waits until so many processes run.
func (s *stack) running(n int) map[string]int {
	s.Helper()
	var now map[string]int
	harness.Within(s, time.Minute, func() (err error) {
		if now, err = s.pids(); err == nil && len(now) != n {
			err = fmt.Errorf("%d processes run, not %d: %v", len(now), n, now)
		}
		return err
	})
	return now
}

// keep fails the test unless all these processes run for so long; meanwhile is asked again and again.
func (s *stack) keep(pids map[string]int, d time.Duration, meanwhile func()) {
	s.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		now, err := s.pids()
		if err != nil {
			s.Fatal(err)
		}
		for instance, pid := range pids {
			if now[instance] != pid {
				s.Fatalf("%s was process %d and is %d", instance, pid, now[instance])
			}
		}
		meanwhile()
	}
}

// edit repeats a request of the first master until it is carried out.
func (s *stack) edit(method, path, body string) {
	s.Helper()
	harness.Within(s, time.Minute, func() error {
		_, err := harness.Call(s.Context(), method, s.masters[0]+path, []byte(body), nil)
		return err
	})
}

// Laws 1, 2 and 7 with the real programs: a bucket that nobody reaches, and one that somebody empties, stop nothing, take
// no node for dead, and are over when they are over.
func TestDisastersOfPrograms(t *testing.T) {
	t.Parallel()
	blackout := 5 * time.Second // more than twice the silence after which a node is down
	if os.Getenv(long) != "" {
		blackout = 30 * time.Second
	}
	s := startStack(t, startMinIO(t))
	s.edit("PUT", "/v1/app/web", `{"name": "web", "toProcess": "sleep 1000", "start": true}`)
	s.edit("POST", "/v1/app/web/_scale", "6")
	before := s.running(6)

	refusals := 0
	for _, f := range []faults.Fault{faults.Blackhole, faults.Refused} {
		s.inflict(f)
		s.keep(before, blackout, func() {
			for _, master := range s.masters {
				harness.Must(t, "GET", master+"/v1/app/web", nil, nil)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			switch status, err := harness.Call(ctx, "POST", s.masters[0]+"/v1/app/web/_scale", []byte("7"), nil); {
			case status == http.StatusServiceUnavailable:
				refusals++
			case err == nil:
				t.Errorf("an edit during %s was acknowledged", f)
			}
		})
		s.inflict("")
		s.edit("POST", "/v1/app/web/_scale", "6")
		s.keep(before, 4*time.Second, func() {})
	}
	if refusals == 0 {
		t.Error("no edit was answered 503")
	}
	s.edit("POST", "/v1/app/web/_scale", "8")
	grown := s.running(8)
	s.keep(before, 0, func() {})

	saved := s.empty()
	s.keep(grown, 10*time.Second, func() {})
	for _, key := range []string{"apps/web.json", "choreos/web.json"} {
		if _, err := state.Write(t.Context(), s.truth, key, saved[key], state.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	s.keep(grown, 4*time.Second, func() {})
	s.edit("POST", "/v1/app/web/_scale", "9")
	s.running(9)
	s.keep(grown, time.Second, func() {})
	for i := range s.agents {
		var n state.Node
		harness.Must(t, "GET", fmt.Sprint(s.masters[0], "/v1/node/n", i), nil, &n)
		if n.State != state.NodeUp {
			t.Errorf("node %s is %s", n.ID, n.State)
		}
	}
}

// empty deletes everything in the bucket, and gives what was there.
func (s *stack) empty() map[string][]byte {
	s.Helper()
	all := map[string][]byte{}
	for e, err := range s.truth.List(s.Context(), "") {
		if err != nil {
			s.Fatal(err)
		}
		if data, _, err := state.Read(s.Context(), s.truth, e.Key, "", state.MaxDocument); err == nil {
			all[e.Key] = data
		}
	}
	for key := range all {
		if err := s.truth.Delete(s.Context(), key, ""); err != nil && state.CodeOf(err) != state.NotFound {
			s.Fatal(err)
		}
	}
	return all
}
