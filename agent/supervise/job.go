package supervise

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"stathub/agent/converge"
	"stathub/agent/events"
	"stathub/agent/proc"
	"stathub/state"
	"stathub/state/schedule"
)

// ScheduledEnv is the variable in which a process of a scheduled job finds when its run was due, in UTC as of RFC 3339.
const ScheduledEnv = "STATHUB_SCHEDULED"

const (
	maxOverlap = 10     // runs of one instance of a scheduled job at a time
	maxPlaces  = 10_000 // for overlapping runs of one job; many instances have fewer each
)

// schedule makes the instances of a content those of a scheduled job; ids are all of its entry. A run that overlaps is
// instance n + count, or n + 2 × count, …
func (d *desired) schedule(node string, c content, want *converge.Want, from *spec, ids []string) {
	e := c.entry
	times, err := schedule.New(e.Schedule)
	if err != nil {
		want.Hold = err.Error()
		return
	}
	want.Job = &converge.Job{Times: times, Concurrency: e.Schedule.Concurrency}
	for n := c.from; n < c.to; n++ {
		id, beside := ids[n], *want
		beside.Job = &converge.Job{Times: times, Concurrency: e.Schedule.Concurrency, Base: id}
		for k := range min(maxOverlap-1, maxPlaces/len(ids)) {
			place := state.InstanceID(node, e.App.Name, n+(k+1)*len(ids))
			d.Wants[place], d.specs[place] = &beside, from
			d.Beside[id] = append(d.Beside[id], place)
		}
	}
}

// fired notes up to when the times of a scheduled job are dealt with.
func (s *Supervisor) fired(a converge.Action) {
	base := s.instances[cmp.Or(a.Base, a.ID)]
	base.have.Fired, base.have.Schedule = a.Fired, s.desired.Wants[base.id].Job.Times.String()
	if a.Base != "" {
		s.keep(base)
	}
}

// begin begins a run.
func (s *Supervisor) begin(i *instance, a converge.Action) {
	if a.Due.IsZero() {
		return // a service, or another try
	}
	s.editRun(i, func(r *state.Run) {
		if r.End.IsZero() {
			r.End, r.Reason = now(), cmp.Or(r.Reason, "it gave way to the next run")
		}
	})
	i.base = a.Base
	i.have.Run, i.have.Ended, i.have.Failures, i.restarts = a.Due, nil, 0, 0
	s.addRun(i, state.Run{At: a.Due})
	text := "the run of " + s.due(i, a.Due) + " begins"
	if late := time.Since(a.Due); late >= time.Minute {
		text += fmt.Sprintf(", %s late", late.Round(time.Second))
	}
	s.event(events.JobRun, i, text)
}

// noteBegun has it on disk that a process is about to be made for a run, before it is: an agent that finds no process then
// takes the run for one that has ended, and does not begin it again. It is false when the try was called off.
func (s *Supervisor) noteBegun(ctx context.Context, t try) bool {
	noted := make(chan (<-chan struct{}), 1)
	s.post(func() {
		if i := s.instances[t.id]; i != nil && i.gen == t.gen {
			i.begun = true
			s.keep(i)
		}
		noted <- s.runs.written()
	})
	select {
	case written := <-noted:
		select {
		case <-written:
			return true
		case <-ctx.Done():
		}
	case <-ctx.Done():
	}
	return false
}

// mayRun reports whether a record is of a run whose process may have been made, though it does not say which it is.
func (r *record) mayRun() bool {
	return r != nil && r.Begun && r.Proc == nil && r.Ended == nil && !r.Progress.Run.IsZero()
}

// unseen ends a run of which nobody can tell how it ended.
func (s *Supervisor) unseen(i *instance) {
	const what = "its end was not seen"
	i.have.Ended = &converge.End{At: time.Now(), Failed: true, Started: true, What: what}
	s.runEnded(i, proc.Exit{At: time.Now()}, what)
}

// skip leaves a run out. Of several in a row the last is kept, with their number.
func (s *Supervisor) skip(i *instance, a converge.Action) {
	text := "the run of " + s.due(i, a.Due) + " is left out: " + a.Reason
	if len(i.history) > 0 && i.history[0].Skipped > 0 {
		last := &i.history[0]
		last.At, last.Reason = a.Due, a.Reason
		last.Skipped++
	} else {
		s.addRun(i, state.Run{At: a.Due, Skipped: 1, Reason: a.Reason})
	}
	i.have.Reason = text
	s.keep(i)
	s.event(events.JobSkip, i, text)
}

func (s *Supervisor) due(i *instance, t time.Time) string {
	if want := s.desired.Wants[i.id]; want != nil && want.Job != nil {
		return want.Job.Times.Format(t)
	}
	return t.Format(time.RFC3339)
}

// historian gives the instance that keeps the history of another's runs; nil if it is gone.
func (s *Supervisor) historian(i *instance) *instance {
	if i.base == "" {
		return i
	}
	return s.instances[i.base]
}

func (s *Supervisor) addRun(i *instance, r state.Run) {
	if base := s.historian(i); base != nil {
		base.history = slices.Insert(base.history, 0, r)
		base.history = base.history[:min(len(base.history), state.MaxRuns)]
		s.keep(base)
	}
}

// editRun changes what is kept of the run that an instance is at, if anything is.
func (s *Supervisor) editRun(i *instance, edit func(*state.Run)) {
	base := s.historian(i)
	if i.have.Run.IsZero() || base == nil {
		return
	}
	for k := range base.history {
		if r := &base.history[k]; r.Skipped == 0 && r.At.Equal(i.have.Run) {
			edit(r)
			if base != i {
				s.keep(base)
			}
			return
		}
	}
}

// runStarted tells the history of a process of the run.
func (s *Supervisor) runStarted(i *instance) {
	s.editRun(i, func(r *state.Run) {
		if r.Start.IsZero() {
			r.Start = i.startedAt.UTC().Truncate(time.Millisecond)
		} else {
			r.Tries = max(r.Tries, 1) + 1
		}
		r.End, r.Code, r.Signal, r.Reason = time.Time{}, nil, 0, ""
	})
}

// runEnded tells the history of the end of a process of the run.
func (s *Supervisor) runEnded(i *instance, exit proc.Exit, reason string) {
	s.editRun(i, func(r *state.Run) {
		r.End, r.Signal, r.Reason = exit.At.UTC().Truncate(time.Millisecond), exit.Signal, reason
		if code := exit.Code; exit.Known && exit.Signal == 0 {
			r.Code = &code
		}
	})
}

// interrupted notes that the machine went down while a run was under way: a run that is tried once is over.
func (s *Supervisor) interrupted(i *instance) {
	if i.have.Run.IsZero() {
		return
	}
	const what = "the machine went down while it ran"
	i.have.Ended, i.have.Failures = &converge.End{At: time.Now(), Failed: true, Started: true, What: what}, 1
	s.runEnded(i, proc.Exit{At: time.Now()}, what)
}

// nextRun gives when an instance is to run next, zero where that is not known or it is due already.
func (s *Supervisor) nextRun(i *instance, now time.Time) time.Time {
	d := s.desired
	if d.manifest == nil && s.cached != nil {
		d = s.cached
	}
	want := d.Wants[i.id]
	switch {
	case d.manifest == nil:
		return i.recalled
	case want == nil || want.Job == nil || want.Job.Base != "" || want.Off != "" || i.have.Fired.IsZero():
		return time.Time{}
	}
	if next := want.Job.Times.Next(i.have.Fired); next.After(now) {
		return next
	}
	return time.Time{}
}

// recall takes what the disk of an agent no longer tells from the report in the bucket: the runs of scheduled jobs, and which
// manifest was followed. ok is false when that has to be tried again.
func (s *Supervisor) recall(ctx context.Context) (followed mark, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Deadline)
	defer cancel()
	key := state.KindReport.Key(s.opts.Node)
	data, _, err := state.Read(ctx, s.opts.Store, key, "", state.MaxDocument)
	if code := state.CodeOf(err); err != nil {
		return mark{}, code != state.Unavailable && code != state.Denied
	}
	report, err := state.Decode[state.Report](key, data)
	if err != nil {
		return mark{}, true // of another kind of agent, or edited: there is nothing to learn
	}
	s.post(func() {
		for k := range report.Instances {
			s.remember(&report.Instances[k])
		}
	})
	return mark{report.Manifest.Term, report.Manifest.Generation}, true
}

// remember takes up what the report tells of one instance: which runs there were, and when the next was to be.
func (s *Supervisor) remember(told *state.Instance) {
	if told.NextRun.IsZero() && len(told.Runs) == 0 || !ours(s.opts.Node, told.ID) {
		return
	}
	i := s.instances[told.ID]
	if i == nil {
		i = s.newInstance(told.ID)
		i.set(state.Stopped, "")
	}
	if len(i.history) > 0 {
		return // the disk told
	}
	i.history, i.recalled = slices.Clone(told.Runs[:min(len(told.Runs), state.MaxRuns)]), told.NextRun
	for k := range i.history {
		r := &i.history[k]
		if r.End.IsZero() && r.Skipped == 0 && !r.At.Equal(i.have.Run) {
			r.Reason = "its end was not seen"
		}
	}
	fired := time.Now()
	if !told.NextRun.IsZero() && told.NextRun.Before(fired) {
		fired = told.NextRun.Add(-time.Nanosecond) // it was missed
	}
	if fired = fired.Round(0); fired.After(i.have.Fired) {
		i.have.Fired = fired
	}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
