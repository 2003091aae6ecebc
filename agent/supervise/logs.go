package supervise

import (
	"slices"
	"time"

	"stathub/agent/logs"
	"stathub/agent/proc"
	"stathub/state"
)

// streams are the files of an instance's output (paths.log).
var streams = [...]string{"stdout", "stderr"}

// output is the file that one of the streams goes to.
func (s *Supervisor) output(i *instance, stream string) string {
	path := s.paths.log(i.app, i.n, stream)
	if i.proc.PID == 0 {
		return path
	}
	return proc.Output(i.proc.PID, slices.Index(streams[:], stream)+1, path)
}

// maxLog is how many bytes are kept of each stream of an app's instances.
func maxLog(a *state.App) int64 {
	if a.Logs != nil && a.Logs.MaxBytes > 0 {
		return int64(a.Logs.MaxBytes)
	}
	return logs.DefaultMaxBytes
}

// boundsEvery keeps many instances that come or go one by one from each having all bounds told again.
const boundsEvery = 50 * time.Millisecond

// boundLogs tells the keeper which files to bound. What was adopted is not touched before a manifest says how much is
// wanted: nobody gets back what was dropped. What is no longer in the manifest keeps its bound while it stops.
func (s *Supervisor) boundLogs() {
	s.boundsDue, s.boundsAt = false, time.Now().Add(boundsEvery)
	limits := make([]logs.Limit, 0, len(streams)*len(s.instances))
	for id, i := range s.instances {
		if from := s.desired.specs[id]; from != nil {
			i.maxLog = maxLog(from.app)
		}
		if i.maxLog == 0 {
			continue
		}
		i.unlinked = false
		for _, stream := range streams {
			path := s.output(i, stream)
			i.unlinked = i.unlinked || path != s.paths.log(i.app, i.n, stream)
			limits = append(limits, logs.Limit{Path: path, MaxBytes: i.maxLog})
		}
	}
	s.logs.Set(limits)
}

// prepareLogs makes the files of an instance fit for a new writer. A program does not wait for its log to be in order.
func (s *Supervisor) prepareLogs(t try) {
	for _, stream := range streams {
		path := s.paths.log(t.app, t.n, stream)
		if err := logs.Prepare(path, maxLog(t.spec.app)); err != nil {
			s.log.Warn("cannot move old output away", "instance", t.id, "file", path, "error", err)
		}
	}
}
