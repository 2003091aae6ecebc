//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stathub/localstack/harness"
)

// saves are the ways in which editors and tools replace the content of a file, as their system calls show them; pause is the
// time that a slow disk or a person takes in between.
var saves = []struct {
	name string
	save func(path, text string, pause func()) error
}{
	{"vim: the old one away, then a new one", func(path, text string, pause func()) error {
		return steps(pause,
			func() error { return os.WriteFile(beside(path, ".", ".swp"), []byte("b0VIM 9.1"), 0o600) },
			func() error { return os.WriteFile(filepath.Join(filepath.Dir(path), "4913"), nil, 0o600) },
			func() error { return os.Remove(filepath.Join(filepath.Dir(path), "4913")) },
			func() error { return os.Rename(path, path+"~") },
			func() error { return os.WriteFile(path, []byte(text), 0o644) },
			func() error { return os.Remove(path + "~") },
			func() error { return os.Remove(beside(path, ".", ".swp")) })
	}},
	{"emacs: a link and an auto-save beside it", func(path, text string, pause func()) error {
		return steps(pause,
			func() error { return os.Symlink("me@host.1234:1", beside(path, ".#", "")) },
			func() error { return os.WriteFile(beside(path, "#", "#"), []byte(text[:len(text)/2]), 0o600) },
			func() error { return os.Rename(path, path+"~") },
			func() error { return os.WriteFile(path, []byte(text), 0o644) },
			func() error { return os.Remove(beside(path, ".#", "")) },
			func() error { return os.Remove(beside(path, "#", "#")) })
	}},
	{"backup by a hard link, then in place", func(path, text string, pause func()) error {
		_ = os.Remove(path + "~")
		return steps(pause,
			func() error { return os.Link(path, path+"~") },
			func() error { return slowly(path, text, pause) })
	}},
	{"nano: in place, slowly", slowly},
	{"VS Code, sed -i: a temporary file over it", func(path, text string, pause func()) error {
		temporary := filepath.Join(filepath.Dir(path), "sedAbC123")
		return steps(pause,
			func() error { return os.WriteFile(temporary, []byte(text), 0o644) },
			func() error { return os.Rename(temporary, path) })
	}},
	{"rsync: a hidden one over it", func(path, text string, pause func()) error {
		hidden := beside(path, ".", ".XyZ987")
		return steps(pause,
			func() error { return os.WriteFile(hidden, []byte(text[:len(text)/2]), 0o600) },
			func() error { return os.WriteFile(hidden, []byte(text), 0o644) },
			func() error { return os.Rename(hidden, path) })
	}},
}

func beside(path, before, after string) string {
	return filepath.Join(filepath.Dir(path), before+filepath.Base(path)+after)
}

func steps(pause func(), all ...func() error) error {
	for _, step := range all {
		if err := step(); err != nil {
			return err
		}
		pause()
	}
	return nil
}

// slowly truncates a file and writes it in three parts.
func slowly(path, text string, pause func()) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	third := len(text) / 3
	for _, part := range []string{text[:third], text[third : 2*third], text[2*third:]} {
		pause()
		if _, err := f.WriteString(part); err != nil {
			return err
		}
	}
	return nil
}

// However an editor saves a document, with time enough in between for everybody to look: nothing is stopped or restarted,
// nothing is taken for gone, nobody writes over it, and what was saved holds.
func TestE2EEditors(t *testing.T) {
	t.Parallel()
	b := &bucket{t: t, dir: t.TempDir()}
	b.base = startMaster(t, "--state.url=file://"+b.dir, "--poll=200ms")
	b.agent("n1")
	b.write("apps/web.json", `{"toProcess": "sleep 1000", "start": true, "description": "v"}`)
	b.write("choreos/web.json", `{"query": "*", "scale": 2}`)
	before := b.procs("web", 2, nil)
	b.edit("manifests/n1.json", `"apps": [`, `"apps": [{"app": {"name": "mine", "toProcess": "sleep 2000", "description": "v"}}, `)
	mine := b.procs("mine", 1, nil)
	pause := func() { time.Sleep(250 * time.Millisecond) } // a person's pace: more than a poll
	for i, editor := range saves {
		t.Log(editor.name)
		for _, key := range []string{"apps/web.json", "manifests/n1.json"} {
			note := fmt.Sprintf(`"note": "%d"`, i)
			text := strings.Replace(b.read(key), "{", "{"+note+", ", 1)
			if at := strings.Index(text, fmt.Sprintf(`"note": "%d"`, i-1)); at >= 0 { // one at a time
				text = strings.Replace(b.read(key), fmt.Sprintf(`"note": "%d"`, i-1), note, 1)
			}
			if err := editor.save(b.path(key), text, pause); err != nil {
				t.Fatalf("%s: %v", editor.name, err)
			}
			b.shows("/v1/bucket/"+key, strings.ReplaceAll(note, " ", ""))
			if got := b.procs("web", 2, nil); got["n1/web.0"].PID != before["n1/web.0"].PID || got["n1/web.1"].PID != before["n1/web.1"].PID {
				t.Errorf("%s, %s: restarted: %+v, before %+v", editor.name, key, got, before)
			}
			if got := b.procs("mine", 1, nil); got["n1/mine.0"].PID != mine["n1/mine.0"].PID {
				t.Errorf("%s, %s: restarted: %+v, before %+v", editor.name, key, got, mine)
			}
		}
	}
	realEditors(b)
	if got := b.procs("mine", 1, nil); got["n1/mine.0"].PID != mine["n1/mine.0"].PID || got["n1/mine.0"].Restarts != 0 {
		t.Errorf("restarted: %+v, before %+v", got, mine)
	}
	for _, kind := range []string{"app.lost", "entry.kept", "manifest.replaced", "app.removed", "app.moved", "instance.stop"} {
		var found struct{ Total int }
		harness.Must(t, "GET", b.base+"/v1/event/_search?kind="+kind, nil, &found)
		if found.Total != 0 {
			t.Errorf("%d events %s", found.Total, kind)
		}
	}
}

// realEditors edits with what is installed.
func realEditors(b *bucket) {
	b.t.Helper()
	for name, command := range map[string][]string{
		"vim": {"-u", "NONE", "-es", "-c", `%s/"description": "v[a-z]*"/"description": "vim"/`, "-c", "wq"},
		"sed": {"-i", `s/"description": "v[a-z]*"/"description": "vsed"/`},
	} {
		program, err := exec.LookPath(name)
		if err != nil {
			b.t.Logf("there is no %s", name)
			continue
		}
		for _, key := range []string{"apps/web.json", "manifests/n1.json"} {
			if out, err := exec.Command(program, append(command, b.path(key))...).CombinedOutput(); err != nil {
				b.t.Errorf("%s: %v: %s", name, err, out)
			}
		}
		b.shows("/v1/app/web", map[string]string{"vim": `"description":"vim"`, "sed": `"description":"vsed"`}[name])
	}
}
