package supervise

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"stathub/agent/health"
	"stathub/agent/proc"
	"stathub/state"
)

// watch runs the health checks of one process of an instance. A nil watch checks nothing.
type watch struct {
	monitor *health.Monitor
	checks  []state.HealthCheck
	cancel  context.CancelFunc
	done    chan struct{} // closed when no check runs any more

	// The loop's.
	over    bool      // its results count no more
	healthy time.Time // when all checks had passed for the first time
}

// good is for how long the process has run well: not at all unless all checks had passed once.
func (w *watch) good(now time.Time) time.Duration {
	if w == nil || w.healthy.IsZero() {
		return 0
	}
	return now.Sub(w.healthy)
}

// checkGrace is how long a stop waits for checks that were called off, unless it is rushed. One that hangs in the kernel
// does not hold it up.
const checkGrace = time.Second

func (w *watch) wait(rush <-chan struct{}) {
	if w == nil {
		return
	}
	late := time.NewTimer(checkGrace)
	defer late.Stop()
	select {
	case <-w.done:
	case <-rush:
	case <-late.C:
	}
}

// unwatch calls the checks of an instance off, and gives what there is to wait for. The results stay, to be looked at.
func (i *instance) unwatch() *watch {
	if w := i.watch; w != nil && !w.over {
		w.over = true
		w.cancel()
	}
	return i.watch
}

// watchHealth makes the checks that run for an instance those that its app has now: its process goes on whatever changed
// in them (law 5).
func (s *Supervisor) watchHealth(i *instance) {
	checks := s.checksOf(i)
	if w := i.watch; w != nil {
		if i.have.State == state.Stopping || !w.over && reflect.DeepEqual(w.checks, checks) {
			return
		}
		i.unwatch()
		i.watch = nil
		s.healthIs(i, state.HealthUnknown)
	}
	if len(checks) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(s.ctx)
	w := &watch{monitor: health.NewMonitor(s.opts.Check, s.healthSpec(i, checks)), checks: checks, cancel: cancel, done: make(chan struct{})}
	i.watch = w
	s.work.Go(func() {
		defer close(w.done)
		w.monitor.Run(ctx, func(sum health.Summary) { s.post(func() { s.checked(i, w, sum) }) })
	})
}

// checksOf gives the checks that are to run for an instance: none unless its process is what the manifest asks for, since
// they would ask another program, or one that is about to be stopped.
func (s *Supervisor) checksOf(i *instance) []state.HealthCheck {
	from, want := s.desired.specs[i.id], s.desired.Wants[i.id]
	if s.ending || from == nil || want.Hold != "" || i.have.Spec != want.Spec ||
		i.proc.PID == 0 || !i.have.State.Live() || i.have.State == state.Stopping {
		return nil
	}
	return from.app.HealthChecks
}

func (s *Supervisor) healthSpec(i *instance, checks []state.HealthCheck) health.Spec {
	from := s.desired.specs[i.id]
	spec := health.Spec{Checks: checks, Started: i.startedAt, Ports: slices.Clone(i.ports)}
	if !slices.ContainsFunc(checks, func(h state.HealthCheck) bool { return h.Protocol == health.Command }) {
		return spec
	}
	spec.Dir, spec.User = s.paths.workDir(i.app, i.n, from.app.WorkingDirectory), from.app.User
	t := try{id: i.id, app: i.app, n: i.n, gen: i.gen, sum: i.have.Spec, spec: from, due: i.have.Run, disconnect: i.have.Disconnect}
	_, spec.Env = s.environment(t, i.ports)
	return spec
}

// checked takes a result. One of a process that was since stopped, or of checks that were since changed, is ignored.
func (s *Supervisor) checked(i *instance, w *watch, sum health.Summary) {
	if i.watch != w || w.over {
		return
	}
	if sum.Health == state.HealthHealthy && w.healthy.IsZero() {
		w.healthy = time.Now()
	}
	s.healthIs(i, sum.Health)
	if f := sum.Failed; f != nil {
		i.have.Failing = fmt.Sprintf("health check failed: %s: %s", f.Target, f.Message)
		s.convergeOne(i.id)
	}
}

// healthIs notes the health of an instance that runs, and that alone: nothing is written where nothing changed.
func (s *Supervisor) healthIs(i *instance, h state.Health) {
	to := state.Running
	switch h {
	case state.HealthHealthy:
		to = state.Healthy
	case state.HealthUnhealthy:
		to = state.Unhealthy
	}
	if cmp.Or(i.health, state.HealthUnknown) == h && i.have.State == to {
		return
	}
	s.tellHealth(i, h)
	i.health = h
	if i.have.State.Live() && i.have.State != state.Stopping {
		i.have.State = to
	}
	s.keep(i)
}

// Health gives each health check of the instance whose process is pid, with its last results: none if its app has no
// checks. NotFound when no instance has that process.
func (s *Supervisor) Health(pid int) ([]health.Status, error) {
	var id proc.Identity
	var w *watch
	s.call(func() {
		for _, i := range s.instances {
			if i.proc.PID == pid && pid != 0 {
				id, w = i.proc, i.watch
			}
		}
	})
	switch {
	case id.PID == 0:
		return nil, state.Errorf(state.NotFound, fmt.Sprint(pid), "no instance on this node has a process %d", pid)
	case w == nil:
		return []health.Status{}, nil
	default:
		return w.monitor.Snapshot(), nil
	}
}
