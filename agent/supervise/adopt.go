package supervise

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"stathub/agent/events"
	"stathub/agent/proc"
	"stathub/state"
)

// adopt takes over the processes that an earlier agent started (law 4): those of the records whose identity still holds,
// and those that are found by their marker although no record tells of them.
func (s *Supervisor) adopt() error {
	found, err := s.opts.Runner.Find(s.opts.Node + "/")
	if err != nil {
		return fmt.Errorf("cannot look for running instances: %w", err)
	}
	if s.opts.Trust != nil {
		s.followed = later(s.followed, followedBy(found))
	}
	leaders := map[string][]proc.Found{}
	for _, f := range found {
		if id := f.Env[proc.MarkerEnv]; ours(s.opts.Node, id) {
			leaders[id] = append(leaders[id], f)
		}
	}
	records := readRecords(s.paths, s.opts.Node, s.log)
	var doubled []string
	for id, r := range records {
		i := s.newInstance(id)
		r.restore(i)
		s.ports.claim(id, i.ports)
	}
	for id, r := range records {
		switch {
		case leaders[id] != nil:
		case r.Proc != nil:
			s.take(s.instances[id], *r.Proc) // dead by now, or of cleared environment
		case r.mayRun():
			s.unseen(s.instances[id])
		}
	}
	for id, all := range leaders {
		doubled = append(doubled, s.adoptLeaders(id, records[id], all)...)
	}
	slices.Sort(doubled)
	for _, text := range doubled {
		s.log.Warn(text)
	}
	if len(doubled) > 0 {
		s.troubles["adoption"] = doubled
	}
	return nil
}

// adoptLeaders adopts one of the session leaders that carry an instance's marker, oldest first, and gives a text for each
// of the others.
func (s *Supervisor) adoptLeaders(id string, r *record, all []proc.Found) (doubled []string) {
	i := s.instances[id]
	if i == nil {
		i = s.newInstance(id)
	}
	kept := -1 // the recorded one
	if r != nil && r.Proc != nil {
		kept = slices.IndexFunc(all, func(f proc.Found) bool { return f.ID == *r.Proc })
		if kept < 0 && s.opts.Runner.Adopt(*r.Proc) == nil {
			s.take(i, *r.Proc) // alive, though its environment does not say so
		}
	}
	if i.proc.PID == 0 && kept < 0 {
		// What carries the generation of the record is only kin of its process, which is gone; a later one was started after
		// the record was written. One of a run that was about to begin is of the very process.
		kept = slices.IndexFunc(all, func(f proc.Found) bool {
			return r == nil || (generation(f.Env) == r.Generation) == r.mayRun()
		})
		if kept < 0 {
			s.wasGone(i, &proc.GoneError{ID: identity(r, all[0].ID)})
			return nil
		}
		fromEnv(i, all[kept].Env)
		s.ports.claim(id, i.ports)
	}
	if kept >= 0 {
		i.have.Disconnect = disconnectOf(all[kept].Env)
		s.take(i, all[kept].ID)
	}
	for j, f := range all {
		// A descendant that made a session of its own is no second instance; it is left alone either way.
		if j != kept && (i.gen == 0 || generation(f.Env) != i.gen) {
			doubled = append(doubled, fmt.Sprintf("instance %s has a second process %d beside %d: it is left alone", id, f.ID.PID, i.proc.PID))
		}
	}
	return doubled
}

// identity gives the recorded process, else the other.
func identity(r *record, other proc.Identity) proc.Identity {
	if r.Proc != nil {
		return *r.Proc
	}
	return other
}

func generation(env map[string]string) int64 {
	g, _ := strconv.ParseInt(env[GenerationEnv], 10, 64)
	return g
}

func ours(node, id string) bool {
	owner, app, _, ok := parseID(id)
	return ok && owner == node && state.CheckName(app) == nil
}

// fromEnv takes from a process's own environment what no record tells.
func fromEnv(i *instance, env map[string]string) {
	i.gen = generation(env)
	i.startedAt, i.caveat = time.Time{}, "" // of another process
	i.have.Spec, i.have.Ended, i.artifacts, i.renewing, i.ports = env[SpecEnv], nil, nil, false, nil
	i.have.Run, _ = time.Parse(time.RFC3339, env[ScheduledEnv]) // zero: a service
	if i.have.Run.After(i.have.Fired) {
		i.have.Fired = i.have.Run
	}
	for n := 1; ; n++ {
		port, err := strconv.Atoi(env["PORT_"+strconv.Itoa(n)])
		if err != nil || port < 1 || port > 65535 {
			return
		}
		i.ports = append(i.ports, port)
	}
}

// take watches a process that is to be an instance's. What became of one that is gone is told as an exit.
func (s *Supervisor) take(i *instance, id proc.Identity) {
	err := s.opts.Runner.Adopt(id)
	var gone *proc.GoneError
	switch {
	case errors.As(err, &gone):
		s.wasGone(i, gone)
		return
	case errors.Is(err, proc.ErrGone):
		s.wasGone(i, &proc.GoneError{ID: id})
		return
	case err != nil:
		// It may well live: unsure means hands off.
		s.log.Error("cannot watch a running instance; trying again", "instance", i.id, "pid", id.PID, "error", err)
		s.unwatched[id], s.watchAt = i, time.Now().Add(watchEvery)
	}
	i.proc, i.lastPID, i.ended = id, id.PID, make(chan struct{})
	i.have.Ended = nil
	s.takeCounters(i)
	i.set(state.Running, i.caveat)
	if i.startedAt.IsZero() {
		i.startedAt = s.startTime(id)
	}
	i.have.Since = i.startedAt
	s.byProc[id] = i
	s.log.Info("adopted", "instance", i.id, "pid", id.PID)
	s.tell(events.InstanceAdopted, i, fmt.Sprintf("process %d runs already, and goes on", id.PID))
	s.keep(i)
}

func (s *Supervisor) startTime(id proc.Identity) time.Time {
	infos, err := s.opts.Runner.InspectAll([]proc.Identity{id})
	if err != nil || infos[id].StartTime.IsZero() {
		return time.Now()
	}
	return infos[id].StartTime
}

// wasGone tells of a process that ended while no agent ran. Of a process of an earlier boot that is no failure: the
// machine went down, and all starts anew.
func (s *Supervisor) wasGone(i *instance, gone *proc.GoneError) {
	i.lastPID = gone.ID.PID
	if boot, err := proc.BootID(); err == nil && boot != gone.ID.Boot {
		i.have.Ended, i.have.Failures = nil, 0
		s.interrupted(i)
		i.startedAt = time.Time{}
		s.keep(i)
		return
	}
	i.proc, i.ended = gone.ID, make(chan struct{})
	s.byProc[gone.ID] = i
	exit := gone.Exit
	if exit.At.IsZero() {
		exit.At = time.Now()
	}
	s.takeCounters(i)
	i.set(state.Running, "")
	s.exited(proc.Exited{ID: gone.ID, Exit: exit})
}

// watchEvery is how long to wait before a process that could not be watched is tried again.
const watchEvery = time.Second

// watchAgain tries once more to watch what could not be watched.
func (s *Supervisor) watchAgain() {
	s.watchAt = time.Now().Add(watchEvery)
	for id, i := range s.unwatched {
		err := s.opts.Runner.Adopt(id)
		switch {
		case errors.Is(err, proc.ErrGone):
			s.exited(proc.Exited{ID: id, Exit: proc.Exit{At: time.Now()}})
		case err == nil:
			delete(s.unwatched, id)
			s.log.Info("watching again", "instance", i.id, "pid", id.PID)
		}
	}
}
