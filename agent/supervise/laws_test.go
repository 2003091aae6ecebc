package supervise

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

// A bucket that somebody emptied stops nothing: the report is written again, and manifests that come back are followed.
func TestBucketIsEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		s := &sometimes{Store: n.store, costly: true, hints: make(chan struct{})}
		n.opts.Store, n.opts.Poll = s, 5*time.Second
		n.start()
		defer func() { n.stop() }()
		good := `{"term":3,"generation":7,` + two[1:]
		put(t, n, good)
		time.Sleep(time.Hour) // looks are rare by now
		n.settle()
		before := n.wantRunning("n/a.0", "n/a.1")
		for e := range n.store.List(t.Context(), "") {
			_ = n.store.Delete(t.Context(), e.Key, "")
		}
		time.Sleep(40 * time.Second)
		n.settle()
		r := n.stored()
		if len(r.Instances) != 2 || r.Manifest.Generation != 7 || r.Manifest.Term != 3 || !strings.Contains(strings.Join(r.Errors, "\n"), "no manifests/n.json in the bucket any more") {
			t.Errorf("reported %+v, %q", r.Manifest, r.Errors)
		}
		time.Sleep(24 * time.Hour)
		put(t, n, good)
		time.Sleep(time.Minute)
		after := n.wantRunning("n/a.0", "n/a.1")
		if after["n/a.0"] != before["n/a.0"] || after["n/a.1"] != before["n/a.1"] {
			t.Error("an instance was restarted")
		}
		if errs := n.stored().Errors; len(errs) > 0 {
			t.Errorf("still told: %q", errs)
		}
		put(t, n, `{"term":4,"generation":8,"apps":[]}`)
		time.Sleep(time.Minute)
		n.wantRunning()
	})
}

// A bucket that was replaced by an old copy is not followed back in time, before and after a restart of the agent; a
// master that goes on from there writes a higher term, and is followed.
func TestBucketIsAnOldCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(`{"term":3,"generation":7,"apps":[]}`)
		time.Sleep(time.Second)
		copied := map[string]string{}
		for e := range n.store.List(t.Context(), "") {
			data, _, err := state.Read(t.Context(), n.store, e.Key, "", state.MaxDocument)
			if err != nil {
				t.Fatal(err)
			}
			copied[e.Key] = string(data)
		}
		n.manifest(`{"term":4,"generation":12,` + two[1:])
		before := n.wantRunning("n/a.0", "n/a.1")
		for e := range n.store.List(t.Context(), "") {
			_ = n.store.Delete(t.Context(), e.Key, "")
		}
		for key, text := range copied {
			put := func() error {
				_, err := state.Write(t.Context(), n.store, key, []byte(text), state.Condition{})
				return err
			}
			if err := put(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		n.settle()
		if m := n.stored().Manifest; m.Term != 4 || m.Generation != 12 || !strings.Contains(m.Error, "an old master wrote it") {
			t.Errorf("reported %+v", m)
		}
		n.stop()
		n.start()
		defer func() { n.stop() }()
		time.Sleep(time.Minute)
		n.settle()
		if m := n.stored().Manifest; m.Term != 4 || !strings.Contains(m.Error, "an old master wrote it") {
			t.Errorf("after a restart: %+v", m)
		}
		if strings.Contains(kindsOf(n.told()), "node.doubled") {
			t.Error("an old report is taken for another agent's")
		}
		after := n.wantRunning("n/a.0", "n/a.1")
		if after["n/a.0"] != before["n/a.0"] || after["n/a.1"] != before["n/a.1"] {
			t.Error("an instance was restarted")
		}
		n.manifest(`{"term":5,"generation":13,` + onlyA[1:])
		n.wantRunning("n/a.0")
		if m := n.stored().Manifest; m.Term != 5 || m.Error != "" {
			t.Errorf("reported %+v", m)
		}
	})
}

// A person's manifest, which has no term, does not make the agent forget which terms it saw, a restart later either.
func TestTermsAreRememberedPastAPersonsManifest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		n.manifest(`{"term":4,"generation":12,` + two[1:])
		n.manifest(onlyA)
		n.wantRunning("n/a.0")
		n.stop()
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"term":3,"generation":99,"apps":[]}`)
		n.wantRunning("n/a.0")
		if m := n.stored().Manifest; !strings.Contains(m.Error, "an old master wrote it") {
			t.Errorf("reported %+v", m)
		}
	})
}

// A manifest that is half written, wherever it ends, stops nothing.
func TestHalfWrittenManifests(t *testing.T) {
	good := running(1, 7, 2)
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(good)
		before := n.wantRunning("n/a.0", "n/a.1")
		for at := range good {
			for _, text := range []string{
				good[:at],
				good[:at] + strings.Repeat("\x00", len(good)-at), // of a file system that lost power
				good + good[at:], // written in place over a longer one
			} {
				n.manifest(text)
				if got := n.Report().Manifest; got.Error == "" || got.Generation != 7 {
					t.Fatalf("%q is reported as %+v", text, got)
				}
				n.manifest(good)
				if after := n.runner.pids(); after["n/a.0"] != before["n/a.0"] || after["n/a.1"] != before["n/a.1"] || len(after) != 2 {
					t.Fatalf("%q stops or restarts instances: %v", text, after)
				}
			}
		}
	})
}

// A clock that is off by a day, either way, when an agent starts changes nothing: what runs goes on, what crashed comes
// back after its wait, and the bucket hears of the node.
func TestClockIsOffByADay(t *testing.T) {
	stamp := regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z`)
	for _, off := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(48 * time.Hour) // of the year 2000: there must be a yesterday
				n := newNode(t)
				n.start()
				n.manifest(`{"apps":[{"app":{"name":"a","toProcess":"run"}},{"app":{"name":"b","toProcess":"run"}},{"app":{"name":"c","toProcess":"/missing"}}]}`)
				for range 4 {
					n.runner.end(n.runner.identity("n/b.0"), proc.Exit{Code: 1})
					time.Sleep(2 * time.Second)
				}
				time.Sleep(time.Minute)
				n.runner.end(n.runner.identity("n/b.0"), proc.Exit{Code: 1})
				n.settle()
				before := n.runner.identity("n/a.0")
				n.stop()
				files, _ := os.ReadDir(n.paths.runs())
				for _, f := range files {
					path := n.paths.runs() + "/" + f.Name()
					data, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					moved := stamp.ReplaceAllFunc(data, func(text []byte) []byte {
						at, err := time.Parse(time.RFC3339Nano, string(text))
						if err != nil || at.Year() < 2000 {
							return text
						}
						return []byte(at.Add(off).Format(time.RFC3339Nano))
					})
					if err := os.WriteFile(path, moved, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				began := time.Now()
				n.start()
				defer func() { n.stop() }()
				for n.runner.identity("n/b.0").PID == 0 {
					if time.Since(began) > time.Minute {
						t.Fatal("what crashed is not started any more")
					}
					time.Sleep(time.Second)
				}
				missing := len(n.runner.startsOf("n/c.0"))
				time.Sleep(3 * time.Minute)
				n.settle()
				if more := len(n.runner.startsOf("n/c.0")) - missing; more < 2 || more > 20 {
					t.Errorf("%d tries of what cannot start in three minutes", more)
				}
				if n.runner.identity("n/a.0") != before {
					t.Error("what ran was restarted")
				}
				if r := n.stored(); time.Since(r.UpdatedAt) > 4*time.Minute || len(r.Instances) != 3 {
					t.Errorf("the report is of %v", r.UpdatedAt)
				}
			})
		})
	}
}
