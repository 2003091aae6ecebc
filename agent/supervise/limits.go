package supervise

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stathub/agent/events"
	"stathub/agent/proc"
	"stathub/state"
)

// Limiter enforces what instances may use, and measures it; *proc.Runner has the contract of each method. A marker is an
// instance ID.
type Limiter interface {
	Limit(marker string, l proc.Limits) error
	Counters(marker string) proc.Counters
	Consumed(marker string, pids []int) proc.Consumption
	Release(marker string)
	Sweep()
}

// noLimits enforces and measures nothing.
type noLimits struct{}

func (noLimits) Limit(string, proc.Limits) error         { return nil }
func (noLimits) Counters(string) proc.Counters           { return proc.Counters{} }
func (noLimits) Consumed(string, []int) proc.Consumption { return proc.Consumption{} }
func (noLimits) Sweep()                                  {}
func (noLimits) Release(string)                          {}

// IsolationDisk is the word of Report.Isolation for a limit on the working directory, which every agent can enforce.
const IsolationDisk = "disk"

// limitsOf gives what an app's instances may use. One that says nothing of its resources has no limits at all.
func limitsOf(a *state.App) proc.Limits {
	r := a.ResAlloc
	if r == nil {
		return proc.Limits{}
	}
	return proc.Limits{CPUs: r.CPUs, Mem: int64(r.Mem), PIDs: cmp.Or(r.PIDs, state.DefaultPIDs)}
}

// unenforced tells which limits that an app asks for this agent cannot enforce; "" is none.
func unenforced(a *state.App, isolation []string) string {
	r := a.ResAlloc
	if r == nil {
		return ""
	}
	var missing []string
	for _, l := range []struct {
		asked         bool
		member, needs string
	}{{r.CPUs > 0, "cpus", proc.LimitsCPU}, {r.Mem > 0, "mem", proc.LimitsMemory}, {r.PIDs > 0, "pids", proc.LimitsPIDs}} {
		if l.asked && !slices.Contains(isolation, l.needs) {
			missing = append(missing, l.member)
		}
	}
	var texts []string
	if len(missing) > 0 {
		texts = append(texts, "not enforced: resAlloc."+strings.Join(missing, ", resAlloc.")+", since this machine, or the rights of the agent, have no such limits")
	}
	if r.Disk > 0 && filepath.IsAbs(a.WorkingDirectory) {
		texts = append(texts, "not enforced: resAlloc.disk, since workingDirectory is absolute and may hold what others wrote")
	}
	return strings.Join(texts, "; ")
}

// limit prepares the limits of a try. What cannot be enforced is told, and does not keep the instance from starting.
func (s *Supervisor) limit(t try, r *launched) {
	r.limits = unenforced(t.spec.app, s.opts.Isolation)
	l := limitsOf(t.spec.app)
	if err := s.opts.Limiter.Limit(t.id, l); err != nil && l != (proc.Limits{}) {
		r.limits = "not enforced: resAlloc: " + err.Error()
	} else if err != nil {
		s.log.Warn("an instance runs without a cgroup", "instance", t.id, "error", err)
	}
	r.counters = s.opts.Limiter.Counters(t.id)
}

// limited notes what became of the limits of an instance that was started.
func (s *Supervisor) limited(i *instance, r launched) {
	i.counters = r.counters
	if r.limits != "" && r.limits != i.unlimited {
		s.event(events.InstanceLimits, i, r.limits)
	}
	i.unlimited = r.limits
}

// takeCounters gives an adopted instance the counters from which on something is news: those of its record, else what they
// are now.
func (s *Supervisor) takeCounters(i *instance) {
	if !i.counted {
		i.counters, i.counted = s.opts.Limiter.Counters(i.id), true
	}
}

// oomWindow is how long after the kernel killed a process for lack of memory its end may be seen.
const oomWindow = 2 * time.Second

// blame adds to the end of a process that the kernel ended it, or one of its kin, for lack of memory.
func (s *Supervisor) blame(i *instance, exit *state.Exit) {
	now := s.opts.Limiter.Counters(i.id)
	killed := s.count(i, now)
	switch {
	case exit.Signal == sigKill && (killed > 0 || time.Since(i.oomAt) < oomWindow):
		exit.Reason = "killed by the kernel: " + lackOfMemory(now)
	case killed > 0:
		exit.Reason += "; the kernel had killed " + processes(killed) + " of it: " + lackOfMemory(now)
	}
}

// lackOfMemory says whose memory ran out.
func lackOfMemory(c proc.Counters) string {
	if c.MemLimit > 0 {
		return "it used more than its memory limit of " + sizeText(c.MemLimit)
	}
	return "the machine ran out of memory"
}

func processes(n int64) string {
	if n == 1 {
		return "one process"
	}
	return fmt.Sprintf("%d processes", n)
}

// count takes newer counters of an instance, tells of what they say, and gives how many processes the kernel killed. The
// counters start anew with a group that somebody removed.
func (s *Supervisor) count(i *instance, now proc.Counters) (killed int64) {
	before := i.counters
	if i.counters = now; before != now {
		s.runs.put(i)
	}
	if killed = now.OOMKills - before.OOMKills; killed > 0 {
		i.oomAt = time.Now()
		s.event(events.InstanceOOM, i, fmt.Sprintf("the kernel killed %s of it: %s", processes(killed), lackOfMemory(now)))
	}
	if now.PIDDenied > before.PIDDenied {
		s.event(events.InstancePIDs, i, fmt.Sprintf("it could not make a process or thread: it has as many as resAlloc.pids allows, %d unless it says otherwise",
			state.DefaultPIDs))
	}
	return max(killed, 0)
}

// countersEvery is how often it is looked at what the kernel did to instances that go on running.
const countersEvery = 10 * time.Second

// watchLimits tells of instances that lost a process to their limits and run on, until ctx ends.
func (s *Supervisor) watchLimits(ctx context.Context) {
	for pause(ctx, countersEvery) {
		gens := map[string]int64{}
		s.call(func() {
			for id, i := range s.instances {
				if i.proc.PID != 0 && i.have.State.Live() {
					gens[id] = i.gen
				}
			}
		})
		for id, gen := range gens {
			now := s.opts.Limiter.Counters(id)
			if now == (proc.Counters{}) {
				continue
			}
			s.post(func() {
				i := s.instances[id]
				if i != nil && i.gen == gen && (now.OOMKills > i.counters.OOMKills || now.PIDDenied > i.counters.PIDDenied) {
					s.count(i, now)
				}
			})
		}
	}
}

var sizeUnits = [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}

// sizeText writes bytes for people.
func sizeText(n int64) string {
	v, unit := float64(n), 0
	for v >= 1024 && unit < len(sizeUnits)-1 {
		v, unit = v/1024, unit+1
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + sizeUnits[unit]
}
