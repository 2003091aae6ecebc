package supervise

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

func TestReportIsWrittenOnChangeOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(two)
		writes := 0
		n.store.Fail(func(op, key string) error {
			if op == "put" && key == "reports/n.json" {
				writes++
			}
			return nil
		})
		before := n.store.Counts()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if writes != 0 {
			t.Errorf("%d reports without a change", writes)
		}
		after := n.store.Counts()
		if gets, puts := after["get"]-before["get"], after["put"]-before["put"]; gets > 311 || puts > 61 || after["list"] != before["list"] {
			t.Errorf("10 idle minutes cost %d gets, %d puts", gets, puts)
		}
		n.runner.end(n.runner.identity("n/a.0"), proc.Exit{Code: 3})
		n.settle()
		if writes != 1 {
			t.Errorf("%d reports of one crash", writes)
		}
	})
}

func TestReportIsNeverOverwrittenUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.put("reports/n.json", `{"node":"n","future":{"x":[1]}}`)
		n.start()
		defer func() { n.stop() }()
		if got := string(n.stored().Extra); !strings.Contains(got, `"future"`) {
			t.Errorf("the unknown member is lost: %s", got)
		}
		n.put("reports/n.json", `{"node":"n","later":true}`)
		n.manifest(two)
		if got := n.stored(); !strings.Contains(string(got.Extra), `"later"`) || len(got.Instances) != 2 {
			t.Errorf("after an edit: %s, %d instances", got.Extra, len(got.Instances))
		}
	})
}

// A report that could not be written, and need not be any more, does not keep the agent from noticing that the one in the
// bucket is gone.
func TestReportReturnsAfterAWriteThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(two)
		n.store.Fail(func(op, key string) error {
			if op == "put" && key == "reports/n.json" {
				return state.Errorf(state.Unavailable, key, "no route to host")
			}
			return nil
		})
		n.post(func() { n.trouble("test", "something passes") })
		time.Sleep(time.Second)
		n.post(func() { n.trouble("test") })
		time.Sleep(time.Second)
		n.store.Fail(nil)
		time.Sleep(time.Minute)
		if err := n.store.Delete(t.Context(), "reports/n.json", ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(usageEvery + time.Minute)
		if got := n.stored(); len(got.Instances) != 2 {
			t.Errorf("the report has %d instances", len(got.Instances))
		}
	})
}

func TestMisspeltMembersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(`{"apps": [{"app": {"name": "a", "toProcess": "x", "usr": "web", "note": "mine"}, "cuont": 3}]}`)
		n.wantRunning("n/a.0")
		all := strings.Join(n.stored().Errors, "\n")
		for _, part := range []string{`apps[0].app.usr: unknown field "usr": did you mean "user"?`, `line 1 column 82: apps[0].cuont`} {
			if !strings.Contains(all, part) {
				t.Errorf("%s is not in %q", part, all)
			}
		}
		n.stop()
		n.start()
		if got := strings.Join(n.stored().Errors, "\n"); got != all {
			t.Errorf("a later agent tells %q", got)
		}
		if strings.Contains(all, "note") {
			t.Errorf("an unknown member that is like none: %q", all)
		}
		n.manifest(`{"apps": [{"app": {"name": "a", "toProcess": "x", "user": "web", "note": "mine"}}]}`)
		if errs := n.stored().Errors; len(errs) > 0 {
			t.Errorf("mended, and still told: %q", errs)
		}
	})
}
