package supervise

import (
	"context"

	"stathub/agent/events"
	"stathub/state"
)

// askedFor is why an instance is restarted that a person wants restarted.
const askedFor = "a restart of it was asked for"

// Restart stops the process of the instance with this name, such as "web.0", as its app says, and starts it again, whatever
// its restart policy says: one that has completed, failed, or waits to be tried again is started at once. A start that is
// under way goes on. NotFound when there is no such instance; Nonsense when it is not to run now, or is of a scheduled job,
// whose runs begin by its schedule alone.
func (s *Supervisor) Restart(_ context.Context, name string) error {
	var err error
	s.call(func() {
		i := s.instances[s.opts.Node+"/"+name]
		if i == nil {
			err = state.Errorf(state.NotFound, name, "no app of this node has an instance %q", name)
			return
		}
		if err = s.restartable(i); err == nil {
			s.restart(i)
		}
	})
	return err
}

// restartable says why an instance would not start again if it were stopped now.
func (s *Supervisor) restartable(i *instance) error {
	want := s.desired.Wants[i.id]
	switch {
	case s.ending:
		return state.Errorf(state.Unavailable, i.id, "the agent is about to end")
	case !s.desired.Known || want == nil:
		return state.Errorf(state.Nonsense, i.id, "no manifest asks for it: it would not start again")
	case want.Off != "":
		return state.Errorf(state.Nonsense, i.id, "it is stopped: %s", want.Off)
	case want.Hold != "":
		return state.Errorf(state.Nonsense, i.id, "it cannot start: %s", want.Hold)
	case want.Job != nil:
		return state.Errorf(state.Nonsense, i.id, "it is of a scheduled job, and runs by its schedule alone; _kill ends a run")
	}
	return nil
}

// restart is called by the loop.
func (s *Supervisor) restart(i *instance) {
	switch {
	case i.trying():
		return
	case i.have.State == state.Stopping:
		i.have.Ended, i.have.Failing, i.have.Failures = nil, "", 0 // so that it starts once nothing is left of the process
		return
	case i.have.State.Live():
		s.stop(i, events.InstanceStop, askedFor)
		return
	}
	i.have.Ended, i.have.Failures, i.blockedBy = nil, 0, ""
	s.convergeOne(i.id)
	s.keep(i)
}
