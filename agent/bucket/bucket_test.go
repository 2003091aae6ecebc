package bucket

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
	"stathub/state/memstore"
)

// world has a bucket, a place for reports, and two masters, all in memory; Open finds them by the names that it gives them.
type world struct {
	truth, reports *memstore.Store
	masters        [2]*gateway
	log            bytes.Buffer
}

func newWorld() *world {
	w := &world{truth: memstore.New(), reports: memstore.New()}
	for k := range w.masters {
		w.masters[k] = &gateway{Store: w.truth}
	}
	return w
}

// guard puts the stores of the world in the place of those that were opened.
func (w *world) guard(name string, _ state.Store) state.Store {
	return map[string]state.Store{"bucket": w.truth, "report": w.reports, "master": w.masters[0], "master2": w.masters[1]}[name]
}

func (w *world) open(t *testing.T, o Options) *Bucket {
	t.Helper()
	o.Node, o.Guard, o.Log, o.Jitter = "n", w.guard, slog.New(slog.NewTextHandler(&w.log, nil)), func() float64 { return 0.5 }
	b, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

var both = []string{"http://m1:1", "http://m2:1"}

var own = []string{"reports/n.json", "heartbeats/n", "events/2026-01-01/n/01HZZZZZZZZZZZZZZZZZZZZZZZ.jsonl", "crashes/n/a.0-20260101T000000Z.txt"}

func TestWhereThingsGo(t *testing.T) {
	others := []string{"manifests/n.json", "manifests/n.json.minisig", "artifacts/x", "reports/other.json", "crashes/nn/x"}
	for _, tt := range []struct {
		name       string
		o          Options
		out, truth bool // what the agent writes lies at the place for reports, or in the bucket
		waits      bool
	}{
		{"a directory", Options{URL: "mem://"}, false, true, false},
		{"masters", Options{Masters: both}, false, true, true},
		{"a bucket, and reports elsewhere", Options{URL: "mem://", Report: "mem:"}, true, false, false},
		{"masters, and reports elsewhere", Options{Masters: both, Report: "mem:"}, true, false, true},
		{"reports to the bucket by name", Options{URL: "mem://", Report: "mem://"}, false, true, false},
		{"nowhere", Options{URL: "mem://", Report: Nowhere}, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			b := w.open(t, tt.o)
			if b.CanWait() != tt.waits || b.Costly() || b.Hinting() {
				t.Errorf("waits %t, costly %t, hinting %t", b.CanWait(), b.Costly(), b.Hinting())
			}
			for _, key := range own {
				_, err := state.Write(t.Context(), b, key, []byte(key), state.Condition{})
				if want := tt.out || tt.truth; (err == nil) != want {
					t.Errorf("writing %s: %v", key, err)
				}
				if key == "heartbeats/n" && len(tt.o.Masters) > 0 && !tt.out {
					continue // the gateway of the test keeps it to itself
				}
				for s, want := range map[*memstore.Store]bool{w.truth: tt.truth, w.reports: tt.out} {
					if _, err := s.Get(t.Context(), key, ""); (err == nil) != want {
						t.Errorf("%s: %v", key, err)
					}
				}
				if _, err := b.Get(t.Context(), key, ""); (err == nil) != (tt.out || tt.truth) || err != nil && state.CodeOf(err) != state.NotFound {
					t.Errorf("reading %s: %v", key, err)
				}
			}
			for _, key := range others {
				write(t, w.truth, key, "x")
				if got := read(t, b, key); got != "x" {
					t.Errorf("%s: %q", key, got)
				}
			}
		})
	}
}

func TestWhatIsPaidFor(t *testing.T) {
	for address, want := range map[string]bool{
		"s3://b?region=x": true, "gs://b": true, "azblob://b": true, "file:///d": false, "http://m:1": false, "mem://": false, "": false, Nowhere: false,
	} {
		if isCostly(address) != want {
			t.Errorf("%q: %t", address, !want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, o := range []Options{
		{Node: "n", URL: "ftp://x"}, {Node: "n", Masters: []string{"http://m:1/path"}}, {Node: "n", URL: "mem://", Report: "nope://x"},
		{Node: "n", URL: "mem://", Masters: []string{"http://m:1", "http://"}},
	} {
		if b, err := Open(t.Context(), o); err == nil || b != nil || state.CodeOf(err) != state.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// With a bucket and masters, a change of the manifest is told at once, heartbeats cost the bucket nothing, and without
// masters the bucket has to do.
func TestMastersBesideABucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		write(t, w.truth, "manifests/n.json", "1")
		b := w.open(t, Options{URL: "mem://", Masters: both})
		hints := b.Watch(t.Context(), "manifests/n.json")
		hinted := func() bool {
			time.Sleep(hintFloor)
			synctest.Wait()
			select {
			case <-hints:
				return true
			default:
				return false
			}
		}
		beat := func() {
			t.Helper()
			if _, err := state.Write(t.Context(), b, "heartbeats/n", []byte("alive"), state.Condition{}); err != nil {
				t.Error(err)
			}
		}
		inBucket := func() bool {
			_, err := w.truth.Get(t.Context(), "heartbeats/n", "")
			return err == nil
		}
		if !hinted() || !b.Hinting() {
			t.Error("masters answer, and nobody is told")
		}
		time.Sleep(10 * time.Minute)
		write(t, w.truth, "manifests/n.json", "2")
		if !hinted() {
			t.Error("no hint")
		}
		if beat(); inBucket() || w.masters[0].beats.Load() != 1 {
			t.Error("the heartbeat is in the bucket, though a master answers")
		}
		w.masters[0].away.Store(true)
		time.Sleep(time.Minute)
		if beat(); inBucket() || w.masters[1].beats.Load() != 1 || !b.Hinting() {
			t.Error("the other master is not made use of")
		}
		for hinted() {
		}
		w.masters[1].away.Store(true)
		time.Sleep(hintSpread + 2*time.Second)
		if !hinted() || b.Hinting() {
			t.Error("no master answers, and nobody is told")
		}
		if beat(); !inBucket() {
			t.Error("no heartbeat, though the bucket could take it")
		}
		asked := w.masters[0].asked.Load()
		for range 20 {
			beat()
		}
		if more := w.masters[0].asked.Load() - asked; more > 1 {
			t.Errorf("masters that do not answer are asked %d times for 20 heartbeats", more)
		}
		w.masters[1].away.Store(false)
		time.Sleep(2 * time.Minute)
		if beat(); w.masters[1].beats.Load() != 2 || !b.Hinting() {
			t.Error("a master is back, and is not made use of")
		}
	})
}

// A bucket that may not be written is told of once, and tried now and then.
func TestABucketThatMayNotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		write(t, w.truth, "manifests/n.json", "1")
		var mu sync.Mutex
		readOnly, tries := true, 0
		w.truth.Fail(func(op, key string) error {
			mu.Lock()
			defer mu.Unlock()
			if op != "put" || !readOnly {
				return nil
			}
			tries++
			return state.Errorf(state.Denied, key, "read-only file system")
		})
		b := w.open(t, Options{URL: "mem://"})
		for range 3600 {
			_, err := state.Write(t.Context(), b, "reports/n.json", []byte("x"), state.Condition{})
			if state.CodeOf(err) != state.Denied || !strings.Contains(err.Error(), "--report.url") {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if got := strings.Count(w.log.String(), "level=WARN"); got != 1 || !strings.Contains(w.log.String(), "--report.url=none") {
			t.Errorf("%d warnings:\n%s", got, &w.log)
		}
		if tries > 13 {
			t.Errorf("%d tries in an hour", tries)
		}
		if got := read(t, b, "manifests/n.json"); got != "1" {
			t.Errorf("the manifest: %q", got)
		}
		mu.Lock()
		readOnly = false
		mu.Unlock()
		time.Sleep(2 * deniedPause)
		write(t, b, "reports/n.json", "x")
		if got := read(t, b, "reports/n.json"); got != "x" || !strings.Contains(w.log.String(), "written again") {
			t.Errorf("%q\n%s", got, &w.log)
		}
	})
}

func TestWatchEndsWithTheBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		b := w.open(t, Options{URL: "mem://", Masters: both})
		ctx, cancel := context.WithCancel(t.Context())
		first := b.Watch(ctx, "manifests/n.json")
		cancel()
		for range first {
		}
		second := b.Watch(t.Context(), "manifests/n.json")
		_ = b.Close()
		for range second {
		}
	})
}
