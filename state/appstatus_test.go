package state

import (
	"fmt"
	"testing"
)

// What keeps an instance from running is in the status of its app, whoever found it out.
func TestBlame(t *testing.T) {
	var s AppStatus
	blame := func(node string, st InstanceState, reason string) {
		s.Blame(&Instance{State: st, Reason: reason}, node)
	}
	blame("n1", Running, "started from the cache")
	blame("n1", Backoff, "")
	if s.Failing() {
		t.Fatalf("reasons of what runs: %+v", s.Reasons)
	}
	blame("n1", Backoff, "exit code 3; next try after 2s")
	blame("n1", Backoff, "exit code 3; next try after 4s")
	blame("n2", Failed, "exit code 3")
	blame("n2", Waiting, "waits for db")
	if len(s.Reasons) != 2 || s.Reasons[0].Message != "an instance does not run: exit code 3" || s.Reasons[0].Nodes != 2 ||
		fmt.Sprint(s.Reasons[0].Names) != "[n1 n2]" || s.Reasons[1].Nodes != 1 || !s.Failing() {
		t.Fatalf("reasons: %+v", s.Reasons)
	}
	if state := s.Sum(true, false); state != AppDegraded {
		t.Errorf("the app is %s", state)
	}
	for i := range 1000 {
		blame(fmt.Sprintf("m%04d", i), Backoff, "exit code 3")
		blame(fmt.Sprintf("m%04d", i), Backoff, fmt.Sprintf("cannot fetch %d", i))
	}
	if len(s.Reasons) > maxReasons || len(s.Reasons[0].Names) != MaxReasonNames || s.Reasons[0].Nodes != 1002 {
		t.Errorf("%d reasons, the first with %d names of %d nodes", len(s.Reasons), len(s.Reasons[0].Names), s.Reasons[0].Nodes)
	}
}
