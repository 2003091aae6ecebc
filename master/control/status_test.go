package control

import (
	"fmt"
	"testing"

	"stathub/scheduler"
	"stathub/state"
)

// What keeps an instance from running is in the status of its app, whoever found it out.
func TestBlame(t *testing.T) {
	var s Status
	blame := func(node string, st state.InstanceState, reason string) {
		s.blame(&state.Instance{State: st, Reason: reason}, node)
	}
	blame("n1", state.Running, "started from the cache")
	blame("n1", state.Backoff, "")
	if s.failing() {
		t.Fatalf("reasons of what runs: %+v", s.Reasons)
	}
	blame("n1", state.Backoff, "exit code 3; next try after 2s")
	blame("n1", state.Backoff, "exit code 3; next try after 4s")
	blame("n2", state.Failed, "exit code 3")
	blame("n2", state.Waiting, "waits for db")
	if len(s.Reasons) != 2 || s.Reasons[0].Message != "an instance does not run: exit code 3" || s.Reasons[0].Nodes != 2 ||
		fmt.Sprint(s.Reasons[0].Names) != "[n1 n2]" || s.Reasons[1].Nodes != 1 || !s.failing() {
		t.Fatalf("reasons: %+v", s.Reasons)
	}
	if state := s.sum(Doc[state.App]{Value: &state.App{Start: true}}); state != AppDegraded {
		t.Errorf("the app is %s", state)
	}
	for i := range 1000 {
		blame(fmt.Sprintf("m%04d", i), state.Backoff, "exit code 3")
		blame(fmt.Sprintf("m%04d", i), state.Backoff, fmt.Sprintf("cannot fetch %d", i))
	}
	if len(s.Reasons) > maxReasons || len(s.Reasons[0].Names) != scheduler.MaxNames || s.Reasons[0].Nodes != 1002 {
		t.Errorf("%d reasons, the first with %d names of %d nodes", len(s.Reasons), len(s.Reasons[0].Names), s.Reasons[0].Nodes)
	}
}
