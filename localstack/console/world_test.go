// Package console has the tests of both consoles in a real browser, over the real programs.
package console

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"stathub/localstack/console/browser"
	"stathub/localstack/harness"
	"stathub/localstack/miniosrv"
	"stathub/state"
)

// chromium is the browser of all tests: to start one takes longer than most tests do.
var chromium browser.Browser

func TestMain(m *testing.M) {
	harness.Main(m, chromium.Close)
}

// world is a master with agents, as people run them.
type world struct {
	base   string // of the master
	master *harness.Program
	args   []string // of the master
	env    []string // of all programs
	agents []*harness.Program
	files  string // the URL of a folder with the sample
}

// directory is a world on a plain directory.
func directory(t testing.TB, agents int) *world {
	t.Helper()
	return newWorld(t, agents, nil, "--state.url=file://"+t.TempDir())
}

// onMinIO is a world on an S3 bucket.
func onMinIO(t testing.TB, agents int) *world {
	t.Helper()
	s, err := miniosrv.Start(t.Context(), t.TempDir(), miniosrv.Options{Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	if err := s.CreateBucket(t.Context(), "stathub"); err != nil {
		t.Fatal(err)
	}
	return newWorld(t, agents, s.Env(), "--state.url="+s.StateURL("stathub"))
}

func newWorld(t testing.TB, agents int, env []string, args ...string) *world {
	t.Helper()
	browser.Need(t)
	w := &world{env: env, args: append(args, "--store.directory="+t.TempDir())}
	w.startMaster(t, "--server.port=0")
	files := httptest.NewServer(http.FileServer(http.Dir("../sample")))
	t.Cleanup(files.Close)
	w.files = files.URL
	for i := range agents {
		w.startAgent(t, fmt.Sprintf("n%d", i+1))
	}
	await(t, "POST", w.base+"/v1/node/_search", "state:up", func(found struct {
		Total int `json:"total"`
	}) error {
		if found.Total != agents {
			return fmt.Errorf("%d of %d agents are up", found.Total, agents)
		}
		return nil
	})
	return w
}

func (w *world) startMaster(t testing.TB, port string) {
	t.Helper()
	w.master = harness.Start(t, w.env, harness.Build(t, "./master/stathub-master"), append([]string{port}, w.args...)...)
	w.base = w.master.URL(t)
	harness.Within(t, 2*time.Minute, func() error {
		_, err := harness.Call(t.Context(), "GET", w.base+"/readyz", nil, nil)
		return err
	})
}

// startAgent starts an agent with the tags that its name and number give; it stops its processes at the end of the test.
func (w *world) startAgent(t testing.TB, id string) {
	t.Helper()
	a := harness.Start(t, w.env, harness.Build(t, "./agent/stathub-agent"), "--server.port=0", "--stop.on.exit=true",
		"--master.address="+w.base, "--store.directory="+t.TempDir(), "--node.id="+id, "--node.tags=appserver,rack-"+id)
	t.Cleanup(func() { a.Stop(t) })
	w.agents = append(w.agents, a)
}

// await asks an API until check is content with the answer.
func await[T any](t testing.TB, method, url, body string, check func(T) error) {
	t.Helper()
	harness.Within(t, 2*time.Minute, func() error {
		var answer T
		if _, err := harness.Call(t.Context(), method, url, []byte(body), &answer); err != nil {
			return err
		}
		return check(answer)
	})
}

// running waits until so many instances of an app run, and gives them.
func (w *world) running(t testing.TB, app string, n int) (procs []state.Proc) {
	t.Helper()
	await(t, "GET", w.base+"/v1/app/"+app+"/proc?full=true", "", func(all []state.Proc) error {
		procs = all
		for _, p := range all {
			if !p.State.Live() || p.State == state.Stopping || !harness.Running(p.PID) {
				return fmt.Errorf("%s is %s: %s", p.Instance, p.State, p.Reason)
			}
		}
		if len(all) != n {
			return fmt.Errorf("%d instances of %s run, want %d", len(all), app, n)
		}
		return nil
	})
	return procs
}

// call sends a request that has to succeed.
func (w *world) call(t testing.TB, method, path, body string) {
	t.Helper()
	harness.Must(t, method, w.base+path, []byte(body), nil)
}

func read(t testing.TB, resp *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", resp.Request.URL, resp.Status, err)
	}
	return string(data)
}
