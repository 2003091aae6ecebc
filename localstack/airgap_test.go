//go:build linux

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"stathub/localstack/harness"
	"stathub/state"
)

// The README's section on the air gap works word for word; the agent has neither a network to the master nor one to the
// sources of its files. Then the stick is tampered with.
func TestE2EReadmeAirGap(t *testing.T) {
	for _, program := range []string{"curl", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s", program)
		}
	}
	home, master, agent := t.TempDir(), strconv.Itoa(freePort(t)), strconv.Itoa(freePort(t))
	for name, pkg := range map[string]string{
		"stathub": "./master/stathub", "stathub-master": "./master/stathub-master", "stathub-agent": "./agent/stathub-agent",
	} {
		link(t, harness.Build(t, pkg), filepath.Join(home, "bin", name))
	}
	charts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "here be dragons") }))
	t.Cleanup(charts.Close)
	shell := openTerminal(t, home, "HOME="+home)
	shell.run("make() { test \"$*\" = build; }") // it was built above
	base, procs := "http://127.0.0.1:"+master, "http://127.0.0.1:"+agent+"/v1/proc"
	stick := filepath.Join(home, "stick")

	var before []state.Proc
	steps := []struct {
		name string
		done func(out string)
	}{
		{"a key and a master", func(string) { ready(t, base) }},
		{"the node and its app", func(string) {
			harness.Within(t, 30*time.Second, func() error {
				var m state.Manifest
				if _, err := harness.Call(t.Context(), "GET", base+"/v1/node/ship-1/manifest", nil, &m); err != nil {
					return err
				}
				if m.Entry("ahoy").Instances() != 1 {
					return fmt.Errorf("the manifest is %+v", m)
				}
				return nil
			})
			wantDetached(t, base)
		}},
		{"export", func(out string) {
			if strings.Count(out, ": OK\n") != 4 || !strings.Contains(out, "exported 1 manifests and 2 artifacts") {
				t.Errorf("it printed %s", out)
			}
			charts.Close()
		}},
		{"the ship", func(string) {
			before = running(t, procs, 1)
			if chart, err := os.ReadFile(filepath.Join(home, ".stat_agent", "work", "ahoy.0", "chart.txt")); err != nil || string(chart) != "here be dragons" {
				t.Errorf("the chart is %q, %v", chart, err)
			}
			wantReport(t, stick, func(r *state.Report) bool { return len(r.Instances) == 1 && r.Instances[0].PID == before[0].PID })
		}},
		{"import", func(out string) {
			if !strings.Contains(out, "imported 1 reports") {
				t.Errorf("it printed %s", out)
			}
			running(t, base+"/v1/app/ahoy/proc?full=true", 1)
		}},
	}
	blocks := section(t, "Air gap")
	if len(blocks) != len(steps) {
		t.Fatalf("the section has %d blocks, this test %d steps", len(blocks), len(steps))
	}
	for i, step := range steps {
		block := strings.NewReplacer("127.0.0.1:51026", "127.0.0.1:"+master, "https://example.org", charts.URL,
			"bin/stathub-master", "bin/stathub-master --server.port="+master,
			"bin/stathub-agent", "bin/stathub-agent --server.port="+agent).Replace(blocks[i])
		t.Log(step.name)
		step.done(shell.run(block))
	}
	var node state.Node
	harness.Must(t, "GET", base+"/v1/node/ship-1", nil, &node)
	if node.Hostname == "" || node.State != state.NodeUp || node.LastSeen.IsZero() {
		t.Errorf("after the import the node is %+v", node)
	}
	tamper(t, stick, procs, before[0].PID)
}

func link(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(from, to); err != nil {
		t.Fatal(err)
	}
}

// wantDetached looks for the node as people do.
func wantDetached(t *testing.T, base string) {
	t.Helper()
	var found struct {
		Total int          `json:"total"`
		Rows  []state.Node `json:"rows"`
	}
	harness.Must(t, "POST", base+"/v1/node/_search", []byte("detached:true AND tags:ship"), &found)
	if found.Total != 1 || found.Rows[0].ID != "ship-1" || !found.Rows[0].Detached || found.Rows[0].State != state.NodeUp {
		t.Errorf("the search finds %+v", found)
	}
	out, err := exec.Command("curl", "-s", base+"/nodes").Output()
	if err != nil || !strings.Contains(string(out), ">detached<") {
		t.Errorf("the page does not say so: %v", err)
	}
}

func wantReport(t *testing.T, stick string, fits func(*state.Report) bool) {
	t.Helper()
	harness.Within(t, 30*time.Second, func() error {
		data, err := os.ReadFile(filepath.Join(stick, "reports", "ship-1.json"))
		if err != nil {
			return err
		}
		r, err := state.Decode[state.Report]("reports/ship-1.json", data)
		if err == nil && !fits(r) {
			err = fmt.Errorf("it is %s", data)
		}
		return err
	})
}

// tamper changes the manifest on the stick: nothing of that is followed, and nothing stops.
func tamper(t *testing.T, stick, procs string, pid int) {
	t.Helper()
	path := filepath.Join(stick, "manifests", "ship-1.json")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(string(good), "sh ahoy.sh", "sh evil.sh", 1))
	wantReport(t, stick, func(r *state.Report) bool { return strings.Contains(r.Manifest.Error, "signature") })
	if after := running(t, procs, 1); after[0].PID != pid {
		t.Errorf("process %d became %d", pid, after[0].PID)
	}
	write(string(good))
	wantReport(t, stick, func(r *state.Report) bool { return r.Manifest.Error == "" })
	if err := os.Remove(path + ".minisig"); err != nil {
		t.Fatal(err)
	}
	write(string(good) + "\n")
	wantReport(t, stick, func(r *state.Report) bool { return strings.Contains(r.Manifest.Error, "not signed") })
	if after := running(t, procs, 1); after[0].PID != pid {
		t.Errorf("process %d became %d", pid, after[0].PID)
	}
}
