package proc

import "testing"

// Two agents of one machine may have one node id: what the other one started is none of this one's.
func TestProcessesOfAnotherStore(t *testing.T) {
	mine, err := NewRunner("/mine")
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	other, err := NewRunner("/other")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	spec, marker := marked(t, sh("exec sleep 60"))
	ids := map[string]Identity{}
	for store, r := range map[string]*Runner{"/mine": mine, "/other": other} {
		s := spec
		s.Env = append([]string{StoreEnv + "=" + store}, spec.Env...)
		ids[store] = start(t, r, s)
	}
	if left := mine.Leftovers(marker); len(left) != 1 || left[0] != ids["/mine"] {
		t.Errorf("leftovers %v, want %v", left, ids["/mine"])
	}
	found, err := mine.Find(marker)
	if err != nil || len(found) != 1 || found[0].ID != ids["/mine"] {
		t.Errorf("found %v, %v", found, err)
	}
	if err := mine.Kill(ids["/mine"]); err != nil {
		t.Fatal(err)
	}
	next(t, mine)
	if !other.Alive(ids["/other"]) {
		t.Error("the other agent's process was killed")
	}
}
