//go:build linux

package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stathub/agent/proc/cgroup"
	"stathub/localstack/harness"
	"stathub/localstack/miniosrv"
	"stathub/state"
)

// masterTTL is how long a leader's lease lies unchanged before another master takes it over.
const masterTTL = 10 * time.Second

// contender is a master among others.
type contender struct {
	*harness.Program
	name, base string
}

// whoLeads is what GET /v1/master answers.
type whoLeads struct {
	Name   string `json:"name"`
	Leads  bool   `json:"leads"`
	Leader struct {
		Holder string `json:"holder"`
		Term   int64  `json:"term"`
	} `json:"leader"`
}

func (c *contender) asks() (who whoLeads, err error) {
	_, err = harness.Call(context.Background(), "GET", c.base+"/v1/master", nil, &who)
	return who, err
}

// startMasters runs several masters over one bucket; the first one leads.
func startMasters(t *testing.T, env []string, stateURL string, names ...string) []*contender {
	t.Helper()
	var all []*contender
	for i, name := range names {
		all = append(all, startContender(t, env, stateURL, name))
		if i == 0 {
			awaitLeader(t, all[0], name)
		}
	}
	return all
}

func startContender(t *testing.T, env []string, stateURL, name string) *contender {
	t.Helper()
	p := harness.Start(t, env, harness.Build(t, "./master/stathub-master"),
		"--server.port=0", "--store.directory="+t.TempDir(), "--state.url="+stateURL, "--master.name="+name)
	c := &contender{p, name, p.URL(t)}
	ready(t, c.base)
	return c
}

// awaitLeader waits until a master says that one leads, and gives the term.
func awaitLeader(t *testing.T, asked *contender, leader string) (term int64) {
	t.Helper()
	harness.Within(t, 3*masterTTL, func() error {
		who, err := asked.asks()
		if err != nil {
			return err
		}
		if who.Leader.Holder != leader || who.Name != asked.name || who.Leads != (leader == asked.name) {
			return fmt.Errorf("%s says %+v, want %s", asked.name, who, leader)
		}
		term = who.Leader.Term
		return nil
	})
	return term
}

func sleeper(t *testing.T, base, name string, scale int) {
	t.Helper()
	harness.Must(t, "POST", base+"/v1/app", fmt.Appendf(nil, `{"name": %q, "toProcess": "sleep 1000", "start": true}`, name), nil)
	harness.Must(t, "POST", base+"/v1/app/"+name+"/_scale", []byte(strconv.Itoa(scale)), nil)
}

func scaleTo(t *testing.T, base, name string, scale int) {
	t.Helper()
	harness.Must(t, "POST", base+"/v1/app/"+name+"/_scale", []byte(strconv.Itoa(scale)), nil)
}

func send(t *testing.T, c *contender, s syscall.Signal) {
	t.Helper()
	if err := c.Cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func TestE2ETwoMasters(t *testing.T) {
	t.Parallel()
	t.Run("directory", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		twoMasters(t, nil, (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String())
	})
	t.Run("MinIO", func(t *testing.T) {
		t.Parallel()
		if testing.Short() {
			t.Skip("-short: no MinIO")
		}
		srv, err := miniosrv.Start(t.Context(), t.TempDir(), miniosrv.Options{Logf: t.Logf})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = srv.Stop() })
		if err := srv.CreateBucket(t.Context(), "masters"); err != nil {
			t.Fatal(err)
		}
		twoMasters(t, srv.Env(), srv.StateURL("masters"))
	})
}

// twoMasters kills, stops and halts leaders, and lets people edit through whoever is there.
func twoMasters(t *testing.T, env []string, stateURL string) {
	all := startMasters(t, env, stateURL, "m1", "m2")
	m1, m2 := all[0], all[1]
	awaitLeader(t, m2, "m1")
	agent := harness.Start(t, env, harness.Build(t, "./agent/stathub-agent"), "--server.port=0", "--stop.on.exit=true",
		"--state.url="+stateURL, "--store.directory="+t.TempDir(), "--node.id=n1", "--poll=500ms")
	t.Cleanup(func() { agent.Stop(t) })
	procs := agent.URL(t) + "/v1/proc"

	// What a follower is told is done.
	sleeper(t, m2.base, "web", 1)
	first := running(t, procs, 1)

	// A leader that is killed: the survivor takes over and acts, and touches nothing else.
	m1.Cmd.Process.Kill()
	<-m1.Done
	killed := time.Now()
	scaleTo(t, m2.base, "web", 2)
	term := awaitLeader(t, m2, "m2")
	t.Logf("took over %s after a kill -9", time.Since(killed).Round(10*time.Millisecond))
	after := running(t, procs, 2)
	if !slices.ContainsFunc(after, func(p state.Proc) bool { return p.PID == first[0].PID }) {
		t.Errorf("the takeover restarted %+v", first)
	}

	// A leader that is stopped: the other one leads at once.
	m1 = startContender(t, env, stateURL, "m1")
	awaitLeader(t, m1, "m2")
	stopped := time.Now()
	send(t, m2, syscall.SIGTERM)
	if next := awaitLeader(t, m1, "m1"); next <= term {
		t.Errorf("term %d follows %d", next, term)
	} else {
		term = next
	}
	if took := time.Since(stopped); took > masterTTL {
		t.Errorf("the lease was not given back: it took %s", took)
	} else {
		t.Logf("took over %s after a clean stop", took.Round(10*time.Millisecond))
	}
	<-m2.Done
	scaleTo(t, m1.base, "web", 3)
	running(t, procs, 3)

	// A leader that is halted, as by SIGSTOP, finds another one when it wakes.
	m2 = startContender(t, env, stateURL, "m2")
	awaitLeader(t, m2, "m1")
	send(t, m1, syscall.SIGSTOP)
	halted := time.Now()
	scaleTo(t, m2.base, "web", 4)
	running(t, procs, 4)
	term = awaitLeader(t, m2, "m2")
	t.Logf("took over %s after SIGSTOP at the latest", time.Since(halted).Round(10*time.Millisecond))
	scaleTo(t, m2.base, "web", 1)
	running(t, procs, 1)
	send(t, m1, syscall.SIGCONT)
	awaitLeader(t, m1, "m2")
	scaleTo(t, m1.base, "web", 2)
	running(t, procs, 2)
	for _, asked := range []*contender{m1, m2} {
		var m state.Manifest
		harness.Must(t, "GET", asked.base+"/v1/node/n1/manifest", nil, &m)
		if m.Term != term || m.Writer != "m2" {
			t.Errorf("%s has a manifest of %s, of term %d; want m2, %d", asked.name, m.Writer, m.Term, term)
		}
	}
	var event struct {
		Total int `json:"total"`
	}
	harness.Must(t, "POST", m1.base+"/v1/event/_count", []byte("kind:manifest.rejected"), &event)
	if event.Total > 0 {
		t.Errorf("the agent had to refuse %d manifests", event.Total)
	}
	editThroughBoth(t, m1, m2)
}

// editThroughBoth has many people edit through two masters at one time: nothing is lost.
func editThroughBoth(t *testing.T, masters ...*contender) {
	const writers, each = 4, 10
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for k := range each {
				name, at := fmt.Sprintf("edit-%d-%d", i, k), masters[(i+k)%len(masters)].base
				body := fmt.Appendf(nil, `{"name": %q, "toProcess": "true"}`, name)
				if _, err := harness.Call(t.Context(), "POST", at+"/v1/app", body, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, m := range masters {
		harness.Within(t, 30*time.Second, func() error {
			var names []string
			if _, err := harness.Call(t.Context(), "GET", m.base+"/v1/app", nil, &names); err != nil {
				return err
			}
			if len(names) != writers*each+1 { // web
				return fmt.Errorf("%s has %d apps", m.name, len(names))
			}
			return nil
		})
	}
}

// The README's section on two masters works word for word.
func TestE2EReadmeTwoMasters(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"./agent/stathub-agent", "./master/stathub-master"} {
		if err := os.Symlink(harness.Build(t, program), filepath.Join(home, "bin", filepath.Base(program))); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // the agent is killed in the end
		if tree, _ := cgroup.Open("n1", filepath.Join(home, ".stat_agent"), cgroup.Sources{}); tree != nil {
			tree.Close()
		}
	})
	one, other, agent := strconv.Itoa(freePort(t)), strconv.Itoa(freePort(t)), strconv.Itoa(freePort(t))
	m1, m2 := &contender{name: "m1", base: "http://127.0.0.1:" + one}, &contender{name: "m2", base: "http://127.0.0.1:" + other}
	shell := openTerminal(t, home, "HOME="+home, "STATHUB_SERVER_PORT="+agent)
	procs := "/v1/app/hello/proc?full=true"
	var first []state.Proc
	steps := []struct {
		name string
		done func(out string)
	}{
		{"start", func(string) { awaitLeader(t, m2, "m1") }},
		{"ask", func(out string) {
			if !strings.Contains(out, `"holder": "m1"`) || !strings.Contains(out, `"leads": false`) || !strings.Contains(out, m1.base) {
				t.Errorf("the follower says %s", out)
			}
		}},
		{"edit", func(string) { first = running(t, m2.base+procs, 2) }},
		{"kill", func(string) {
			if term := awaitLeader(t, m2, "m2"); term != 2 {
				t.Errorf("the term is %d", term)
			}
			after := running(t, m2.base+procs, 3)
			for _, p := range first {
				if !slices.ContainsFunc(after, func(q state.Proc) bool { return q.PID == p.PID }) {
					t.Errorf("the takeover ended %+v", p)
				}
			}
		}},
		{"stop", func(string) {
			awaitLeader(t, m1, "m1")
			running(t, m1.base+procs, 3)
		}},
	}
	blocks := section(t, "Two masters")
	if len(blocks) != len(steps) {
		t.Fatalf("the section has %d blocks, this test %d steps", len(blocks), len(steps))
	}
	for i, step := range steps {
		t.Log(step.name)
		step.done(shell.run(strings.NewReplacer("51026", one, "51036", other).Replace(blocks[i])))
	}
}

// The local stack with two masters says where both are, and goes on when the one that leads is killed.
func TestE2ELocalstackTwoMasters(t *testing.T) {
	l := runLocal(t, t.TempDir(), "--masters=2", "--agents=1")
	t.Cleanup(func() { l.Stop(t) })
	m := regexp.MustCompile(`master-2 +(http://127\.0\.0\.1:\d+)`).FindStringSubmatch(l.Output())
	if m == nil {
		t.Fatalf("the stack does not say where its second master is: %s", l.Output())
	}
	second := &contender{name: "master-2", base: m[1]}
	ready(t, second.base)
	who, err := second.asks()
	if err != nil || who.Leader.Holder == "" {
		t.Fatalf("the second master says %+v, %v", who, err)
	}
	before := l.procs(t, sampleName, sampleScale)
	sleeper(t, second.base, "other", 1)
	l.procs(t, "other", 1)
	same(t, "an app through the second master", before, l.procs(t, sampleName, sampleScale), sampleScale)
}
