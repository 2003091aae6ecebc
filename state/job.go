package state

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// The words of Schedule.Concurrency: what happens when a run is due while the one before it still goes on.
const (
	ConcurrencyForbid  = "forbid"  // the new one is left out
	ConcurrencyReplace = "replace" // the old one is stopped
	ConcurrencyAllow   = "allow"   // both run
)

// Run is one run of an instance of a scheduled job: from a process that is started at a set time to its end, with those
// that its restart policy starts when it fails.
type Run struct {
	At      time.Time      `json:"at"`               // when it was due
	Start   time.Time      `json:"start,omitzero"`   // of the first process; left out: it never came up
	End     time.Time      `json:"end,omitzero"`     // of the last process; left out: it goes on
	Code    *int           `json:"code,omitzero"`    // exit code of the last process; left out: it has none
	Signal  int            `json:"signal,omitzero"`  // that ended the last process; 0: none
	Reason  string         `json:"reason,omitzero"`  // how it ended, or why it did not run
	Tries   int            `json:"tries,omitzero"`   // processes so far, when it took more than one
	Skipped int            `json:"skipped,omitzero"` // more than 0: no run, but so many in a row that were left out, the last at At
	Extra   jsontext.Value `json:",embed"`
}

// betweenRuns reports whether an instance of a scheduled job waits for its next run, and for nothing else.
func (i *Instance) betweenRuns() bool {
	return !i.NextRun.IsZero() && (i.State == Waiting || i.State == Failed || i.State == Completed)
}

// MaxRuns is how many runs of an instance are kept.
const MaxRuns = 10

// RestartPolicy gives what App.RestartPolicy does, as it holds for the entry. A scheduled job runs to its end: each run is
// tried once unless the app says otherwise, and "always" means as "on-failure" that a run which failed is tried again.
func (e *ManifestEntry) RestartPolicy() (policy string, first, longest time.Duration) {
	policy, first, longest = e.App.RestartPolicy()
	switch {
	case e.Schedule == nil:
	case e.App.Restart == nil || e.App.Restart.Policy == "":
		policy = RestartNever
	case policy == RestartAlways:
		policy = RestartOnFailure
	}
	return policy, first, longest
}
