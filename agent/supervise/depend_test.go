package supervise

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

// An app starts once what it depends on has run for a moment, and says what it waits for until then.
func TestDependentsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps":[{"app":{"name":"web","toProcess":"run","dependsOn":["db","cache"]},"count":2},{"app":{"name":"db","toProcess":"run"},"count":2}]}`)
		n.wantRunning("n/db.0", "n/db.1")
		if got := n.instance("n/web.0"); got.State != state.Waiting || got.Reason != "waits for db: 0 of 2 instances running" {
			t.Errorf("got %s: %s", got.State, got.Reason)
		}
		n.runner.end(n.runner.identity("n/db.1"), proc.Exit{Code: 1}) // a crash: it must run for a moment once more
		time.Sleep(500 * time.Millisecond)
		n.settle()
		n.wantRunning("n/db.0", "n/db.1")
		time.Sleep(time.Second)
		n.settle()
		before := n.wantRunning("n/db.0", "n/db.1", "n/web.0", "n/web.1")
		if got := n.instance("n/web.1").Reason; got != "it depends on cache, which is not in this node's manifest" {
			t.Errorf("reason %q", got)
		}
		n.stop()
		n.start()
		if got := n.instance("n/web.1").Reason; got != "it depends on cache, which is not in this node's manifest" {
			t.Errorf("reason %q after adoption", got)
		}
		n.runner.end(n.runner.identity("n/db.0"), proc.Exit{Code: 1})
		n.runner.end(n.runner.identity("n/db.1"), proc.Exit{Code: 1})
		time.Sleep(10 * time.Second)
		n.settle()
		if after := n.wantRunning("n/db.0", "n/db.1", "n/web.0", "n/web.1"); after["n/web.0"] != before["n/web.0"] {
			t.Error("a crash of what it depends on restarted it")
		}
		n.manifest(`{"apps":[{"app":{"name":"web","toProcess":"run","dependsOn":["db"],"args":["new"]}}]}`)
		n.wantRunning("n/web.0") // nothing is there to wait for
	})
}

// With health checks it is health that counts, and without a restart policy that goes on, the end of the work.
func TestDependentsWaitForHealthAndWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, checks := newChecked(t)
		checks.set(true, false)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps":[{"app":{"name":"web","toProcess":"run","dependsOn":["db"]}},
			{"app":{"name":"db","toProcess":"run","dependsOn":["schema"],"healthChecks":[{"protocol":"COMMAND","command":["x"],"intervalSeconds":1,"timeoutSeconds":1,"maxConsecutiveFailures":100}]}},
			{"app":{"name":"schema","toProcess":"run","restart":{"policy":"never"}}}]}`)
		n.wantRunning("n/schema.0")
		n.runner.end(n.runner.identity("n/schema.0"), proc.Exit{})
		n.settle()
		n.wantRunning("n/db.0")
		time.Sleep(5 * time.Second)
		n.settle()
		if got := n.instance("n/web.0"); got.Reason != "waits for db: 0 of 1 instances healthy" {
			t.Errorf("got %s: %s", got.State, got.Reason)
		}
		checks.set(false, false)
		time.Sleep(time.Second)
		n.settle()
		n.wantRunning("n/db.0", "n/web.0")
		n.manifest(`{"apps":[{"app":{"name":"web","toProcess":"run","dependsOn":["db"],"args":["x"]}},{"app":{"name":"db","toProcess":"run","dependsOn":["web"],"args":["x"]}}]}`)
		time.Sleep(5 * time.Second)
		n.settle()
		n.wantRunning()
		if got := n.instance("n/web.0"); !strings.Contains(got.Reason, "dependsOn goes in a circle, db → web → db: break it") {
			t.Errorf("got %s: %s", got.State, got.Reason)
		}
	})
}
