package agent

import (
	"strings"
	"testing"

	"stathub/state"
)

func TestOneAgentPerNode(t *testing.T) {
	bucket := "file://" + t.TempDir()
	first, err := lockNode("n", bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockNode("n", bucket); state.CodeOf(err) != state.Exists || !strings.Contains(err.Error(), "--node.id") {
		t.Errorf("a second one: %v", err)
	}
	for name, other := range map[string][2]string{"another node": {"m", bucket}, "another bucket": {"n", bucket + "2"}} {
		l, err := lockNode(other[0], other[1])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = l.Close()
	}
	_ = first.Close()
	again, err := lockNode("n", bucket)
	if err != nil {
		t.Fatalf("after the end of the first: %v", err)
	}
	_ = again.Close()
}
