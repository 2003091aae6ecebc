package control

import (
	"strings"
	"testing"
	"time"

	"stathub/state"
)

const shipReport = `{"node": "ship-1", "agentVersion": "0.1.0", "updatedAt": "2000-01-01T00:00:07Z", "facts": {"hostname": "bridge"},
	"manifest": {"generation": 1}, "instances": [{"id": "ship-1/web.0", "app": "web", "n": 0, "pid": 4711, "state": "running"}]}`

func TestDetachedNodeIsPlacedOnUnheard(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put("nodes/ship-1.json", `{"detached": true, "tags": ["ship"]}`)
		w.wait(3 * time.Second)
		w.deploy("web", 1)
		w.wait(10 * time.Minute)
		w.wantPlaced("web", 1)
		if n := w.c.Node("ship-1").Value; n.State != state.NodeUp || !n.Detached || !n.LastSeen.IsZero() || n.Tags[0] != "ship" {
			t.Errorf("the node is %+v", n)
		}
		if s := w.c.Frozen(); s != "" {
			t.Error(s)
		}
		puts := w.store.Counts()["put"]
		w.wait(10 * time.Minute)
		if n := w.store.Counts()["put"] - puts; n > 0 {
			t.Errorf("%d writes without a cause", n)
		}
		// Its report is brought.
		w.put("reports/ship-1.json", shipReport)
		w.wait(3 * time.Second)
		n := w.c.Node("ship-1").Value
		if n.Hostname != "bridge" || n.State != state.NodeUp || !n.LastSeen.Equal(time.Date(2000, 1, 1, 0, 0, 7, 0, time.UTC)) {
			t.Errorf("the node is %+v", n)
		}
		if record := w.get("nodes/ship-1.json"); !strings.Contains(record, `"bridge"`) || !strings.Contains(record, `"detached": true`) {
			t.Errorf("the record is %s", record)
		}
		if p := w.c.Procs("ship-1", "web"); len(p) != 1 || p[0].PID != 4711 || p[0].State != state.Running {
			t.Errorf("its processes are %+v", p)
		}
		if s := w.c.Status("web"); s.Running != 1 || s.State != state.AppRunning {
			t.Errorf("the app is %+v", s)
		}
		// It is connected, and silent.
		w.put("nodes/ship-1.json", strings.Replace(w.get("nodes/ship-1.json"), `"detached": true`, `"detached": false`, 1))
		w.wait(time.Minute)
		if n := w.c.Node("ship-1").Value; n.State != state.NodeDown {
			t.Errorf("the node is %+v", n)
		}
	})
}

// A node that was heard of before it was carried away leaves a heartbeat behind, which says nothing any more.
func TestNodeBecomesDetached(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.agents(4)
		w.deploy("web", 4)
		w.wait(5 * time.Second)
		for _, a := range all[:3] { // as many at once as would freeze everything
			w.put("nodes/"+a.id+".json", strings.Replace(w.get("nodes/"+a.id+".json"), `"schedulable": true`, `"schedulable": true, "detached": true`, 1))
			a.stop()
		}
		w.wait(5 * time.Minute)
		if s := w.c.Frozen(); s != "" {
			t.Error(s)
		}
		w.wantPlaced("web", 4)
		if got := w.placed("web"); len(got) != 4 {
			t.Errorf("placed %v", got)
		}
		if err := w.c.ForgetNode(t.Context(), "n1"); err != nil {
			t.Errorf("a detached node can't be forgotten: %v", err)
		}
		if err := w.c.ForgetNode(t.Context(), "n4"); state.CodeOf(err) != state.Nonsense {
			t.Errorf("a node that is heard of is forgotten: %v", err)
		}
	})
}
