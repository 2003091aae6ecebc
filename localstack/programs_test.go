//go:build linux

package main

import (
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/localstack/harness"
	"stathub/state"
)

// seedApp is the JSON of seed 5.2.1, with %s for the address of its artifact.
const seedApp = `{
    "name": "http_server",
    "toProcess": "%s",
    "workingDirectory": "%s",
    "envs": {
    },
    "args": [
        "http_server.py"
    ],
    "ports": [
        0,
        0
    ],
    "killSignal": 15,
    "uris": [
        "%s/http_server.py"
    ],
    "healthChecks": [{
            "initialDelaySeconds": 60,
            "intervalSeconds": 20,
            "maxConsecutiveFailures": 3,
            "path": "/",
            "portIndex": 0,
            "protocol": "HTTP",
            "timeoutSeconds": 20
    }],
    "resAlloc": null
}`

// freePort gives a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startMaster runs stathub-master as people do, and gives its URL.
func startMaster(t *testing.T, args ...string) string {
	t.Helper()
	p := harness.Start(t, nil, harness.Build(t, "./master/stathub-master"), append([]string{"--server.port=0", "--store.directory=" + t.TempDir()}, args...)...)
	base := p.URL(t)
	ready(t, base)
	return base
}

// startAgent runs stathub-agent as people do, and gives its URL. It stops its processes at the end of the test.
func startAgent(t *testing.T, args ...string) string {
	t.Helper()
	p := harness.Start(t, nil, harness.Build(t, "./agent/stathub-agent"), append([]string{"--server.port=0", "--stop.on.exit=true"}, args...)...)
	t.Cleanup(func() { p.Stop(t) })
	base := p.URL(t)
	ready(t, base)
	return base
}

func ready(t *testing.T, base string) {
	t.Helper()
	harness.Within(t, 30*time.Second, func() error {
		_, err := harness.Call(t.Context(), "GET", base+"/readyz", nil, nil)
		return err
	})
}

func running(t *testing.T, url string, n int) []state.Proc {
	t.Helper()
	var procs []state.Proc
	harness.Within(t, 30*time.Second, func() error {
		var all []state.Proc
		if _, err := harness.Call(t.Context(), "GET", url, nil, &all); err != nil {
			return err
		}
		procs = nil
		for _, p := range all {
			if p.State.Live() && harness.Running(p.PID) {
				procs = append(procs, p)
			}
		}
		if len(procs) != n || len(all) != n {
			return fmt.Errorf("%d of %d instances run, want %d: %+v", len(procs), len(all), n, all)
		}
		return nil
	})
	return procs
}

// An agent that knows nothing but its master (seed 4.2) gets the seed's app, word for word but for what this machine
// calls its programs, over the master's gateway.
func TestE2ESeedWithMasterAddressOnly(t *testing.T) {
	artifacts := httptest.NewServer(artifactServer().Handler)
	defer artifacts.Close()
	master := startMaster(t)
	agent := startAgent(t, "--master.address="+master, "--store.directory="+t.TempDir(), "--node.id=n1", "--node.tags=appserver,ssd")

	program := "python3"
	if _, found, _ := python(t.TempDir()); !found {
		program = "tail -f" // the file is an argument; that is enough to run
	}
	text := fmt.Sprintf(seedApp, program, t.TempDir(), artifacts.URL)
	harness.Must(t, "POST", master+"/v1/app", []byte(text), nil)
	harness.Must(t, "PUT", master+"/v1/app/http_server/choreo", []byte(`{"app": "http_server", "query": "*", "scale": 2}`), nil)

	// It comes back with the same values.
	var want, got map[string]any
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		t.Fatal(err)
	}
	harness.Must(t, "GET", master+"/v1/app/http_server", nil, &got)
	for name, value := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(value) {
			t.Errorf("%s came back as %v, want %v", name, got[name], value)
		}
	}

	harness.Must(t, "POST", master+"/v1/app/http_server/_start", nil, nil)
	running(t, master+"/v1/app/http_server/proc?full=true", 2)
	own := running(t, agent+"/v1/proc", 2)
	if own[0].App != "http_server" || own[0].Node != "n1" || len(own[0].Ports) != 2 {
		t.Errorf("the agent's own view: %+v", own[0])
	}
	checkSeedNode(t, master+"/v1/node/n1")
	checkSeedNode(t, agent+"/v1/node")
}

// checkSeedNode compares a node's JSON with the shape of seed 5.1.1.
func checkSeedNode(t *testing.T, url string) {
	t.Helper()
	var n map[string]any
	harness.Must(t, "GET", url, nil, &n)
	members := func(what string, v any, names ...string) {
		m, ok := v.(map[string]any)
		if !ok {
			t.Errorf("%s: %s is %T", url, what, v)
			return
		}
		for _, name := range names {
			if _, ok := m[name]; !ok {
				t.Errorf("%s: %s has no %s", url, what, name)
			}
		}
	}
	first := func(name string) any {
		if list, ok := n[name].([]any); ok && len(list) > 0 {
			return list[0]
		}
		return nil
	}
	members("the node", n, "hostname", "agentAddress", "os", "memory", "networks", "disks", "tags", "id", "envs")
	members("os", n["os"], "name", "version", "cpus", "architecture")
	members("memory", n["memory"], "total", "ram")
	members("networks[0]", first("networks"), "address", "name", "mtu", "broadcast", "description", "distination", "flags", "hwaddr", "metric", "netmask", "type")
	members("disks[0]", first("disks"), "dirName", "devName", "flags", "option", "sysTypeName", "type", "typeName", "total")
	host, _ := os.Hostname()
	if n["hostname"] != host || fmt.Sprint(n["tags"]) != "[appserver ssd]" {
		t.Errorf("%s: hostname %v, tags %v", url, n["hostname"], n["tags"])
	}
	if os, ok := n["os"].(map[string]any); !ok || os["cpus"] == 0.0 {
		t.Errorf("%s: os %v", url, n["os"])
	}
}

// A folder with one manifest written by hand is a complete installation.
func TestE2EStandalone(t *testing.T) {
	store := t.TempDir()
	agent := startAgent(t, "--store.directory="+store, "--node.id=alone")
	manifest := filepath.Join(store, "state", "manifests", "alone.json")
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(manifest), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(manifest, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"apps": [{"app": {"name": "hello", "toProcess": "sleep 1000"}, "count": 2}]}`)
	before := running(t, agent+"/v1/proc", 2)

	// Broken documents of every kind stop nothing, and the agent says what is wrong and where.
	for _, broken := range []struct{ name, text, want string }{
		{"truncated", `{"apps": [{"app": {"name": "he`, "line 1 column"},
		{"empty", "", "empty"},
		{"wrong type", `{"apps": 7}`, "apps: must be a list"},
		{"NUL bytes", strings.Repeat("\x00", 100), "not JSON"},
		{"another node's", `{"node": "other", "apps": []}`, `"other"`},
		{"garbage", strings.Repeat("garbage ", 50<<20/8), "larger"},
		{"a folder in its place", "", "folder"},
	} {
		os.RemoveAll(manifest)
		if write(broken.text); broken.want == "folder" {
			os.Remove(manifest)
			if err := os.Mkdir(manifest, 0o750); err != nil {
				t.Fatal(err)
			}
		}
		harness.Within(t, 20*time.Second, func() error {
			data, err := os.ReadFile(filepath.Join(store, "state", "reports", "alone.json"))
			if err != nil {
				return err
			}
			report, err := state.Decode[state.Report]("reports/alone.json", data)
			if err != nil {
				return err
			}
			if !strings.Contains(report.Manifest.Error, broken.want) {
				return fmt.Errorf("%s: the report says %q, want something with %q", broken.name, report.Manifest.Error, broken.want)
			}
			return nil
		})
		if after := running(t, agent+"/v1/proc", 2); after[0].PID+after[1].PID != before[0].PID+before[1].PID {
			t.Fatalf("a manifest that is %s restarted processes", broken.name)
		}
	}
	if err := os.RemoveAll(manifest); err != nil {
		t.Fatal(err)
	}
	write(`{"apps": [{"app": {"name": "hello", "toProcess": "sleep 1000"}, "count": 3}]}`)
	running(t, agent+"/v1/proc", 3)
	write(`{"apps": []}`)
	running(t, agent+"/v1/proc", 0)
}

// What cannot start says why and backs off; what can runs beside it.
func TestE2EFaultyApps(t *testing.T) {
	taken, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	store := t.TempDir()
	manifests := filepath.Join(store, "state", "manifests")
	if err := os.MkdirAll(manifests, 0o750); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{"apps": [
		{"app": {"name": "port", "toProcess": "sleep 1000", "ports": [%d]}},
		{"app": {"name": "user", "toProcess": "sleep 1000", "user": "no-such-user-here"}},
		{"app": {"name": "program", "toProcess": "no-such-program-here"}},
		{"app": {"name": "artifact", "toProcess": "sleep 1000", "uris": ["http://127.0.0.1:1/x"]}},
		{"app": {"name": "folder", "toProcess": "sleep 1000", "workingDirectory": "/dev/null/x"}},
		{"app": {"name": "syntax", "toProcess": "sleep ) 1000"}},
		{"app": {"name": "good", "toProcess": "sleep 1000"}}]}`, port)
	if err := os.WriteFile(filepath.Join(manifests, "n1.json"), []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	agent := startAgent(t, "--store.directory="+store, "--node.id=n1")
	harness.Within(t, 30*time.Second, func() error {
		var procs []state.Proc
		if _, err := harness.Call(t.Context(), "GET", agent+"/v1/proc", nil, &procs); err != nil {
			return err
		}
		want := map[string]string{
			"port": strconv.Itoa(port), "user": "no-such-user-here", "program": "no-such-program-here", "artifact": "http://127.0.0.1:1/x",
			"folder": "/dev/null", "syntax": ")",
		}
		for _, p := range procs {
			if reason, faulty := want[p.App]; faulty && (p.State != state.Backoff || !strings.Contains(p.Reason, reason)) {
				return fmt.Errorf("%s is %s: %q, want backoff with a reason that names %q", p.App, p.State, p.Reason, reason)
			} else if !faulty && p.State != state.Running {
				return fmt.Errorf("%s is %s: %s", p.App, p.State, p.Reason)
			}
		}
		if len(procs) != 7 {
			return fmt.Errorf("%d instances are listed, want 7", len(procs))
		}
		return nil
	})
}
