package supervise

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/artifact"
	"stathub/agent/converge"
	"stathub/agent/proc"
	"stathub/state"
)

// fakeSources gives each URI the revision that the test says.
type fakeSources struct {
	mu      sync.Mutex
	now     map[string]string // what each source has; "" is down
	cache   map[string]string
	latest  map[string]string
	asked   map[string][]time.Time
	placing map[string]error // revisions that cannot be placed
	loading map[string]artifact.Progress
	gate    chan struct{} // not nil: fetches wait for it
	over    artifact.Usage
}

func newFakeSources(uris ...string) *fakeSources {
	f := &fakeSources{
		now: map[string]string{}, cache: map[string]string{}, latest: map[string]string{}, asked: map[string][]time.Time{},
		placing: map[string]error{}, loading: map[string]artifact.Progress{},
	}
	for _, uri := range uris {
		f.now[uri] = "1"
	}
	return f
}

func (f *fakeSources) set(uri, etag string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now[uri] = etag
}

func (f *fakeSources) count(uri string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked[uri])
}

func (f *fakeSources) Fetch(ctx context.Context, uri string) (artifact.File, error) {
	f.mu.Lock()
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return artifact.File{}, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[uri] = append(f.asked[uri], time.Now())
	etag := f.now[uri]
	switch {
	case etag != "":
		f.cache[uri], f.latest[uri] = etag, etag
		return artifact.File{URI: uri, ETag: etag}, nil
	case f.cache[uri] != "":
		return artifact.File{URI: uri, ETag: f.cache[uri], FromCache: true, Note: "cannot fetch " + uri + ": it is down"}, nil
	}
	return artifact.File{}, state.Errorf(state.Unavailable, "", "cannot fetch %s: it is down", uri)
}

func (f *fakeSources) Place(_ context.Context, files []artifact.File, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, file := range files {
		if err := f.placing[file.ETag]; err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeSources) Retain([]string) (artifact.Usage, bool) { return f.over, true }

func (f *fakeSources) Progress(uri string) (artifact.Progress, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.loading[uri]
	return p, ok
}

func (f *fakeSources) Latest(uri string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest[uri]
}

const (
	uriA = "http://h/a.bin"
	uriB = "http://h/b.bin"
)

func newSupplied(t *testing.T, uris ...string) (*node, *fakeSources) {
	n, f := newNode(t), newFakeSources(uris...)
	n.opts.Artifacts = f
	return n, f
}

// after lets time pass.
func (n *node) after(d time.Duration) {
	time.Sleep(d)
	n.settle()
}

// events gives the messages of the events of one kind, oldest first.
func (n *node) events(kind string) (all []string) {
	for _, e := range n.Events(1000) {
		if e.Kind == kind {
			all = append([]string{e.Message}, all...)
		}
	}
	return all
}

func TestChangedArtifactRestartsOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, src := newSupplied(t, uriA, uriB)
		n.start()
		defer func() { n.stop() }()
		n.manifest(fmt.Sprintf(`{"apps":[
			{"app":{"name":"a","toProcess":"run","uris":[%q]},"count":3},
			{"app":{"name":"b","toProcess":"run","uris":[%q]}},
			{"app":{"name":"lazy","toProcess":"run","uris":[%q],"onArtifactChange":"ignore"}},
			{"app":{"name":"once","toProcess":"run","uris":[%q],"restart":{"policy":"never"}}}]}`, uriA, uriB, uriA, uriA))
		ids := []string{"n/a.0", "n/a.1", "n/a.2", "n/b.0", "n/lazy.0", "n/once.0"}
		before := n.wantRunning(ids...)
		asked := src.count(uriA)
		n.after(10 * time.Minute)
		if got := src.count(uriA) - asked; got < 9 || got > 11 {
			t.Errorf("%d polls in ten minutes", got)
		}
		src.set(uriA, "2")
		n.after(2 * time.Minute)
		after := n.wantRunning(ids...)
		for id, pid := range before {
			if uses := strings.HasPrefix(id, "n/a."); (after[id] != pid) != uses {
				t.Errorf("%s: pid %d, then %d", id, pid, after[id])
			}
		}
		var last time.Time
		for _, id := range ids[:3] {
			starts := n.runner.startsOf(id)
			if len(starts) != 2 || starts[1].Sub(last) < 10*time.Second {
				t.Errorf("%s started %v, the one before %v", id, starts, last)
			}
			last = starts[1]
			got := n.instance(id)
			if got.Restarts != 0 || got.State != state.Running || got.Artifacts[0].ETag != "2" || got.Reason != "" {
				t.Errorf("reported: %+v", got)
			}
		}
		if got := n.events("artifact.changed"); len(got) != 3 || !strings.Contains(got[0], "artifact "+uriA+" changed") {
			t.Errorf("events: %q", got)
		}
		n.after(time.Hour)
		n.wantSame(after)
	})
}

// wantSame fails when something was restarted since.
func (n *node) wantSame(before map[string]int) {
	n.t.Helper()
	for id, pid := range n.runner.pids() {
		if before[id] != pid {
			n.t.Errorf("%s was restarted", id)
		}
	}
}

func TestBadArtifactCostsOneInstance(t *testing.T) {
	tests := []struct {
		name string
		fail func(n *node, src *fakeSources)
	}{
		{"cannot be placed", func(_ *node, src *fakeSources) {
			src.placing["bad"] = state.Errorf(state.Invalid, "", "bad archive")
		}},
		{"crashes", func(n *node, _ *fakeSources) {
			stop := time.Now().Add(5 * time.Minute)
			for time.Now().Before(stop) {
				time.Sleep(3 * time.Second)
				if id := n.runner.identity("n/a.0"); len(n.runner.startsOf("n/a.0")) > 1 && id.PID != 0 {
					n.runner.end(id, proc.Exit{Code: 1})
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, src := newSupplied(t, uriA)
				n.start()
				defer func() { n.stop() }()
				n.manifest(fmt.Sprintf(`{"apps":[{"app":{"name":"a","toProcess":"run","uris":[%q]},"count":3}]}`, uriA))
				n.after(time.Minute)
				before := n.wantRunning("n/a.0", "n/a.1", "n/a.2")
				src.set(uriA, "bad")
				tt.fail(n, src)
				n.after(10 * time.Second)
				n.stop() // a later agent goes on where this one was
				n.start()
				if tt.name == "crashes" {
					n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 1})
				}
				n.after(10 * time.Second)
				now := n.runner.pids()
				if now["n/a.1"] != before["n/a.1"] || now["n/a.2"] != before["n/a.2"] {
					t.Fatalf("the others did not stay: %v, then %v", before, now)
				}
				if tt.name == "cannot be placed" {
					n.after(10 * time.Minute)
					now = n.runner.pids()
				}
				if now["n/a.1"] != before["n/a.1"] || now["n/a.2"] != before["n/a.2"] {
					t.Fatalf("the others did not stay: %v, then %v", before, now)
				}
				if tt.name == "cannot be placed" {
					for _, id := range []string{"n/a.1", "n/a.2"} {
						if got := n.instance(id); !strings.Contains(got.Reason, "n/a.0 did not come up well") || got.Artifacts[0].ETag != "1" {
							t.Errorf("%s: %+v", id, got)
						}
					}
					if got := n.events("artifact.held"); len(got) < 2 || len(got) > 4 {
						t.Errorf("events: %q", got)
					}
				}
				src.set(uriA, "good")
				n.after(5 * time.Minute)
				after := n.wantRunning("n/a.0", "n/a.1", "n/a.2")
				for id, pid := range before {
					if got := n.instance(id); after[id] == pid || got.Artifacts[0].ETag != "good" || got.Reason != "" {
						t.Errorf("%s stays at %+v", id, got)
					}
				}
			})
		})
	}
}

func TestChangedArtifactWaitsForHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, checks := newChecked(t)
		src := newFakeSources(uriA)
		n.opts.Artifacts = src
		n.start()
		defer func() { n.stop() }()
		n.manifest(fmt.Sprintf(`{"apps":[{"app":{"name":"a","toProcess":"run","ports":[0],"uris":[%q],"healthChecks":[%s]},"count":2}]}`,
			uriA, `{"protocol":"TCP","initialDelaySeconds":30,"intervalSeconds":10,"timeoutSeconds":1,"maxConsecutiveFailures":30}`))
		n.after(time.Minute)
		before := n.wantRunning("n/a.0", "n/a.1")
		src.set(uriA, "2")
		checks.set(true, false)
		n.after(3 * time.Minute)
		now := n.wantRunning("n/a.0", "n/a.1")
		if now["n/a.0"] == before["n/a.0"] || now["n/a.1"] != before["n/a.1"] {
			t.Fatalf("before %v, now %v", before, now)
		}
		checks.set(false, false)
		n.after(2 * time.Minute)
		if now = n.wantRunning("n/a.0", "n/a.1"); now["n/a.1"] == before["n/a.1"] {
			t.Error("the second one has the old artifact still")
		}
	})
}

func TestSourceGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, src := newSupplied(t, uriA)
		n.start()
		defer func() { n.stop() }()
		n.manifest(fmt.Sprintf(`{"apps":[{"app":{"name":"a","toProcess":"run","uris":[%q]},"count":1}]}`, uriA))
		before := n.wantRunning("n/a.0")
		src.set(uriA, "")
		n.after(time.Hour)
		n.wantSame(before)
		if got := n.events("artifact.failed"); len(got) != 1 || !strings.Contains(got[0], "it is down") {
			t.Errorf("events: %q", got)
		}
		if got := n.instance("n/a.0"); got.Reason != "" {
			t.Errorf("its reason is %q", got.Reason)
		}
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 1})
		n.settle()
		if got := n.instance("n/a.0"); got.State != state.Running || !strings.Contains(got.Reason, "it is down") {
			t.Errorf("started with a copy: %+v", got)
		}
		src.set(uriA, "1")
		now := n.wantRunning("n/a.0")
		n.after(2 * time.Minute)
		n.wantSame(now)
		if got := n.instance("n/a.0"); got.Reason != "" || len(n.events("artifact.back")) != 1 {
			t.Errorf("its source is back: %+v, events %q", got, n.events("artifact.back"))
		}
	})
}

// A later agent compares with what the instance was started with, and leaves alone what it does not know.
func TestChangedArtifactAfterAdoption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, src := newSupplied(t, uriA)
		n.start()
		defer func() { n.stop() }()
		n.manifest(fmt.Sprintf(`{"apps":[{"app":{"name":"a","toProcess":"run","uris":[%q]},"count":2}]}`, uriA))
		before := n.wantRunning("n/a.0", "n/a.1")
		for range 3 {
			n.stop()
			src.latest = map[string]string{}
			n.start()
			n.after(5 * time.Minute)
			n.wantSame(before)
		}
		n.stop()
		src.set(uriA, "2")
		if err := os.Remove(n.Supervisor.paths.run("a", 1)); err != nil {
			t.Fatal(err)
		}
		n.start()
		n.after(5 * time.Minute)
		now := n.wantRunning("n/a.0", "n/a.1")
		if now["n/a.0"] == before["n/a.0"] || now["n/a.1"] != before["n/a.1"] {
			t.Errorf("before %v, now %v", before, now)
		}
	})
}

func TestPinnedIsNotPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pinned := uriA + "#sha256=" + strings.Repeat("0", 64)
		n, src := newSupplied(t, pinned)
		n.start()
		defer func() { n.stop() }()
		n.manifest(fmt.Sprintf(`{"apps":[{"app":{"name":"a","toProcess":"run","uris":[%q]},"count":2}]}`, pinned))
		asked := src.count(pinned)
		n.after(time.Hour)
		if src.count(pinned) != asked {
			t.Errorf("asked %d times", src.count(pinned)-asked)
		}
	})
}

func TestProgressIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, src := newSupplied(t, uriA, uriB)
		src.gate = make(chan struct{})
		n.start()
		defer func() { n.stop() }()
		n.manifest(fmt.Sprintf(`{"apps":[{"app":{"name":"a","toProcess":"run","uris":[%q,%q]},"count":1}]}`, uriB, uriA))
		if got := n.instance("n/a.0"); got.State != state.Fetching || got.Reason != "fetching artifacts" {
			t.Errorf("before anything came: %+v", got)
		}
		for k := range int64(3) {
			src.mu.Lock()
			src.loading[uriA] = artifact.Progress{Done: (34 + k) << 20, Total: 120 << 20}
			src.mu.Unlock()
			n.after(progressEvery)
			want := fmt.Sprintf("fetching %s, %d of 120 MiB", uriA, 34+k)
			got := n.instance("n/a.0")
			if got.Reason != want || len(got.Artifacts) != 2 || got.Artifacts[1].BytesDone != state.Bytes(34+k)<<20 || got.Artifacts[1].BytesTotal != 120<<20 {
				t.Errorf("%+v, want %q", got, want)
			}
		}
		close(src.gate)
		n.settle()
		if got := n.instance("n/a.0"); got.State != state.Running || got.Reason != "" || got.Artifacts[1].ETag != "1" || got.Artifacts[1].BytesDone != 0 {
			t.Errorf("in the end: %+v", got)
		}
	})
}

func TestRenewable(t *testing.T) {
	app := func(onChange string) *spec { return &spec{app: &state.App{OnArtifactChange: onChange}} }
	for _, tt := range []struct {
		name string
		from *spec
		want *converge.Want
		is   bool
	}{
		{"by default", app(""), &converge.Want{}, true},
		{"restart", app("restart"), &converge.Want{}, true},
		{"ignore", app("ignore"), &converge.Want{}, false},
		{"never restarted", app(""), &converge.Want{Policy: converge.Policy{Restart: state.RestartNever}}, false},
		{"a run of a job", app(""), &converge.Want{Job: &converge.Job{}}, false},
		{"held", app(""), &converge.Want{Hold: "x"}, false},
		{"switched off", app(""), &converge.Want{Off: "x"}, false},
		{"no longer wanted", nil, nil, false},
	} {
		if got := renewable(tt.from, tt.want); got != tt.is {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestAmounts(t *testing.T) {
	for _, tt := range []struct {
		done, total int64
		want        string
	}{
		{0, 100, "0 of 100 bytes"}, {5 << 10, 100 << 10, "5 of 100 KiB"}, {34 << 20, 120 << 20, "34 of 120 MiB"},
		{0, 4 << 30, "0 of 4096 MiB"}, {1 << 30, 40 << 30, "1 of 40 GiB"}, {7 << 20, 0, "7168 KiB"}, {70 << 20, 0, "70 MiB"},
	} {
		if got := amounts(tt.done, tt.total); got != tt.want {
			t.Errorf("%d of %d: %q, want %q", tt.done, tt.total, got, tt.want)
		}
	}
}

func TestCacheTooLargeIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, src := newSupplied(t)
		src.over = artifact.Usage{Kept: 3 << 30, Needed: 3 << 30, Max: 1 << 30}
		n.start()
		defer func() { n.stop() }()
		n.manifest(two)
		n.after(5 * time.Hour)
		if got := strings.Join(n.stored().Errors, "; "); !strings.Contains(got, "take 3072 MiB, more than the cache may hold (1024 MiB)") {
			t.Errorf("reported: %q", got)
		}
		if text := n.log.String(); strings.Count(text, "artifact cache") != 1 {
			t.Errorf("logged other than once:\n%s", text)
		}
	})
}
