package airgap

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"stathub/state"
)

const (
	batch = "events/2026-01-02/ship-1/01JH0000000000000000000000.jsonl"
	crash = "crashes/ship-1/web.0-20260102T030405Z.txt"
)

func report(node, at string) string {
	return `{"node": "` + node + `", "updatedAt": "` + at + `", "facts": {"hostname": "bridge"}}`
}

func (w *world) imports() Imported {
	w.t.Helper()
	w.told = nil
	done, err := Import(w.t.Context(), ImportOptions{From: w.folder, To: w.bucket, Tell: w.tell})
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	w.write("reports/ship-1.json", report("ship-1", "2026-01-02T00:00:00Z"))
	w.write(batch, "{}\n")
	w.write(crash, "it died")
	w.write("reports/.DS_Store", "x")
	w.write("events/2026-01-02/ship-1/.swp", "x")
	if done := w.imports(); done != (Imported{Reports: 1, Events: 1, Crashes: 1}) {
		t.Errorf("it did %+v: %q", done, w.told)
	}
	if w.get("reports/ship-1.json") != w.file("reports/ship-1.json") || w.get(batch) != "{}\n" || w.get(crash) != "it died" {
		t.Error("it is not there")
	}
	before := w.bucket.Counts()["put"]
	if done := w.imports(); done != (Imported{Known: 3}) {
		t.Errorf("again it did %+v", done)
	}
	if n := w.bucket.Counts()["put"] - before; n > 2 { // a batch is tried to be written, which fails: that is the cheapest question
		t.Errorf("again it wrote %d times", n)
	}
}

func TestImportKeepsTheNewest(t *testing.T) {
	for _, tt := range []struct {
		name, there, carried string
		taken                bool
	}{
		{"none there", "", "2026-01-02T00:00:00Z", true},
		{"older there", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", true},
		{"as old there", "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", false},
		{"from the future there", "2999-01-02T00:00:00Z", "2020-01-02T00:00:00Z", true},
		{"both from the future", "2999-01-02T00:00:00Z", "2998-01-02T00:00:00Z", false},
		{"newer there", "2026-01-02T00:00:00.001Z", "2026-01-02T00:00:00Z", false},
		{"no time carried", "2026-01-02T00:00:00Z", "0001-01-01T00:00:00Z", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.there != "" {
				w.put("reports/a.json", report("a", tt.there))
			}
			w.write("reports/a.json", report("a", tt.carried))
			w.imports()
			if got := w.get("reports/a.json") == w.file("reports/a.json") && tt.there != tt.carried; got != tt.taken {
				t.Errorf("taken: %v", got)
			}
		})
	}
	w := newWorld(t)
	w.put("reports/a.json", "{")
	w.write("reports/a.json", report("a", "2026-01-02T00:00:00Z"))
	if done := w.imports(); done.Reports != 1 {
		t.Errorf("over an unreadable one: %+v", done)
	}
}

// Another writer may come between: its report counts, too.
func TestImportLosesRaces(t *testing.T) {
	w := newWorld(t)
	w.put("reports/a.json", report("a", "2026-01-01T00:00:00Z"))
	w.write("reports/a.json", report("a", "2026-01-02T00:00:00Z"))
	raced := false
	w.bucket.Fail(func(op, key string) error {
		if op == "put" && !raced {
			raced = true
			w.put("reports/a.json", report("a", "2026-01-03T00:00:00Z"))
		}
		return nil
	})
	if done := w.imports(); done.Reports != 0 || done.Known != 1 || !strings.Contains(w.get("reports/a.json"), "01-03") {
		t.Errorf("it did %+v: %s", done, w.get("reports/a.json"))
	}
	w.bucket.Fail(func(op, key string) error {
		return state.Errorf(state.Unavailable, key, "away")
	})
	if _, err := Import(t.Context(), ImportOptions{From: w.folder, To: w.bucket, Tell: w.tell}); state.CodeOf(err) != state.Unavailable {
		t.Errorf("a bucket that is away: %v", err)
	}
}

// A stick may come from anybody.
func TestImportFromStrangers(t *testing.T) {
	w := newWorld(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(report("linked", "2026-01-02T00:00:00Z")), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		"reports/bad name.json":  report("bad name", "2026-01-02T00:00:00Z"),
		"reports/other.json":     report("another", "2026-01-02T00:00:00Z"),
		"reports/torn.json":      `{"node": "to`,
		"reports/deep.json":      strings.Repeat("[", 1000),
		"reports/sub/x.json":     report("x", "2026-01-02T00:00:00Z"),
		"reports/online.json":    report("online", "2026-01-02T00:00:00Z"),
		"reports/detached.json":  report("detached", "2026-01-02T00:00:00Z"),
		"reports/was-there.json": report("was-there", "2026-01-02T00:00:00Z"),
		"nodes/mine.json":        `{"id": "mine"}`,
		"manifests/online.json":  `{"apps": []}`,
		"apps/evil.json":         `{"name": "evil"}`,
		batch:                    "{}\n", // of a node without a report
		crash:                    "x",
		"crashes/online/web.0-20260102T030405Z.txt": "x",
	} {
		w.write(path, text)
	}
	w.write("reports/huge.json", "")
	if err := os.Truncate(filepath.Join(w.folder, "reports", "huge.json"), 1<<40); err != nil {
		w.write("reports/huge.json", strings.Repeat(" ", state.MaxDocument+1))
	}
	links := os.Symlink(secret, filepath.Join(w.folder, "reports", "linked.json")) == nil
	w.put("nodes/online.json", `{"state": "up"}`)
	w.put("nodes/detached.json", `{"state": "up", "detached": true}`)
	w.put("nodes/was-there.json", `{"state": "down"}`)
	done := w.imports()
	if done != (Imported{Reports: 2, Refused: 8}) {
		t.Errorf("it did %+v:\n%s", done, strings.Join(w.told, "\n"))
	}
	for e, err := range w.bucket.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Key {
		case "nodes/online.json", "nodes/detached.json", "nodes/was-there.json", "reports/detached.json", "reports/was-there.json":
		default:
			t.Errorf("%s was imported (links: %v)", e.Key, links)
		}
	}
}

func TestImportOfNothing(t *testing.T) {
	w := newWorld(t)
	if done := w.imports(); done != (Imported{}) {
		t.Errorf("it did %+v", done)
	}
	w.folder = filepath.Join(w.folder, "gone")
	if _, err := Import(t.Context(), ImportOptions{From: w.folder, To: w.bucket, Tell: w.tell}); state.CodeOf(err) != state.Invalid {
		t.Errorf("no folder: %v", err)
	}
}
