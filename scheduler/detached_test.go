package scheduler

import "testing"

// detach carries a node away: nothing is heard of it any more.
func (f *fleet) detach(id string) {
	n := *f.Nodes[id]
	n.Detached = true
	f.Nodes[id], f.mute[id] = &n, true
}

// The change goes from instance to instance where that can be seen, and then to those of the node that is not heard of.
func TestDetachedNodesComeLast(t *testing.T) {
	f, _ := started(t, 1)
	f.detach("n2")
	f.edit("web", "v2")
	f.tick()
	f.wantVersions("n1: v2 v1, n2: v1 v1")
	var before string
	f.until("all are new", func() bool {
		if f.number("web", "v2") == 4 {
			return true
		}
		before = f.versions("web")
		return false
	})
	if before != "n1: v2 v2, n2: v1 v1" {
		t.Errorf("before the end it was %q", before)
	}
	f.until("it is complete", func() bool { r := f.last.Rollouts["web"]; return r == nil || r.Complete })
}

func TestBadChangeDoesNotReachDetachedNodes(t *testing.T) {
	f, _ := started(t, 1)
	f.detach("n2")
	f.edit("web", "bad")
	f.ticks(65)
	f.wantVersions("n1: bad v1, n2: v1 v1")
}

func TestDetachedNodesAlone(t *testing.T) {
	f, _ := started(t, 1)
	for _, id := range []string{"n1", "n2"} {
		f.detach(id)
	}
	f.edit("web", "v2")
	f.ticks(2)
	f.wantVersions("n1: v2 v2, n2: v2 v2")
}
