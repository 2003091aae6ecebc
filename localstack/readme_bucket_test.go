//go:build linux

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stathub/state"
)

// The README's sections on the bucket work word for word on the stack of `make run`.
func TestE2EReadmeBucket(t *testing.T) {
	for _, program := range []string{"curl", "sed"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s", program)
		}
	}
	home := t.TempDir()
	l := runLocal(t, filepath.Join(home, ".localstack"))
	t.Cleanup(func() { l.Stop(t) })
	l.procs(t, "http_server", sampleScale)
	shell := openTerminal(t, home, "HOME="+home)
	b := &bucket{t: t, dir: filepath.Join(home, ".localstack", "bucket"), base: l.base}
	run := func(block string) string {
		return shell.run(strings.ReplaceAll(block, "127.0.0.1:51026", strings.TrimPrefix(l.base, "http://")))
	}

	looks := section(t, "How the bucket looks")
	out := run(looks[0])
	for _, want := range []string{"apps", "choreos", "reports", "local-1.json", `"toProcess"`, `"scale": 5`} {
		if !strings.Contains(out, want) {
			t.Errorf("the bucket does not show %s: %s", want, out)
		}
	}
	for _, block := range looks[1:] { // of events
		if out := run(block); !strings.Contains(out, "rows") {
			t.Errorf("%s shows %s", block, out)
		}
	}

	edited := func(want int) func(map[string]state.Proc) bool {
		return func(all map[string]state.Proc) bool {
			n := 0
			for _, p := range all {
				if strings.Contains(p.Cmd, "sleep 1001") {
					n++
				}
			}
			return n == want
		}
	}
	steps := []struct {
		name string
		done func(out string)
	}{
		{"deploy", func(string) { b.procs("hi", 3, nil) }},
		{"scale", func(string) {
			b.shows("/v1/app/hi/_scale", "6")
			b.procs("hi", 6, nil)
		}},
		{"pin", func(string) {
			b.shows("/v1/node/local-1/manifest", `"owner":"hand"`)
			b.procs("hi", 6, edited(2))
		}},
		{"release", func(string) {
			b.shows("/v1/node/local-1/manifest", `!"owner":"hand"`)
			b.procs("hi", 6, edited(0))
		}},
		{"mistake", func(string) {
			b.shows("/v1/app/hi", `"key":"apps/hi.json"`)
			b.procs("hi", 6, nil)
		}},
		{"delete", func(out string) {
			if !strings.Contains(out, `"line": 1`) || !strings.Contains(out, `"unreadable"`) {
				t.Errorf("the mistake is shown as %s", out)
			}
			b.procs("hi", 0, nil)
			b.shows("/v1/app", "!hi")
		}},
	}
	blocks := section(t, "Edit by hand")
	if len(blocks) != len(steps) {
		t.Fatalf("the section has %d blocks, this test %d steps", len(blocks), len(steps))
	}
	for i, step := range steps {
		t.Log(step.name)
		step.done(run(blocks[i]))
	}
}
