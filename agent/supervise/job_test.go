package supervise

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"stathub/agent/proc"
	"stathub/state"
)

// hourly is a manifest with a job that is due at each full hour; more adds members to the app, schedule to the schedule.
func hourly(more, schedule string) string {
	return fmt.Sprintf(`{"apps":[{"app":{"name":"j","toProcess":"run"%s},"schedule":{"cron":"0 * * * *"%s}}]}`, more, schedule)
}

// newJobs makes a node that asks for news seldom: the hours of jobs go by faster. The store tells of new manifests.
func newJobs(t *testing.T) *node {
	n := newNode(t)
	n.opts.Poll, n.opts.Heartbeat = 10*time.Minute, 10*time.Minute
	return n
}

// until lets the time come, as the clock of a test starts with the year 2000.
func (n *node) until(text string) {
	n.t.Helper()
	at, err := time.Parse(time.TimeOnly, text)
	if err != nil {
		n.t.Fatal(err)
	}
	time.Sleep(time.Until(time.Date(2000, 1, 1, at.Hour(), at.Minute(), at.Second(), 0, time.UTC)))
	n.settle()
}

func (n *node) end(id string, exit proc.Exit) {
	n.t.Helper()
	n.runner.end(n.runner.identity(id), exit)
	n.settle()
}

// history shows the runs of a job in short, newest first.
func (n *node) history() string {
	n.t.Helper()
	var all []string
	for _, r := range n.instance("n/j.0").Runs {
		text := r.At.Format("15:04")
		switch {
		case r.Skipped > 0:
			text += fmt.Sprintf(" skipped %d", r.Skipped)
		case r.End.IsZero():
			text += " goes on"
		case r.Code != nil:
			text += fmt.Sprintf(" code %d", *r.Code)
		case r.Signal > 0:
			text += fmt.Sprintf(" signal %d", r.Signal)
		default:
			text += " " + r.Reason
		}
		if r.Tries > 1 {
			text += fmt.Sprintf(" try %d", r.Tries)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func (n *node) wantHistory(want string) {
	n.t.Helper()
	if got := n.history(); got != want {
		n.t.Errorf("history: %s; want %s", got, want)
	}
}

func (n *node) wantJob(to state.InstanceState, reason string) state.Instance {
	n.t.Helper()
	got := n.instance("n/j.0")
	if got.State != to || got.Reason != reason {
		n.t.Errorf("%s: %s; want %s: %s", got.State, got.Reason, to, reason)
	}
	return got
}

func TestJobRunsAtItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newJobs(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(hourly("", `,"timezone":"Asia/Shanghai"`))
		n.wantRunning()
		waiting := n.wantJob(state.Waiting, "next run at 2000-01-01T09:00:00+08:00 (Asia/Shanghai)")
		if !waiting.NextRun.Equal(time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC)) || len(waiting.Runs) != 0 {
			t.Errorf("%+v", waiting)
		}
		n.until("00:59:59")
		n.wantRunning()
		n.until("01:00:00")
		n.wantRunning("n/j.0")
		if got := env(n.runner.live[n.runner.identity("n/j.0")], ScheduledEnv); got != "2000-01-01T01:00:00Z" {
			t.Errorf("%s is %q", ScheduledEnv, got)
		}
		n.wantHistory("01:00 goes on")
		n.end("n/j.0", proc.Exit{})
		n.wantRunning()
		n.wantJob(state.Waiting, "next run at 2000-01-01T10:00:00+08:00 (Asia/Shanghai)")
		n.until("02:00:00")
		n.end("n/j.0", proc.Exit{Code: 3})
		got := n.wantJob(state.Failed, "exit code 3; next run at 2000-01-01T11:00:00+08:00 (Asia/Shanghai)")
		if got.Restarts != 0 || got.LastExit.Code != 3 {
			t.Errorf("%+v", got)
		}
		n.wantHistory("02:00 code 3, 01:00 code 0")
		n.until("03:00:00")
		n.end("n/j.0", proc.Exit{Signal: 9})
		n.wantHistory("03:00 signal 9, 02:00 code 3, 01:00 code 0")
		n.until("09:00:00")
		n.wantRunning("n/j.0")
		n.wantHistory("09:00 skipped 5, 04:00 goes on, 03:00 signal 9, 02:00 code 3, 01:00 code 0")
	})
}

func TestJobIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newJobs(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(hourly(`,"restart":{"policy":"always"}`, ""))
		n.until("01:00:00")
		n.end("n/j.0", proc.Exit{Code: 1})
		n.wantRunning("n/j.0") // at once
		n.end("n/j.0", proc.Exit{Code: 1})
		n.wantJob(state.Backoff, "exit code 1; next try after 1s")
		time.Sleep(time.Second)
		n.settle()
		n.end("n/j.0", proc.Exit{})
		n.wantRunning()
		n.wantHistory("01:00 code 0 try 3")
		if got := n.wantJob(state.Waiting, "next run at 2000-01-01T02:00:00Z (UTC)"); got.Restarts != 2 {
			t.Errorf("%d restarts", got.Restarts)
		}
		n.until("02:00:00")
		n.wantRunning("n/j.0")
		if got := n.instance("n/j.0"); got.Restarts != 0 {
			t.Errorf("a new run has %d restarts", got.Restarts)
		}
	})
}

func TestJobThatOverlaps(t *testing.T) {
	tests := []struct {
		concurrency string
		running     []string
		history     string
	}{
		{"forbid", []string{"n/j.0"}, "02:00 skipped 1, 01:00 goes on"},
		{"replace", []string{"n/j.0"}, "02:00 goes on, 01:00 signal 15"},
		{"allow", []string{"n/j.0", "n/j.1"}, "02:00 goes on, 01:00 goes on"},
	}
	for _, tt := range tests {
		t.Run(tt.concurrency, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newJobs(t)
				n.start()
				defer func() { n.stop() }()
				n.manifest(hourly("", fmt.Sprintf(`,"concurrency":%q`, tt.concurrency)))
				n.until("01:00:00")
				before := n.wantRunning("n/j.0")
				n.until("02:00:00")
				after := n.wantRunning(tt.running...)
				if kept := before["n/j.0"] == after["n/j.0"]; kept != (tt.concurrency != "replace") {
					t.Errorf("before %v, after %v", before, after)
				}
				n.wantHistory(tt.history)
			})
		})
	}
}

// Runs that overlap have instances of their own, which are gone after their run, and one history. Another agent goes on with them.
func TestJobRunsBesideItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newJobs(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(hourly("", `,"concurrency":"allow"`))
		n.until("03:00:00")
		before := n.wantRunning("n/j.0", "n/j.1", "n/j.2")
		n.end("n/j.1", proc.Exit{})
		n.wantRunning("n/j.0", "n/j.2")
		n.wantHistory("03:00 goes on, 02:00 code 0, 01:00 goes on")
		n.stop()
		n.start()
		n.end("n/j.0", proc.Exit{})
		n.until("04:00:00")
		n.wantRunning("n/j.0", "n/j.2")
		n.wantHistory("04:00 goes on, 03:00 goes on, 02:00 code 0, 01:00 code 0")
		n.until("05:00:00")
		if after := n.wantRunning("n/j.0", "n/j.1", "n/j.2"); after["n/j.2"] != before["n/j.2"] {
			t.Error("a run was begun anew")
		}
		n.until("13:00:00")
		if pids := n.runner.pids(); len(pids) != maxOverlap {
			t.Errorf("%d run at a time", len(pids))
		}
		if got := n.instance("n/j.0"); !strings.Contains(got.Reason, "10 runs before it still go on") {
			t.Errorf("reason %q", got.Reason)
		}
		n.manifest(`{"apps":[]}`)
		n.wantRunning()
	})
}

// Edits do not touch a run that is under way; what is taken out of the manifest, or is not to run, is stopped.
func TestJobIsEdited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newJobs(t)
		n.start()
		defer func() { n.stop() }()
		n.manifest(hourly("", ""))
		n.until("01:00:00")
		before := n.wantRunning("n/j.0")
		n.manifest(hourly(`,"args":["new"]`, ""))
		n.manifest(`{"apps":[{"app":{"name":"j","toProcess":"run","args":["new"]},"schedule":{"cron":"30 * * * *"}}]}`)
		if after := n.wantRunning("n/j.0"); after["n/j.0"] != before["n/j.0"] {
			t.Error("an edit ended the run")
		}
		n.end("n/j.0", proc.Exit{})
		n.until("01:30:00")
		if got := n.runner.live[n.runner.identity("n/j.0")].Argv; len(got) != 2 {
			t.Errorf("the next run is %q", got)
		}
		n.manifest(hourly(`,"start":false`, ""))
		n.wantRunning()
		n.until("05:30:00")
		n.manifest(hourly("", ""))
		n.wantRunning() // what was due meanwhile is not made up for
		n.wantJob(state.Waiting, "next run at 2000-01-01T06:00:00Z (UTC)")
		n.until("06:00:00")
		n.wantRunning("n/j.0")
		n.manifest(`{"apps":[]}`)
		n.wantRunning()
		n.until("07:00:00")
		n.wantRunning()
	})
}

// A service that becomes a job ends, a job that becomes a service goes on.
func TestServiceBecomesJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newJobs(t)
		n.start()
		defer func() { n.stop() }()
		const service = `{"apps":[{"app":{"name":"j","toProcess":"run"}}]}`
		n.manifest(service)
		n.wantRunning("n/j.0")
		n.manifest(hourly("", ""))
		n.wantRunning()
		n.until("01:00:00")
		before := n.wantRunning("n/j.0")
		n.manifest(service)
		if after := n.wantRunning("n/j.0"); after["n/j.0"] != before["n/j.0"] {
			t.Error("the run was ended")
		}
		n.end("n/j.0", proc.Exit{})
		n.wantRunning("n/j.0")
		if got := env(n.runner.live[n.runner.identity("n/j.0")], ScheduledEnv); got != "" {
			t.Errorf("a service was scheduled for %s", got)
		}
	})
}

// Whatever was missed while no agent ran is run once; what went on is gone on with; what ended meanwhile is told.
func TestJobWhileNoAgentRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newJobs(t)
		n.start()
		n.manifest(hourly("", ""))
		n.until("01:00:00")
		before := n.wantRunning("n/j.0")
		n.stop()
		n.start()
		if after := n.wantRunning("n/j.0"); after["n/j.0"] != before["n/j.0"] {
			t.Error("the run was begun anew")
		}
		n.stop()
		n.runner.mu.Lock()
		clear(n.runner.live)
		n.runner.mu.Unlock()
		n.until("01:10:00")
		n.start()
		n.wantRunning()
		n.wantHistory("01:00 ended, exit status unknown")
		n.stop()
		n.until("05:10:00")
		n.start()
		n.wantRunning("n/j.0")
		if events := n.Events(20); !strings.Contains(fmt.Sprint(events), "the run of 2000-01-01T05:00:00Z (UTC) begins, 10m0s late") {
			t.Errorf("events: %v", events)
		}
		n.end("n/j.0", proc.Exit{})
		n.wantHistory("05:00 code 0, 01:00 ended, exit status unknown")
		n.stop()
		n.start()
		n.wantRunning()
		n.stop()
	})
}

// A wiped disk does not make a job run twice, nor forget what was due, nor its history.
func TestJobOnAWipedDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newJobs(t)
		wipe := func(until string) {
			n.stop()
			if err := os.RemoveAll(n.dir); err != nil {
				t.Fatal(err)
			}
			n.until(until)
			n.start()
		}
		n.start()
		n.manifest(hourly("", ""))
		n.until("01:00:00")
		n.end("n/j.0", proc.Exit{})
		wipe("01:05:00")
		n.wantRunning()
		n.wantHistory("01:00 code 0")
		n.wantJob(state.Waiting, "next run at 2000-01-01T02:00:00Z (UTC)")
		wipe("02:10:00")
		before := n.wantRunning("n/j.0")
		n.wantHistory("02:00 goes on, 01:00 code 0")
		wipe("02:20:00")
		if after := n.wantRunning("n/j.0"); after["n/j.0"] != before["n/j.0"] {
			t.Error("the run was begun anew")
		}
		n.end("n/j.0", proc.Exit{})
		n.wantRunning()
		n.wantHistory("02:00 code 0, 01:00 code 0")
		n.stop()
	})
}

// A run that the machine's end interrupted is over, unless it is one that is tried again.
func TestJobAndReboot(t *testing.T) {
	for policy, again := range map[string]bool{"never": false, "on-failure": true} {
		t.Run(policy, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newJobs(t)
				n.runner.boot = "before"
				n.start()
				n.manifest(hourly(fmt.Sprintf(`,"restart":{"policy":%q}`, policy), ""))
				n.until("01:00:00")
				n.wantRunning("n/j.0")
				n.stop()
				n.runner.mu.Lock()
				clear(n.runner.live)
				n.runner.mu.Unlock()
				n.until("01:05:00")
				n.start()
				if again {
					n.wantRunning("n/j.0")
					n.wantHistory("01:00 goes on try 2")
				} else {
					n.wantRunning()
					n.wantHistory("01:00 the machine went down while it ran")
				}
				n.stop()
			})
		})
	}
}

// An agent that was killed while it began a run leaves a record from which the next one can tell whether to begin it again.
func TestJobThatWasAboutToBegin(t *testing.T) {
	tests := []struct {
		name         string
		begun, alive bool
		running      bool
		history      string
	}{
		{"no process was made yet", false, false, true, "01:00 goes on try 2"},
		{"its process lives", true, true, true, "01:00 goes on"},
		{"its process may have been made", true, false, false, "01:00 its end was not seen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newJobs(t)
				n.start()
				n.manifest(hourly("", ""))
				n.until("01:00:00")
				before := n.wantRunning("n/j.0")
				n.stop()
				path := paths{n.dir}.run("j", 0)
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				r, old := new(record), string(data)
				if err := json.Unmarshal(data, r); err != nil || !r.Begun || r.Proc == nil {
					t.Fatalf("the record is %s: %v", old, err)
				}
				r.Proc, r.Begun, r.State = nil, tt.begun, state.Starting
				if err := write(path, r); err != nil {
					t.Fatal(err)
				}
				if !tt.alive {
					n.runner.mu.Lock()
					clear(n.runner.live)
					n.runner.mu.Unlock()
				}
				n.start()
				defer func() { n.stop() }()
				if !tt.running {
					n.wantRunning()
				} else if after := n.wantRunning("n/j.0"); tt.alive && after["n/j.0"] != before["n/j.0"] {
					t.Error("not adopted")
				}
				n.wantHistory(tt.history)
			})
		})
	}
}

// A job waits for what it depends on, and does not hold up what depends on it.
func TestJobAndDependsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newJobs(t)
		n.start()
		defer func() { n.stop() }()
		const apps = `{"apps":[{"app":{"name":"j","toProcess":"run","dependsOn":["db"]},"schedule":{"cron":"0 * * * *"}},
			{"app":{"name":"db","toProcess":"%s"}},{"app":{"name":"web","toProcess":"run","dependsOn":["j"]}}]}`
		n.manifest(fmt.Sprintf(apps, "/missing"))
		n.wantRunning("n/web.0")
		if got := n.instance("n/web.0").Reason; got != "it depends on j, which is a scheduled job" {
			t.Errorf("reason %q", got)
		}
		n.until("01:00:00")
		n.wantRunning("n/web.0")
		got := n.wantJob(state.Waiting, "the run of 2000-01-01T01:00:00Z (UTC) waits for db: 0 of 1 instances running")
		if !got.NextRun.IsZero() {
			t.Errorf("the next run is said to be at %v", got.NextRun)
		}
		n.until("01:30:00")
		n.manifest(fmt.Sprintf(apps, "run"))
		time.Sleep(2 * time.Second)
		n.settle()
		n.wantRunning("n/web.0", "n/db.0", "n/j.0")
	})
}
