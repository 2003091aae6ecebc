package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stathub/agent/converge"
	"stathub/agent/events"
	"stathub/agent/proc"
	"stathub/state"
)

// instance is one instance of an app, from its first try until it is forgotten. The loop owns it.
type instance struct {
	id, app string
	n       int
	have    converge.Have
	gen     int64 // counts tries; effects of an earlier one are ignored

	proc      proc.Identity      // zero: no process
	ended     chan struct{}      // closed at the process's exit
	cancel    context.CancelFunc // calls off the try under way
	startedAt time.Time
	ports     []int // of the last start; kept for the next one
	artifacts []state.ArtifactState
	restarts  int
	lastPID   int
	lastExit  *state.Exit
	blockedBy string // the instance that holds a port which this one needs
	logged    string // the last failure that was logged
	note      string // what people should know of it while it runs
	unlinked  bool   // its process writes to a file that was deleted
	caveat    string // the reason that a running process has: limits that are not enforced, apps that it did not wait for
	unlimited string // the limits that are not enforced, as told last
	maxLog    int64  // bytes that are kept of each stream; 0: not known, and then nothing is dropped

	supplies

	counters proc.Counters // of what happened at its limits, as told last
	counted  bool          // counters are those of its process
	oomAt    time.Time     // when they last told of a lack of memory

	health state.Health // "" counts as unknown
	watch  *watch       // of its process's health; nil without checks

	// Of scheduled jobs.
	begun    bool        // the process of its run may have been made
	base     string      // the instance that this one runs beside, and that keeps the history; empty: itself
	history  []state.Run // newest first
	recalled time.Time   // the next run, as the report in the bucket told when the disk did not

	killSignal int
	rush       chan struct{} // closed when the process that is stopping has had its time
	apart      string        // why its try was called off, if that was for lack of contact
}

func (i *instance) trying() bool {
	return i.have.State == state.Fetching || i.have.State == state.Starting
}

func (i *instance) set(to state.InstanceState, reason string) {
	i.have.State, i.have.Reason = to, reason
}

// convergeAll brings every instance in line with the manifest.
func (s *Supervisor) convergeAll() {
	plan := converge.Diff(s.toDecide(), s.observed, time.Now())
	s.wake = plan.Wake
	if s.contact.guards() > 0 {
		s.wakeBy(time.Now().Add(contactStep))
	}
	for _, a := range plan.Actions {
		s.execute(a)
	}
}

// convergeOne does so for one instance, without a look at the others.
func (s *Supervisor) convergeOne(id string) {
	action, wake := converge.One(s.toDecide(), s.observed, id, time.Now())
	if !wake.IsZero() {
		s.wakeBy(wake)
	}
	s.execute(action)
}

// toDecide is what there is to decide on beside the instances.
func (s *Supervisor) toDecide() converge.Desired {
	d := s.desired.Desired
	d.Contact = s.contact.now()
	return d
}

func (s *Supervisor) wakeBy(t time.Time) {
	if s.wake.IsZero() || t.Before(s.wake) {
		s.wake = t
	}
}

func (s *Supervisor) execute(a converge.Action) {
	i := s.instances[a.ID]
	if i == nil && a.Kind != "" {
		i = s.newInstance(a.ID)
	}
	if !a.Fired.IsZero() {
		s.fired(a)
	}
	switch a.Kind {
	case converge.Start:
		i.note = a.Note
		s.begin(i, a)
		s.start(i)
	case converge.Skip:
		s.skip(i, a)
	case converge.Stop:
		s.stop(i, events.InstanceStop, a.Reason)
	case converge.Disconnect:
		s.disconnect(i, a.Reason)
	case converge.Kill:
		if i.have.Killed = true; i.rush != nil { // else it is being cleared away already
			close(i.rush)
			i.rush = nil
		}
	case converge.Replace:
		s.replace(i)
	case converge.Forget:
		s.forget(i)
	case converge.Settle:
		if i.set(a.State, a.Reason); a.State == state.Stopped {
			i.have.Ended, i.have.Failures, i.blockedBy = nil, 0, "" // when it is wanted again, it starts at once
			i.have.Progress = converge.Progress{}
		}
		if a.State == state.Waiting && a.Fired.IsZero() {
			s.changed() // what it waits for is no later agent's concern, and it may change often
			return
		}
		s.keep(i)
	}
}

func (s *Supervisor) newInstance(id string) *instance {
	i := &instance{id: id, killSignal: state.DefaultKillSignal, have: converge.Have{KillTimeout: state.DefaultKillTimeout}}
	_, i.app, i.n, _ = parseID(id)
	s.instances[id], s.observed[id] = i, &i.have
	s.boundsDue = true
	return i
}

// keep notes what changed: in the record on disk, and for the report.
func (s *Supervisor) keep(i *instance) {
	s.runs.put(i)
	s.changed()
	s.tellDependents(i)
}

// started takes the result of a try.
func (s *Supervisor) started(i *instance, gen int64, r launched) {
	if i.gen != gen {
		return
	}
	i.cancel()
	s.supplied(i, r)
	if r.err != nil {
		s.startFailed(i, r)
		return
	}
	i.proc, i.lastPID, i.ended = r.id, r.id.PID, make(chan struct{})
	i.startedAt, i.ports = r.at, r.ports
	i.have.Since = r.at
	s.limited(i, r)
	i.caveat = withNote(r.limits, i.note)
	i.set(state.Running, i.caveat)
	s.byProc[i.proc] = i
	s.runStarted(i)
	s.log.Info("started", "instance", i.id, "pid", i.proc.PID, "ports", i.ports)
	s.tell(events.InstanceStart, i, toldStart(i))
	s.keep(i)
	if exit, ok := s.early[i.proc]; ok {
		delete(s.early, i.proc)
		s.exited(proc.Exited{ID: r.id, Exit: exit})
		return
	}
	if i.apart != "" {
		s.disconnect(i, i.apart)
		return
	}
	s.convergeOne(i.id) // the manifest may have changed while it started
	s.watchHealth(i)
}

func (s *Supervisor) startFailed(i *instance, r launched) {
	i.proc, i.begun = proc.Identity{}, false
	if errors.Is(r.err, context.Canceled) {
		i.have.Ended = nil
		i.set(state.Stopped, "its start was called off")
	} else {
		what := r.err.Error()
		i.blockedBy = r.blockedBy
		i.have.Failures = converge.Failures(i.have.Failures, 0)
		i.have.Ended = &converge.End{At: time.Now(), Failed: true, What: what, Spread: 0.6 * (s.opts.Jitter() - 0.5)}
		i.lastExit = &state.Exit{Code: -1, At: time.Now().UTC().Truncate(time.Second), Reason: what}
		i.set(state.Stopped, what)
		s.logOnce(i, "cannot start", what)
		s.tell(events.InstanceStartFailed, i, "cannot start: "+what)
		s.editRun(i, func(r *state.Run) { r.Reason = what })
		if r.blockedBy != "" && s.instances[r.blockedBy] == nil {
			i.blockedBy, i.have.Ended = "", nil // the port was let go of before this came
		}
	}
	s.convergeOne(i.id)
	s.keep(i)
}

// logOnce warns of a failure unless it is the one that was logged last.
func (s *Supervisor) logOnce(i *instance, event, what string) {
	level := s.log.Warn
	if i.logged == event+what {
		level = s.log.Debug
	}
	i.logged = event + what
	level(event, "instance", i.id, "reason", what)
}

// exited takes the exit of a process. What it leaves behind is cleared away before anything else happens.
func (s *Supervisor) exited(e proc.Exited) {
	i := s.byProc[e.ID]
	if i == nil {
		s.early[e.ID] = e.Exit // its start is about to be told
		return
	}
	delete(s.byProc, e.ID)
	delete(s.unwatched, e.ID)
	close(i.ended)
	s.boundsDue = s.boundsDue || i.unlinked
	watch := i.unwatch()
	exit := state.Exit{Code: e.Exit.Code, Signal: e.Exit.Signal, At: e.Exit.At.UTC(), Reason: e.Exit.String()}
	if !e.Exit.Known || exit.Signal != 0 {
		exit.Code = -1
	}
	s.blame(i, &exit)
	if i.have.Failing != "" {
		exit.Reason = i.have.Failing + "; then " + exit.Reason
	}
	i.lastExit = &exit
	failed := !e.Exit.Known || exit.Signal != 0 || exit.Code != 0
	s.runEnded(i, e.Exit, exit.Reason)
	if i.have.State == state.Stopping {
		if i.have.Failing != "" {
			s.keepCrash(i, e.ID, exit)
		}
		s.log.Info("stopped", "instance", i.id, "pid", e.ID.PID, "exit", exit.Reason)
		return // the stop's own effect goes on
	}
	i.have.Failing = ""
	i.have.Failures = converge.Failures(i.have.Failures, e.Exit.At.Sub(i.startedAt))
	i.have.Ended = &converge.End{At: e.Exit.At, Failed: failed, Started: true, What: exit.Reason}
	i.set(state.Stopping, "clearing up after its end")
	if failed || i.have.Run.IsZero() {
		s.logOnce(i, "ended", exit.Reason)
	} else {
		s.log.Info("ended", "instance", i.id, "reason", exit.Reason) // as a job should
	}
	crash := ""
	if failed {
		crash = s.keepCrash(i, e.ID, exit)
	}
	s.tell(events.InstanceExit, i, toldExit(i, e.ID.PID, exit, crash))
	s.work.Go(func() {
		watch.wait(nil) // what a check runs is not the instance's to leave behind
		left := s.clear(e.ID, i.id, true)
		s.post(func() {
			if end := i.have.Ended; left > 0 && exit.Signal == 0 && end != nil && i.have.State == state.Stopping {
				told := *end
				told.What += fmt.Sprintf("; it left %d of its processes behind, which were killed: a program must stay in the foreground", left)
				i.have.Ended = &told
			}
			s.stopped(i, i.gen)
		})
	})
}

// stopped comes when nothing is left of a process.
func (s *Supervisor) stopped(i *instance, gen int64) {
	if i.gen != gen || i.have.State != state.Stopping {
		return
	}
	i.proc, i.ended, i.rush, i.watch, i.health = proc.Identity{}, nil, nil, nil, ""
	if i.have.Failing != "" {
		i.have.Ended = &converge.End{At: time.Now(), Failed: true, Started: true, What: i.have.Failing}
		i.have.Failing = ""
	}
	if i.have.Ended == nil {
		i.have.Run = time.Time{} // stopped: the run is not to be gone on with
	}
	i.set(state.Stopped, "")
	s.convergeOne(i.id)
	s.keep(i)
}

// Kill sends a signal to the process group of the instance whose first process is pid; what happens then is up to its
// restart policy. NotFound when no instance has that process, Invalid for a number that is no signal.
func (s *Supervisor) Kill(_ context.Context, pid, signal int) error {
	if signal < 1 || signal > 64 {
		return state.Errorf(state.Invalid, "", "signal %d: must be a number from 1 to 64; 15 is SIGTERM, 9 is SIGKILL", signal)
	}
	var id proc.Identity
	s.call(func() {
		for _, i := range s.instances {
			if i.proc.PID == pid && pid != 0 {
				id = i.proc
			}
		}
	})
	if id.PID == 0 {
		return state.Errorf(state.NotFound, fmt.Sprint(pid), "no instance on this node has a process %d", pid)
	}
	err := s.opts.Runner.Signal(id, signal)
	if errors.Is(err, proc.ErrGone) {
		return state.Errorf(state.NotFound, fmt.Sprint(pid), "%w", err)
	}
	return err
}

// LogPath gives the file that holds the output of an instance: of the one that name says, such as "web.0", whether it runs
// or not, or without a name of the one whose process is, or last was, pid. stream is stdout or stderr, else Invalid;
// NotFound when there is no such instance.
func (s *Supervisor) LogPath(name string, pid int, stream string) (string, error) {
	if stream != "stdout" && stream != "stderr" {
		return "", state.Errorf(state.Invalid, stream, "want stdout or stderr")
	}
	path := ""
	if name != "" {
		s.call(func() {
			if i := s.instances[s.opts.Node+"/"+name]; i != nil {
				path = s.output(i, stream)
			}
		})
		if path == "" {
			return "", state.Errorf(state.NotFound, name, "no app of this node has an instance %q", name)
		}
		return path, nil
	}
	s.call(func() {
		for _, i := range s.instances {
			// A pid that was given again is the one that runs now.
			if pid != 0 && i.lastPID == pid && (path == "" || i.proc.PID == pid) {
				path = s.output(i, stream)
			}
		}
	})
	if path == "" {
		return "", state.Errorf(state.NotFound, fmt.Sprint(pid), "no instance on this node has a process %d", pid)
	}
	return path, nil
}
