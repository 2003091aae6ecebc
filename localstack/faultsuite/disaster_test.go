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

// nodeSilence is after what silence a node is down in these tests.
const nodeSilence = 4 * time.Second

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
		s.masters = append(s.masters, start("./master/stathub-master", fmt.Sprint("--master.name=m", i), "--node.timeout="+nodeSilence.String()))
	}
	for i := range 2 {
		args := []string{fmt.Sprint("--node.id=n", i), "--stop.on.exit=true", "--heartbeat=500ms", "--cgroups=false"}
		if i == 0 { // the other one has the bucket alone: where that is away it is silent
			args = append(args, "--master.address="+strings.Join(s.masters, ","))
		}
		s.agents = append(s.agents, start("./agent/stathub-agent", args...))
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
	s.wait(fmt.Sprint(n, " processes run"), func() (err error) {
		if now, err = s.pids(); err == nil && len(now) != n {
			err = fmt.Errorf("%d processes run, not %d: %v", len(now), n, now)
		}
		return err
	})
	return now
}

// same fails the test unless all these processes run.
func (s *stack) same(pids map[string]int) {
	s.Helper()
	now, err := s.pids()
	if err != nil {
		s.Fatal(err)
	}
	for instance, pid := range pids {
		if now[instance] != pid {
			s.Fatalf("%s was process %d and is %d", instance, pid, now[instance])
		}
	}
}

// keep looks for so long whether all these processes run.
func (s *stack) keep(pids map[string]int, d time.Duration) {
	s.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		s.same(pids)
	}
}

// noticed is how long agents may take to see that their reports are gone: at once where they see their manifest gone too,
// else, when a master put that back first, at the next look, every five minutes where requests are paid for.
const noticed = 6 * time.Minute

// wait polls until done gives nil, and says how long that took.
func (s *stack) wait(what string, done func() error) {
	s.Helper()
	s.waitFor(what, stuck, done)
}

func (s *stack) waitFor(what string, limit time.Duration, done func() error) {
	s.Helper()
	began := time.Now()
	harness.Within(s, limit, done)
	s.Logf("%s: %s", what, time.Since(began).Round(10*time.Millisecond))
}

// edit repeats a request of the first master until it is carried out.
func (s *stack) edit(method, path, body string) {
	s.Helper()
	s.wait(method+" "+path, func() error {
		_, err := harness.Call(s.Context(), method, s.masters[0]+path, []byte(body), nil)
		return err
	})
}

// Laws 1, 2 and 7 with the real programs: a bucket that nobody reaches, and one that somebody empties, stop nothing, take
// no node for dead, and are over when they are over.
func TestDisastersOfPrograms(t *testing.T) {
	t.Parallel()
	blackout := nodeSilence + 2*time.Second
	if os.Getenv(long) != "" {
		blackout = 30 * time.Second
	}
	s := startStack(t, startMinIO(t))
	s.edit("PUT", "/v1/app/web", `{"name": "web", "toProcess": "sleep 1000", "start": true}`)
	s.edit("POST", "/v1/app/web/_scale", "6")
	now := s.running(6)
	for _, f := range []faults.Fault{faults.Blackhole, faults.Refused} {
		s.inflict(f)
		s.refused(now, blackout, f)
		s.inflict("")
		now = s.grow(now)
	}

	saved := s.empty()
	s.waitFor("the bucket was emptied", noticed, func() error { return s.lost(saved) })
	s.keep(now, 5*time.Second)
	for _, key := range []string{"apps/web.json", "choreos/web.json"} {
		if _, err := state.Write(t.Context(), s.truth, key, saved[key], state.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	now = s.grow(now)
	s.keep(now, 2*time.Second)
	s.wait("all nodes are up", s.up)
}

// refused keeps a fault up for so long, and where the bucket refuses connections until an edit was answered 503; an answer
// that does not come takes the masters longer to be sure of. Meanwhile everything can be read, and nothing edited.
func (s *stack) refused(now map[string]int, d time.Duration, f faults.Fault) {
	s.Helper()
	next := fmt.Sprint(len(now) + 1)
	refusals := 0
	end := time.Now().Add(d)
	s.wait(f.Text(), func() error {
		s.same(now)
		for _, master := range s.masters {
			harness.Must(s, "GET", master+"/v1/app/web", nil, nil)
		}
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		switch status, err := harness.Call(ctx, "POST", s.masters[0]+"/v1/app/web/_scale", []byte(next), nil); {
		case status == http.StatusServiceUnavailable:
			refusals++
		case err == nil:
			s.Fatalf("an edit during %s was acknowledged", f)
		}
		if left := time.Until(end); left > 0 || refusals == 0 && f == faults.Refused {
			return fmt.Errorf("%s for %s more; %d edits were answered 503", f, left, refusals)
		}
		return nil
	})
}

// grow adds one instance. The others stay what they are.
func (s *stack) grow(now map[string]int) map[string]int {
	s.Helper()
	s.edit("POST", "/v1/app/web/_scale", fmt.Sprint(len(now)+1))
	grown := s.running(len(now) + 1)
	s.keep(now, time.Second)
	return grown
}

// lost says what is missing until the agents know that the bucket was emptied: each writes its report again.
func (s *stack) lost(saved map[string][]byte) error {
	for key := range saved {
		if _, report := state.KindReport.Name(key); report {
			if _, _, err := state.Read(s.Context(), s.truth, key, "", state.MaxDocument); err != nil {
				return err
			}
		}
	}
	return nil
}

// up says which node is not.
func (s *stack) up() error {
	for i := range s.agents {
		var n state.Node
		if _, err := harness.Call(s.Context(), "GET", fmt.Sprint(s.masters[0], "/v1/node/n", i), nil, &n); err != nil {
			return err
		}
		if n.State != state.NodeUp {
			return fmt.Errorf("node %s is %s", n.ID, n.State)
		}
	}
	return nil
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
