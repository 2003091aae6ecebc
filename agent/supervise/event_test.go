package supervise

import (
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

// told gives the events in the bucket, oldest first.
func (n *node) told() (all []state.Event) {
	n.t.Helper()
	last := ""
	for e, err := range n.store.List(n.t.Context(), "events/") {
		if err != nil {
			n.t.Fatal(err)
		}
		data, _, err := state.Read(n.t.Context(), n.store, e.Key, "", state.MaxDocument)
		if err != nil {
			n.t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			e, err := state.Decode[state.Event]("", []byte(line))
			if err != nil {
				n.t.Fatal(err)
			}
			if e.ID <= last {
				n.t.Errorf("event %s %q comes after %s", e.ID, e.Message, last)
			}
			last = e.ID
			all = append(all, *e)
		}
	}
	return all
}

func kindsOf(all []state.Event) string {
	var kinds []string
	for _, e := range all {
		kinds = append(kinds, strings.TrimPrefix(e.Kind, "instance."))
	}
	return strings.Join(kinds, " ")
}

func (n *node) wantKinds(want string) []state.Event {
	n.t.Helper()
	all := n.told()
	if got := kindsOf(all); got != want {
		n.t.Errorf("events in the bucket:\n%s\nwant:\n%s", got, want)
	}
	return all
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(onlyA)
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 3})
		n.settle()
		n.manifest("{")
		n.manifest(`{"generation":8,"apps":[]}`)
		time.Sleep(10 * time.Second)
		n.stop()
		all := n.wantKinds("agent.start manifest.followed start exit start manifest.rejected manifest.followed stop agent.stop")
		exit := all[3]
		if exit.App != "a" || exit.Instance != "n/a.0" || exit.Node != "n" || exit.Writer != "n" || !strings.Contains(exit.Message, "exit code 3") {
			t.Errorf("exit: %+v", exit)
		}
		if text := all[5].Message; !strings.Contains(text, "manifests/n.json") || !strings.Contains(text, "line 1 column") {
			t.Errorf("rejected: %s", text)
		}
		if text := all[7].Message; !strings.Contains(text, "no longer in the manifest") {
			t.Errorf("stop: %s", text)
		}
		latest := n.Events(2)
		if len(latest) != 2 || latest[0].Kind != "agent.stop" || latest[1].Kind != "instance.stop" {
			t.Errorf("latest: %+v", latest)
		}
	})
}

func TestStoreEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(onlyA)
		n.store.Fail(func(string, string) error { return errors.New("no route to host") })
		time.Sleep(10 * time.Minute)
		n.store.Fail(nil)
		time.Sleep(time.Minute)
		n.settle()
		n.wantKinds("agent.start manifest.followed start store.lost store.back")
	})
}

// An instance that crashes all the time costs a handful of documents, and no more than one crash a minute is kept.
func TestCrashLoopIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run","restart":{"maxBackoffSeconds":0.1}}}]}`)
		before := n.store.Counts()["put"]
		exits := 0
		for end := time.Now().Add(4 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if id := n.runner.identity("n/a.0"); id.PID != 0 {
				n.runner.end(id, proc.Exit{Code: 1})
				exits++
			}
		}
		n.settle()
		events, crashes := 0, 0
		for e := range n.store.List(t.Context(), "") {
			switch {
			case strings.HasPrefix(e.Key, "events/"):
				events++
			case strings.HasPrefix(e.Key, "crashes/"):
				crashes++
			}
		}
		puts := n.store.Counts()["put"] - before
		if exits < 800 || events > 10 || crashes != 4 {
			t.Errorf("%d exits in four minutes: %d documents of events, %d of crashes, %d writes in all", exits, events, crashes, puts)
		}
		n.stop()
		told := 0
		for _, e := range n.told() {
			if e.Kind == "instance.exit" {
				told += max(1, e.Count)
			}
		}
		if told != exits {
			t.Errorf("%d of %d exits are told", told, exits)
		}
	})
}

func TestCrashesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(two)
		for stream, text := range map[string]string{"stdout": "working\n", "stderr": "panic: out of luck\n"} {
			if err := os.WriteFile(n.paths.log("a", 0, stream), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Signal: 11})
		n.runner.end(n.runner.identity("n/a.1"), proc.Exit{Code: 0}) // nothing wrong with that
		time.Sleep(10 * time.Second)
		n.manifest(`{"apps":[]}`) // asked for
		time.Sleep(10 * time.Second)
		n.settle()
		var keys []string
		for e := range n.store.List(t.Context(), "crashes/") {
			keys = append(keys, e.Key)
		}
		if len(keys) != 1 || !strings.HasPrefix(keys[0], "crashes/n/a.0-") {
			t.Fatalf("crashes: %v", keys)
		}
		data, _, err := state.Read(t.Context(), n.store, keys[0], "", state.MaxDocument)
		if text := string(data); err != nil || !strings.Contains(text, "killed by signal 11") ||
			!strings.Contains(text, "panic: out of luck") || !strings.Contains(text, "working") {
			t.Errorf("%v: %s", err, data)
		}
		if !slices.ContainsFunc(n.told(), func(e state.Event) bool {
			return e.Kind == "instance.exit" && strings.Contains(e.Message, keys[0])
		}) {
			t.Error("no event says where the last output is")
		}
		kept := n.Crashes()
		if len(kept) != 1 || kept[0].Name != filepath.Base(keys[0]) {
			t.Fatalf("kept: %+v", kept)
		}
		if again, err := n.Crash(kept[0].Name); err != nil || string(again) != string(data) {
			t.Errorf("%v: %s", err, again)
		}
	})
}

// The machine goes down and comes up with neither bucket nor master: all runs again from what is on disk, and what
// happened meanwhile is told when the bucket is back: in order, and once.
func TestRebootWithoutBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		boot := n.runner.boot
		n.runner.boot = "an earlier one"
		n.start()
		n.manifest(`{"generation":5,"apps":[{"app":{"name":"a","toProcess":"run","uris":["http://up/x"]},"count":3},{"app":{"name":"b","toProcess":"run"}}]}`)
		ids := []string{"n/a.0", "n/a.1", "n/a.2", "n/b.0"}
		n.wantRunning(ids...)
		time.Sleep(time.Minute)
		n.store.Fail(func(string, string) error { return state.Errorf(state.Unavailable, "", "no route to host") })
		n.runner.end(n.runner.identity("n/b.0"), proc.Exit{Code: 1})
		n.settle()
		n.stop()

		n.runner = newFakeRunner(t) // nothing runs
		n.runner.boot, n.opts.Runner = boot, n.runner
		up := time.Now()
		n.start()
		n.wantRunning(ids...)
		for _, id := range ids {
			if took := n.runner.startsOf(id)[0].Sub(up); took > time.Second {
				t.Errorf("%s ran only after %v", id, took)
			}
		}
		n.runner.end(n.runner.identity("n/a.1"), proc.Exit{Code: 2})
		time.Sleep(3 * time.Hour)
		n.wantRunning(ids...)
		puts := n.store.Counts()["put"]
		n.store.Fail(nil)
		time.Sleep(time.Minute)
		n.settle()
		n.stop()
		r := n.stored()
		if len(r.Instances) != 4 || r.Manifest.Generation != 5 || r.Manifest.Error != "" {
			t.Errorf("reported: %+v", r.Manifest)
		}
		for _, i := range r.Instances {
			if restarted := map[string]int{"n/a.1": 1, "n/b.0": 1}[i.ID]; i.State != state.Running || i.Restarts != restarted {
				t.Errorf("%s is %s after %d restarts", i.ID, i.State, i.Restarts)
			}
		}
		all := n.wantKinds("agent.start manifest.followed start start start start exit start agent.stop " +
			"agent.start store.lost start start start start exit start store.back agent.stop")
		t.Log(len(all), "events,", n.store.Counts()["put"]-puts, "writes when the bucket was back")
	})
}
