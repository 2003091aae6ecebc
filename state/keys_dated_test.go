package state

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDatedKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 0).UTC()
		node := rapid.StringMatching(nameForm.String()).Draw(t, "node")
		app := rapid.StringMatching(nameForm.String()).Draw(t, "app")
		n := rapid.IntRange(0, 1<<40).Draw(t, "n")
		name := CrashName(app, n, at)
		gotApp, gotN, gotAt, ok := ParseCrashName(name)
		if !ok || gotApp != app || gotN != n || !gotAt.Equal(at) {
			t.Fatalf("%s is read as %s, %d, %v, %v", name, gotApp, gotN, gotAt, ok)
		}
		if gotNode, gotName, ok := ParseCrashKey(CrashKey(node, name)); !ok || gotNode != node || gotName != name {
			t.Fatalf("%s is read as %s, %s, %v", CrashKey(node, name), gotNode, gotName, ok)
		}
		key := EventKey(at, node, "01ARYZ6S41TSV4RRFFQ69G5FAV")
		if day, writer, ok := ParseEventKey(key); !ok || writer != node || !day.Equal(at.Truncate(24*time.Hour)) {
			t.Fatalf("%s is read as %v, %s, %v", key, day, writer, ok)
		}
	})
	for _, key := range []string{
		"", "events/", "events/2026-01-02", "events/2026-01-02/n/x.jsonl", "events/2026-01-02/n/01ARYZ6S41TSV4RRFFQ69G5FAV.json",
		"events/2026-02-30/n/01ARYZ6S41TSV4RRFFQ69G5FAV.jsonl", "events/2026-01-02/n/m/01ARYZ6S41TSV4RRFFQ69G5FAV.jsonl",
		"events/2026-01-02/.n/01ARYZ6S41TSV4RRFFQ69G5FAV.jsonl", "reports/2026-01-02/n/01ARYZ6S41TSV4RRFFQ69G5FAV.jsonl",
		"events/2026-01-02/n/01ARYZ6S41TSV4RRFFQ69G5FAi.jsonl",
	} {
		if _, _, ok := ParseEventKey(key); ok {
			t.Errorf("%q is taken for the key of events", key)
		}
	}
	for _, key := range []string{
		"", "crashes/", "crashes/n", "crashes/n/a.0.txt", "crashes/n/a.0-20260102T030405Z.log", "crashes/n/a.00-20260102T030405Z.txt",
		"crashes/n/a-20260102T030405Z.txt", "crashes/n/m/a.0-20260102T030405Z.txt", "crashes/n/.a.0-20260102T030405Z.txt",
		"reports/n/a.0-20260102T030405Z.txt", "crashes/n/a.-1-20260102T030405Z.txt",
	} {
		if _, _, ok := ParseCrashKey(key); ok {
			t.Errorf("%q is taken for the key of a crash", key)
		}
	}
}
