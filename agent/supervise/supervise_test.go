package supervise

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

const two = `{"apps":[{"app":{"name":"a","toProcess":"run","ports":[0]},"count":2}]}`

func TestFollowsTheManifest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.wantRunning()
		n.manifest(two)
		before := n.wantRunning("n/a.0", "n/a.1")
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run","ports":[0]},"count":3}, {"app":{"name":"b","toProcess":"run"}}]}`)
		after := n.wantRunning("n/a.0", "n/a.1", "n/a.2", "n/b.0")
		if after["n/a.0"] != before["n/a.0"] || after["n/a.1"] != before["n/a.1"] {
			t.Error("an instance that did not change was restarted")
		}
		ports := n.instance("n/a.0").Ports
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run","ports":[0],"args":["x"]},"count":1}]}`)
		changed := n.wantRunning("n/a.0")
		if changed["n/a.0"] == before["n/a.0"] {
			t.Error("a changed instance was not restarted")
		}
		if got := n.instance("n/a.0"); !slices.Equal(got.Ports, ports) || got.Restarts != 0 || got.State != state.Running {
			t.Errorf("after the change: %+v", got)
		}
		n.manifest(`{"apps":[]}`)
		n.wantRunning()
		if got := n.stored().Instances; len(got) != 0 {
			t.Errorf("still reported: %v", got)
		}
		if files, _ := os.ReadDir(n.dir + "/work"); len(files) > 0 {
			t.Errorf("working folders are left: %v", files)
		}
	})
}

func TestEnvironmentOfAProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.opts.Hostname = "h"
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"envs":{"ZONE":"z1","HIDDEN":"node"},"apps":[{"app":{"name":"a","toProcess":"run","ports":[0,80],
			"envs":{"HIDDEN":"app","URL":"http://${NODE_HOSTNAME}:${PORT_2}/${ZONE}"},"args":["${PORT}","${INSTANCE}","${UNKNOWN}"]}}]}`)
		n.runner.mu.Lock()
		defer n.runner.mu.Unlock()
		for _, spec := range n.runner.live {
			if got := strings.Join(spec.Argv, " "); got != "run 20001 a.0 ${UNKNOWN}" {
				t.Errorf("argv %q", got)
			}
			for name, want := range map[string]string{
				"PATH": "/bin", "STATHUB_SECRET": "", "ZONE": "z1", "HIDDEN": "app", "PORT": "20001", "PORT_1": "20001", "PORT_2": "80",
				"URL": "http://h:80/z1", "NODE_ID": "n", "APP_NAME": "a", "INSTANCE": "a.0", "STATHUB_INSTANCE": "n/a.0",
			} {
				if got := env(spec, name); got != want {
					t.Errorf("%s=%q, want %q", name, got, want)
				}
			}
		}
	})
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run"}}]}`)
		for range 4 { // waits: 0, 1, 2, 4 s
			for n.runner.identity("n/a.0").PID == 0 {
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
			}
			n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 1})
			synctest.Wait()
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		starts := n.runner.startsOf("n/a.0")
		if len(starts) != 5 {
			t.Fatalf("%d starts", len(starts))
		}
		for k, want := range []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second} {
			if got := starts[k+1].Sub(starts[k]); got < want || got > want+400*time.Millisecond {
				t.Errorf("wait %d was %v, want %v", k+1, got, want)
			}
		}
		n.settle()
		if got := n.instance("n/a.0"); got.Restarts != 4 || got.LastExit == nil || got.LastExit.Code != 1 {
			t.Errorf("reported: %+v", got)
		}
		time.Sleep(2 * state.GoodRunning)
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Signal: 9})
		n.settle()
		n.wantRunning("n/a.0") // at once again, after good running
	})
}

func TestCannotStart(t *testing.T) {
	tests := []struct{ name, app, reason string }{
		{"missing program", `{"name":"bad","toProcess":"/missing"}`, `cannot find program "/missing": no such file`},
		{"port in use", `{"name":"bad","toProcess":"run","ports":[8080]}`, "port 8080 is in use"},
		{"port of another instance", `{"name":"bad","toProcess":"run","ports":[81]}`, "port 81 is in use by instance n/good.0"},
		{"unreachable artifact", `{"name":"bad","toProcess":"run","uris":["http://down/x"]}`, "connection refused"},
		{"folder outside", `{"name":"bad","toProcess":"run","workingDirectory":"../.."}`, "must stay inside"},
		{"file in the way", `{"name":"bad","toProcess":"run","workingDirectory":"/dev/null/x"}`, "cannot make the working directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.busy[8080] = true
				n.start()
				defer func() { n.stop() }()
				n.manifest(`{"apps":[{"app":{"name":"good","toProcess":"run","ports":[81]}}]}`)
				n.manifest(`{"apps":[{"app":{"name":"good","toProcess":"run","ports":[81]}},{"app":` + tt.app + `}]}`)
				n.wantRunning("n/good.0")
				got := n.instance("n/bad.0")
				if got.State != state.Backoff || !strings.Contains(got.Reason, tt.reason) || !strings.Contains(got.LastExit.Reason, tt.reason) {
					t.Errorf("got %s: %s", got.State, got.Reason)
				}
				time.Sleep(time.Minute)
				n.settle()
				if text := n.log.String(); strings.Count(text, "cannot start") != 1 {
					t.Errorf("logged other than once:\n%s", text)
				}
				n.busy[8080] = false
				n.manifest(`{"apps":[{"app":{"name":"good","toProcess":"run","ports":[81]}},{"app":{"name":"bad","toProcess":"run"}}]}`)
				n.wantRunning("n/good.0", "n/bad.0") // at once when the spec changes
			})
		})
	}
}

func TestPortPassesToWhoWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps":[{"app":{"name":"old","toProcess":"run","ports":[80]}}]}`)
		n.manifest(`{"apps":[{"app":{"name":"new","toProcess":"run","ports":[80]}}]}`)
		n.wantRunning("n/new.0")
	})
}

func TestBadManifestStopsNothing(t *testing.T) {
	tests := []struct{ name, text, problem string }{
		{"empty", "", "empty"},
		{"truncated", two[:40], "ends too early"},
		{"not JSON", "apps:\n", "line 1 column 1"},
		{"wrong type", `{"apps":[{"app":{"name":7}}]}`, "apps[0].app.name: must be a string"},
		{"null", "null", "not null"},
		{"NUL bytes", strings.Repeat("\x00", 100), "line 1 column 1"},
		{"another node's", `{"node":"m","apps":[]}`, `is "m"`},
		{"no apps", `{"node":"n","aps":[]}`, `no list "apps"`},
		{"no sense", `{"apps":[{"app":{"name":"a","toProcess":"x"},"count":-1}]}`, "apps[0].count"},
		{"old term", `{"term":2,"apps":[]}`, "term 2"},
		{"garbage of 50 MB", strings.Repeat("x", 50<<20), "larger than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t)
				n.start()
				defer func() { n.stop() }()
				good := `{"term":3,"generation":7,` + two[1:]
				n.manifest(good)
				before := n.wantRunning("n/a.0", "n/a.1")
				n.manifest(tt.text)
				got := n.stored().Manifest
				if !strings.Contains(got.Error, tt.problem) || !strings.Contains(got.Error, "manifests/n.json") || got.Generation != 7 {
					t.Errorf("reported %+v, want %q", got, tt.problem)
				}
				time.Sleep(time.Minute)
				n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 1})
				n.settle()
				after := n.wantRunning("n/a.0", "n/a.1")
				if after["n/a.1"] != before["n/a.1"] {
					t.Error("an instance was restarted")
				}
				if got := strings.Count(n.log.String(), "cannot be followed"); got != 1 {
					t.Errorf("logged %d times", got)
				}
				n.manifest(good)
				if got := n.stored().Manifest; got.Error != "" {
					t.Errorf("the problem stays: %+v", got)
				}
				if err := n.store.Delete(t.Context(), "manifests/n.json", ""); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				n.wantRunning("n/a.0", "n/a.1")
			})
		})
	}
}

func TestStoreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(two)
		before := n.wantRunning("n/a.0", "n/a.1")
		n.store.Fail(func(op, key string) error { return errors.New("no route to host") })
		time.Sleep(10 * time.Minute)
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 1})
		n.settle()
		n.wantRunning("n/a.0", "n/a.1")
		n.stop()
		for _, text := range []string{"cannot read the manifest", "cannot write the heartbeat"} {
			if got := strings.Count(n.log.String(), text); got != 1 {
				t.Errorf("%q was logged %d times", text, got)
			}
		}

		n.start() // with no bucket at all
		n.wantRunning("n/a.0", "n/a.1")
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 1})
		time.Sleep(5 * time.Second)
		n.settle()
		if after := n.wantRunning("n/a.0", "n/a.1"); after["n/a.1"] != before["n/a.1"] {
			t.Error("an instance was restarted")
		}
		if got := n.Report().Errors; len(got) == 0 {
			t.Error("the report does not say that the bucket is out of reach")
		}
		n.store.Fail(nil)
		time.Sleep(time.Minute)
		n.settle()
		if got := n.stored(); len(got.Errors) > 0 || len(got.Instances) != 2 {
			t.Errorf("after the outage: %+v", got)
		}
		n.stop()
	})
}

func TestStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"deaf","killSignal":2,"killTimeoutSeconds":7}}]}`)
		n.manifest(`{"apps":[]}`)
		time.Sleep(6 * time.Second)
		n.wantRunning("n/a.0")
		if got := n.instance("n/a.0"); got.State != state.Stopping {
			t.Errorf("state %s", got.State)
		}
		time.Sleep(time.Second)
		n.settle()
		n.wantRunning()
		if n.runner.signals[0] != 2 || !slices.Contains(n.runner.signals, 9) {
			t.Errorf("signals %v", n.runner.signals)
		}
	})
}

func TestCalledOffStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.opts.Artifacts = fakeArtifacts{block: make(chan struct{})}
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run","uris":["http://x/y"]}}]}`)
		if got := n.instance("n/a.0"); got.State != state.Fetching {
			t.Errorf("state %s", got.State)
		}
		n.manifest(`{"apps":[]}`)
		if got := n.stored().Instances; len(got) != 0 {
			t.Errorf("still there: %+v", got)
		}
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run","uris":["http://x/y"]}}]}`)
		n.stop() // in the middle of a start
		n.wantRunning()
	})
}

func TestStopOnExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.opts.StopOnExit = true
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"deaf","killTimeoutSeconds":20},"count":5}]}`)
		began := time.Now()
		n.stop()
		n.wantRunning()
		if took := time.Since(began); took < 20*time.Second || took > 22*time.Second {
			t.Errorf("took %v: not all at once", took)
		}
		n.start()
		n.wantRunning("n/a.0", "n/a.1", "n/a.2", "n/a.3", "n/a.4")
		if got := n.instance("n/a.0"); got.Restarts != 0 {
			t.Errorf("counted as a restart: %+v", got)
		}
		n.stop()
	})
}

func TestKillAndLogPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(two)
		pid := n.runner.identity("n/a.0").PID
		path, err := n.LogPath("", pid, "stdout")
		if err != nil || path != filepath.Join(n.dir, "logs", "a.0", "stdout.log") {
			t.Errorf("path %q, %v", path, err)
		}
		if named, err := n.LogPath("a.0", 0, "stdout"); err != nil || named != path {
			t.Errorf("by its name: path %q, %v", named, err)
		}
		if err := n.Kill(t.Context(), pid, 9); err != nil {
			t.Fatal(err)
		}
		n.settle()
		if after := n.wantRunning("n/a.0", "n/a.1"); after["n/a.0"] == pid {
			t.Error("it was not killed")
		}
		for _, call := range []struct {
			err  error
			code state.Code
		}{
			{n.Kill(t.Context(), 1, 9), state.NotFound}, {n.Kill(t.Context(), 0, 9), state.NotFound},
			{n.Kill(t.Context(), pid, 99), state.Invalid}, {second(n.LogPath("", 1, "stdout")), state.NotFound},
			{second(n.LogPath("", pid, "../x")), state.Invalid},
			{second(n.LogPath("a.9", 0, "stdout")), state.NotFound}, {second(n.LogPath("../a.0", 0, "stdout")), state.NotFound},
		} {
			if state.CodeOf(call.err) != call.code {
				t.Errorf("%v: code %s, want %s", call.err, state.CodeOf(call.err), call.code)
			}
		}
		n.stop()
		if got := n.Report(); len(got.Instances) != 2 {
			t.Error("no report after the end")
		}
		if m, _ := n.Manifest(); m == nil {
			t.Error("no manifest after the end")
		}
	})
}

func second(_ string, err error) error { return err }

func TestLateEventsAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run"}}]}`)
		n.call(func() {
			i := n.instances["n/a.0"]
			n.started(i, i.gen-1, launched{err: context.DeadlineExceeded})
			n.stopped(i, i.gen-1)
			n.stopped(i, i.gen)
			n.forgotten(i, i.gen-1)
		})
		n.settle()
		n.wantRunning("n/a.0")
		if got := n.instance("n/a.0"); got.State != state.Running {
			t.Errorf("state %s", got.State)
		}
		n.stop()
	})
}
