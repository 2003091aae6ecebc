package supervise

import (
	"errors"
	"fmt"

	"stathub/agent/events"
	"stathub/agent/proc"
	"stathub/state"
)

// sigKill is SIGKILL, on every system of the agent.
const sigKill = 9

// obey kills the processes that a manifest orders to be killed. An order whose process is gone does nothing, so each
// manifest is obeyed anew, and an agent that died in between misses none. The loop calls it; it waits for nothing.
func (s *Supervisor) obey(orders []state.Kill) {
	if len(orders) == 0 {
		return
	}
	s.work.Go(func() {
		report := s.Report()
		for i := range report.Instances {
			inst := &report.Instances[i]
			for k := range orders {
				if orders[k].Names(inst) && inst.State != state.Stopping {
					s.killOrdered(inst)
					break
				}
			}
		}
	})
}

// killOrdered kills the process of an instance, if it still is that one.
func (s *Supervisor) killOrdered(inst *state.Instance) {
	var id proc.Identity
	s.call(func() {
		if i := s.instances[inst.ID]; i != nil && i.proc.PID == inst.PID {
			id = i.proc
			s.event(events.InstanceKilled, i, fmt.Sprintf("killing process %d: the manifest orders it", id.PID))
		}
	})
	if id.PID == 0 {
		return
	}
	if err := s.opts.Runner.Signal(id, sigKill); err != nil && !errors.Is(err, proc.ErrGone) {
		s.log.Error("cannot kill what the manifest orders to be killed", "instance", inst.ID, "pid", id.PID, "error", err)
	}
}
