package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stathub/agent/converge"
	"stathub/agent/events"
	"stathub/agent/host"
	"stathub/agent/proc"
	"stathub/state"
)

// stop ends the process of an instance, or calls off its start. kind is of the event.
func (s *Supervisor) stop(i *instance, kind, reason string) {
	if i.trying() {
		i.cancel() // the try's own end brings the rest
		return
	}
	i.have.Ended, i.have.Failing, i.have.Failures = nil, "", 0
	s.log.Info("stopping", "instance", i.id, "pid", i.proc.PID, "reason", reason)
	s.tell(kind, i, fmt.Sprintf("stopping process %d: %s", i.proc.PID, reason))
	s.quitting(i, reason)
}

// replace ends the process of an instance that is failing, which counts as a failed end of it.
func (s *Supervisor) replace(i *instance) {
	i.have.Failures = converge.Failures(i.have.Failures, i.watch.good(time.Now()))
	s.logOnce(i, "killing", i.have.Failing)
	s.tell(events.InstanceReplace, i, fmt.Sprintf("replacing process %d: %s", i.proc.PID, i.have.Failing))
	s.quitting(i, i.have.Failing)
}

// quitting ends the process of an instance, checks first.
func (s *Supervisor) quitting(i *instance, reason string) {
	i.set(state.Stopping, reason)
	s.keep(i)
	watch := i.unwatch()
	i.have.Killed, i.rush = false, make(chan struct{})
	id, marker, gen, end := i.proc, i.id, i.gen, ending{i.ended, i.rush}
	signal, timeout, final := i.killSignal, i.have.KillTimeout, i.have.Failing == ""
	s.work.Go(func() {
		watch.wait(end.rush)
		if s.quit(s.ctx, id, marker, signal, timeout, end) {
			if final {
				s.opts.Limiter.Release(marker)
			}
			s.post(func() { s.stopped(i, gen) })
		}
	})
}

// ending tells how the stop of a process goes on.
type ending struct {
	ended <-chan struct{} // closed at its exit
	rush  <-chan struct{} // closed when it has had its time, whatever its timeout
}

// killAgain is how often a process is killed that does not die, as in uninterruptible sleep.
const killAgain = 5 * time.Second

// quit asks a process to stop, gives it and all of its kin until the timeout, then kills what is left. It is true once
// nothing is, and false when ctx ended first: a later agent will go on.
func (s *Supervisor) quit(ctx context.Context, id proc.Identity, marker string, signal int, timeout time.Duration, end ending) bool {
	deadline := time.Now().Add(timeout)
	if err := s.opts.Runner.Signal(id, signal); err != nil && !errors.Is(err, proc.ErrGone) {
		s.log.Error("cannot ask the instance to stop", "instance", marker, "signal", signal, "error", err)
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.hurry:
		s.log.Warn("killing: the agent is to end now", "instance", marker, "pid", id.PID)
	case <-end.rush:
		s.log.Warn("killing: out of touch with the bucket, it has had its time", "instance", marker, "pid", id.PID)
	case <-timer.C:
		s.log.Warn("killing: it did not stop in time", "instance", marker, "pid", id.PID, "timeout", timeout)
	case <-end.ended:
		if s.await(ctx, marker, deadline, end.rush) {
			return true
		}
	}
	if ctx.Err() != nil {
		return false
	}
	for {
		s.clear(id, marker, false)
		again := time.NewTimer(killAgain)
		select {
		case <-ctx.Done():
			again.Stop()
			return false
		case <-end.ended:
			again.Stop()
			s.clear(id, marker, true)
			return true
		case <-again.C:
			s.log.Error("the process does not die", "instance", marker, "pid", id.PID)
		}
	}
}

// await waits for the kin of a process that has ended: they got the signal too, and have the same time for it. It is true
// once none is left.
func (s *Supervisor) await(ctx context.Context, marker string, deadline time.Time, rush <-chan struct{}) bool {
	for wait := 5 * time.Millisecond; len(s.opts.Runner.Leftovers(marker)) > 0; wait = min(2*wait, time.Second) {
		left := time.Until(deadline)
		select {
		case <-s.hurry:
			return false
		case <-rush:
			return false
		default:
		}
		if left <= 0 || !pauseOr(ctx, min(wait, left), rush) {
			return false
		}
	}
	return true
}

// clear kills all that carries an instance's marker. Once its process has ended that is all of the group and session that
// can be told to be its own, and looking for them costs one pass over the processes; before, Kill knows more. It gives how
// many there were.
func (s *Supervisor) clear(id proc.Identity, marker string, ended bool) (left int) {
	targets := s.opts.Runner.Leftovers(marker)
	if !ended {
		targets = append(targets, id)
	}
	for _, t := range targets {
		if err := s.opts.Runner.Kill(t); err != nil && !errors.Is(err, proc.ErrGone) {
			s.log.Error("cannot kill what is left of the instance", "instance", marker, "pid", t.PID, "error", err)
		}
	}
	return len(targets)
}

// forget drops an instance that is not wanted any more: its own working folder, its record and its ports. Its logs stay.
func (s *Supervisor) forget(i *instance) {
	i.gen++
	i.set(state.Stopping, "removing its working folder")
	gen, dir := i.gen, s.paths.work(i.app, i.n)
	s.work.Go(func() {
		s.opts.Limiter.Release(i.id)
		if err := host.RemoveAll(dir); err != nil {
			s.log.Warn("cannot remove the working folder", "instance", i.id, "error", err)
		}
		s.post(func() { s.forgotten(i, gen) })
	})
}

func (s *Supervisor) forgotten(i *instance, gen int64) {
	if i.gen != gen {
		return
	}
	s.ports.release(i.id)
	s.runs.remove(i)
	s.disk.forget(i.id)
	delete(s.instances, i.id)
	delete(s.observed, i.id)
	if i.have.Disconnect > 0 {
		s.guardContact()
	}
	s.boundsDue = true
	s.changed()
	for _, other := range s.instances {
		if other.blockedBy == i.id && !other.trying() {
			other.blockedBy, other.have.Ended = "", nil
			s.convergeOne(other.id)
		}
	}
	if s.desired.Wants[i.id] != nil {
		s.convergeOne(i.id) // it came back meanwhile
	}
}
