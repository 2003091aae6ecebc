package crash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

func newKeeper(dir string, store state.Store) *Keeper {
	return New(Options{
		Node: "n", Dir: dir, Store: store, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler),
	})
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// keep keeps the k-th crash of an instance, each two minutes after the one before.
func keep(t *testing.T, k *Keeper, app string, n, nth int) string {
	t.Helper()
	at := noon.Add(time.Duration(nth) * 2 * time.Minute)
	name := k.Claim(app, n, at)
	if name == "" {
		t.Fatalf("crash %d of %s.%d is not to be kept", nth, app, n)
	}
	k.Keep(name, Crash{Node: "n", App: app, N: n, PID: 7, Exit: state.Exit{Code: 1, At: at, Reason: "exit code 1"}})
	return name
}

func keys(t *testing.T, s state.Store) (all []string) {
	t.Helper()
	for e, err := range s.List(t.Context(), "crashes/") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Key)
	}
	return all
}

func TestDocument(t *testing.T) {
	dir := t.TempDir()
	stderr, stdout := filepath.Join(dir, "stderr.log"), filepath.Join(dir, "stdout.log")
	long := strings.Repeat("0123456789abcde\n", maxOutput/16+100)
	if err := errors.Join(os.WriteFile(stderr, []byte("panic: \xff no\nof the next process\n"), 0o600), os.WriteFile(stdout, []byte(long), 0o600)); err != nil {
		t.Fatal(err)
	}
	c := Crash{
		Node: "n", App: "a", N: 2, PID: 7, Started: noon, Spec: "s1",
		Exit: state.Exit{Code: -1, Signal: 11, At: noon.Add(time.Minute), Reason: "killed by signal 11"},
		Output: []Output{
			{"stderr", stderr, int64(len("panic: \xff no\n"))}, {"stdout", stdout, int64(len(long))}, {"none", filepath.Join(dir, "x"), 0},
		},
	}
	text := string(c.document())
	head := `instance: n/a.2
reason:   killed by signal 11
code:     -1
signal:   11
pid:      7
started:  2026-01-02T12:00:00Z
ended:    2026-01-02T12:01:00Z
spec:     s1

==== stderr: all 12 bytes ====
` + "panic: \xff no\n" + `
==== stdout: the last 65536 bytes ====
0123456789abcde
`
	if !strings.HasPrefix(text, head) || !strings.HasSuffix(text, "abcde\n\n==== none: nothing ====\n") {
		t.Errorf("it begins with %q", text[:min(len(text), len(head)+20)])
	}
}

func TestSentAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, store := filepath.Join(t.TempDir(), "crashes"), memstore.New()
		k := newKeeper(dir, store)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); k.Run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if c := store.Counts(); c["put"]+c["delete"]+c["list"]+c["get"] != 0 {
			t.Errorf("requests while nothing happened: %v", c)
		}
		var names []string
		for nth := range 8 {
			names = append(names, keep(t, k, "a", 0, nth))
		}
		other := keep(t, k, "b", 0, 0)
		time.Sleep(time.Minute)
		synctest.Wait()
		got := keys(t, store)
		if len(got) != perInstance+1 || got[0] != "crashes/n/"+names[3] || got[5] != "crashes/n/"+other {
			t.Errorf("in the bucket: %v", got)
		}
		keep(t, k, "a", 0, 8)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := keys(t, store); len(got) != perInstance+1 || got[0] != "crashes/n/"+names[4] {
			t.Errorf("in the bucket after one more: %v", got)
		}
		cancel()
		<-done
		list := k.List()
		if len(list) != perInstance+1 || list[0].Instance != "n/a.0" || !list[0].At.After(list[1].At) {
			t.Errorf("kept here: %+v", list)
		}
		if text, err := k.Read(list[0].Name); err != nil || !strings.Contains(string(text), "exit code 1") {
			t.Errorf("%v: %s", err, text)
		}
		for _, name := range []string{"../n", "x", "a.0-20260102T150405Z.txt"} {
			if _, err := k.Read(name); state.CodeOf(err) != state.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Without a bucket crashes are kept, bounded, and sent later by another agent; a write whose answer was lost is not
// written again.
func TestBucketAway(t *testing.T) {
	dir, store := t.TempDir(), memstore.New()
	store.Fail(func(op, _ string) error { return errors.New("no route to host") })
	k := newKeeper(dir, store)
	for nth := range 20 {
		keep(t, k, "a", 0, nth)
	}
	if _, err := k.step(t.Context()); state.CodeOf(err) != state.Unavailable {
		t.Fatal(err)
	}
	if n := len(k.List()); n != perInstance {
		t.Errorf("%d are kept", n)
	}
	store.Fail(func(op, _ string) error {
		if op == "put-applied" {
			return errors.New("connection reset")
		}
		return nil
	})
	if _, err := k.step(t.Context()); err == nil {
		t.Fatal("a lost answer is no error")
	}
	store.Fail(nil)
	k = newKeeper(dir, store)
	k.recall()
	if name := k.Claim("a", 0, noon.Add(38*time.Minute+time.Second)); name != "" {
		t.Error("a later agent keeps one more within the minute")
	}
	k.End(t.Context())
	if got := keys(t, store); len(got) != perInstance || store.Counts()["put"] != perInstance+2 {
		t.Errorf("in the bucket: %v after %v", got, store.Counts())
	}
	before := store.Counts()["put"]
	k = newKeeper(dir, store)
	k.End(t.Context())
	if n := store.Counts()["put"] - before; n != 0 {
		t.Errorf("%d were sent again", n)
	}
}

func TestDiskAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crashes")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file in its place
		t.Fatal(err)
	}
	store := memstore.New()
	k := newKeeper(dir, store)
	for n := range 3 * maxMemory {
		keep(t, k, "a", n, n)
	}
	if n := len(k.List()); n != maxMemory {
		t.Errorf("%d are kept in memory", n)
	}
	k.End(t.Context())
	if n := len(keys(t, store)); n != maxMemory || len(k.List()) != 0 {
		t.Errorf("%d are in the bucket, %d still here", n, len(k.List()))
	}
}

func TestOneAMinute(t *testing.T) {
	k := newKeeper(t.TempDir(), nil)
	for _, tc := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {time.Second, false}, {59 * time.Second, false}, {time.Minute, true}, {90 * time.Second, false}, {-time.Hour, true}} {
		if got := k.Claim("a", 0, noon.Add(tc.after)) != ""; got != tc.want {
			t.Errorf("after %v: %v", tc.after, got)
		}
	}
	if k.Claim("a", 1, noon) == "" {
		t.Error("another instance has to wait")
	}
}

func TestManyInstances(t *testing.T) {
	k := newKeeper(t.TempDir(), memstore.New())
	for n := range perNode + 50 {
		keep(t, k, fmt.Sprint("app", n), 0, n)
	}
	if _, err := k.step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := k.List(); len(list) != perNode || list[0].App != fmt.Sprint("app", perNode+49) {
		t.Errorf("%d are kept, the latest of %s", len(list), list[0].App)
	}
}
