package control

import (
	"slices"
	"testing"
	"time"

	"stathub/state"
)

// A master that comes to a node which had none takes its tags, its envs and its entries as they are.
func TestJoinsAStandaloneNode(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put("nodes/n1.json", `{"id": "n1", "tags": ["mine"]}`)
		w.put("manifests/n1.json", `{"envs": {"ZONE": "a"}, "apps": [{"app": {"name": "own", "toProcess": "sleep 1"}, "count": 2},
			{"app": {"name": "off", "toProcess": "sleep 1", "start": false}, "count": 2}]}`)
		w.agent("n1", "flag")
		w.deploy("web", 2)
		w.wait(20 * time.Second)
		n := w.c.Node("n1").Value
		if n == nil || n.State != state.NodeUp || !slices.Equal(n.Tags, []string{"mine"}) || n.Envs["ZONE"] != "a" || n.Hostname != "host-n1" {
			t.Fatalf("the record became %+v", n)
		}
		w.wantPlaced("web", 2)
		m := w.manifests()["n1"]
		if m.Envs["ZONE"] != "a" || m.Entry("own").Count != 2 || m.Entry("off").App.Start || m.Entry("off").Count != 2 || !m.Entry("own").App.Start {
			t.Fatalf("the manifest became %s", state.Encode(m))
		}
	})
}
