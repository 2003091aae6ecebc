package state

import (
	"fmt"
	"testing"
	"time"
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

// A job that waits for its time is as it should be; one whose last run failed is not, and neither is one that is held up.
func TestStatusOfAJob(t *testing.T) {
	next := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name  string
		insts []Instance
		want  AppState
		code  string
		text  string
	}{
		{"between runs", []Instance{{State: Waiting, Reason: "next run at noon", NextRun: next}}, AppScheduled, "", ""},
		{"it runs", []Instance{{State: Running, NextRun: next}}, AppRunning, "", ""},
		{"it starts", []Instance{{State: Starting, NextRun: next}}, AppDeploying, "", ""},
		{"twice at a time", []Instance{{State: Running, NextRun: next}, {State: Running}}, AppRunning, "", ""},
		{"the last run failed", []Instance{{State: Failed, Reason: "exit code 3; next run at noon", NextRun: next}},
			AppDegraded, CodeRunFailed, "the last run failed: exit code 3"},
		{"a run is tried again", []Instance{{State: Backoff, Reason: "exit code 3; next try after 2s", NextRun: next}},
			AppDegraded, CodeNotRunning, "an instance does not run: exit code 3"},
		{"held up", []Instance{{State: Waiting, Reason: "the run of noon waits for db"}}, AppDegraded, CodeNotRunning, "an instance does not run: the run of noon waits for db"},
		{"has done its work", []Instance{{State: Completed, Reason: "exit code 0"}}, AppCompleted, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := AppStatus{Wanted: 1, Placed: 1}
			for k := range tt.insts {
				s.Count(&tt.insts[k], true)
				s.Blame(&tt.insts[k], "n")
			}
			if got := s.Sum(true, false); got != tt.want {
				t.Errorf("%s, want %s: %+v", got, tt.want, s)
			}
			if len(s.Reasons) > 1 || tt.code == "" != (len(s.Reasons) == 0) || tt.code != "" && (s.Reasons[0].Code != tt.code || s.Reasons[0].Message != tt.text) {
				t.Errorf("reasons %+v", s.Reasons)
			}
		})
	}
}
