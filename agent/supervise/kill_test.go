package supervise

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"stathub/state"
)

// An order in the manifest kills the process that it names, once, and no other: not the next one, not after a restart of
// the agent.
func TestKillOrdered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t)
		n.start()
		const apps = `"apps": [{"app": {"name": "web", "toProcess": "run"}, "count": 2}]`
		n.manifest(`{` + apps + `}`)
		before := n.wantRunning("n/web.0", "n/web.1")
		order := func(instance string, pid int, start time.Time) string {
			return fmt.Sprintf(`{%s, "kill": [{"instance": %q, "pid": %d, "startTime": %q}]}`, apps, instance, pid, start.Format(time.RFC3339))
		}
		started := n.instance("n/web.0").StartTime
		for name, text := range map[string]string{
			"another instance": order("n/web.1", before["n/web.0"], started),
			"another time":     order("n/web.0", before["n/web.0"], started.Add(time.Minute)),
			"another process":  order("n/web.0", 999, started),
		} {
			n.manifest(text)
			if after := n.wantRunning("n/web.0", "n/web.1"); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Fatalf("%s: processes %v, before %v", name, after, before)
			}
		}
		n.manifest(order("n/web.0", before["n/web.0"], started))
		after := n.wantRunning("n/web.0", "n/web.1")
		if after["n/web.0"] == before["n/web.0"] || after["n/web.1"] != before["n/web.1"] {
			t.Fatalf("processes %v, before %v", after, before)
		}
		if i := n.instance("n/web.0"); i.Restarts != 1 || i.LastExit == nil || i.LastExit.Signal != sigKill {
			t.Errorf("web.0 is %+v", i)
		}
		n.stop()
		n.start()
		n.settle()
		if again := n.wantRunning("n/web.0", "n/web.1"); fmt.Sprint(again) != fmt.Sprint(after) {
			t.Errorf("after a restart of the agent: %v, before %v", again, after)
		}
		n.stop()
		if got := n.runner.sent(); len(got) != 1 {
			t.Errorf("signals %v, want one", got)
		}
	})
}

// A manifest with an order that makes no sense is refused whole, with the place.
func TestKillThatMakesNoSense(t *testing.T) {
	for _, kill := range []string{`{"instance": "other/web.0", "pid": 1}`, `{"instance": "n/web.0", "pid": 0}`, `{"instance": "n/web.0", "pid": "1"}`} {
		_, err := state.Decode[state.Manifest]("manifests/n.json", []byte(`{"apps": [], "kill": [`+kill+`]}`))
		if err == nil {
			t.Errorf("%s is accepted", kill)
		}
	}
}
