package health

import (
	"context"
	"slices"
	"sync"
	"time"

	"stathub/state"
)

// keepResults is how many results of each check a Monitor keeps.
const keepResults = 10

// Spec is one process whose health is to be watched.
type Spec struct {
	Checks  []state.HealthCheck
	Started time.Time // of the process, also if it was adopted; zero is now
	Ports   []int     // see Probe for these
	Dir     string
	Env     []string
	User    string
}

// Monitor runs the checks of one process of an instance; the next process needs a new Monitor. Between two runs it costs
// one goroutine, whatever the number of checks.
type Monitor struct {
	check  Check
	probes []Probe

	mu     sync.Mutex
	checks []progress
}

// progress is where one check stands.
type progress struct {
	target   string // of the probe
	limit    int    // maxConsecutiveFailures
	schedule Schedule
	counter  Counter
	due      time.Time
	running  bool
	results  []Result // newest first
}

// finished is a run that ended.
type finished struct {
	check   int
	began   time.Time
	took    time.Duration
	outcome Outcome
}

// NewMonitor makes the Monitor of one process; nothing runs before Run. It keeps the slices of spec, which nobody may
// change any more.
func NewMonitor(check Check, spec Spec) *Monitor {
	m := &Monitor{check: check, checks: make([]progress, len(spec.Checks))}
	for i, h := range spec.Checks {
		p := Probe{Check: h, Ports: spec.Ports, Dir: spec.Dir, Env: spec.Env, User: spec.User}
		m.probes = append(m.probes, p)
		m.checks[i].target, m.checks[i].limit = p.Target(), max(h.MaxConsecutiveFailures, 1)
	}
	m.plan(spec.Started, time.Now())
	return m
}

// plan sets up the schedules. The start is counted back from now, so that it carries now's monotonic reading: a step of the
// wall clock later on neither holds back nor hastens a check. A start in the future is now, for the same reason.
func (m *Monitor) plan(started, now time.Time) {
	start := now
	if !started.IsZero() {
		start = now.Add(-max(now.Sub(started), 0))
	}
	for i := range m.checks {
		c := &m.checks[i]
		c.schedule = NewSchedule(start, m.probes[i].Check)
		c.due = c.schedule.Next(time.Time{})
	}
}

// Run runs the checks until ctx is done, and returns once none is running any more; the process is to be killed after
// that, or along with it. It calls report after each result, one call at a time and never after it returned; report must
// not block, for checks wait meanwhile, but may call Snapshot. A run that ctx cut short has no result. Run is called once.
func (m *Monitor) Run(ctx context.Context, report func(Summary)) {
	var work sync.WaitGroup
	defer work.Wait()
	results := make(chan finished, len(m.checks)) // one run per check at a time, so nobody waits to send
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer m.end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case f := <-results:
			if ctx.Err() != nil {
				return
			}
			report(m.record(f))
		}
		due, wake := m.begin(time.Now())
		for _, i := range due {
			work.Go(func() { results <- m.probe(ctx, i) })
		}
		if wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(wake))
		}
	}
}

func (m *Monitor) probe(ctx context.Context, i int) finished {
	began := time.Now()
	outcome := m.check(ctx, m.probes[i])
	return finished{check: i, began: began, took: time.Since(began), outcome: outcome}
}

// begin marks what is due as running, and says when the next check will be due; zero is not before a result.
func (m *Monitor) begin(now time.Time) (due []int, wake time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.checks {
		c := &m.checks[i]
		switch {
		case c.running:
		case !c.due.After(now):
			c.running = true
			due = append(due, i)
		case wake.IsZero() || c.due.Before(wake):
			wake = c.due
		}
	}
	return due, wake
}

// record counts a result and plans the next run.
func (m *Monitor) record(f finished) Summary {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := &m.checks[f.check]
	var reached bool
	c.counter, reached = c.counter.Next(f.outcome.OK, c.limit)
	c.running, c.due = false, c.schedule.Next(f.began)
	r := Result{
		Check: f.check, Protocol: m.probes[f.check].Check.Protocol, Target: c.target,
		OK: f.outcome.OK, Code: f.outcome.Code, Message: f.outcome.Message,
		At: f.began.UTC().Truncate(time.Millisecond), TookSeconds: f.took.Seconds(), Failures: c.counter.Failures,
	}
	if len(c.results) > 0 && c.results[0].Message == r.Message {
		r.Message = c.results[0].Message // most are like the last: share the memory
	}
	c.results = slices.Insert(c.results, 0, r)
	if len(c.results) > keepResults {
		clear(c.results[keepResults:])
		c.results = c.results[:keepResults]
	}
	s := Summary{Health: m.sum()}
	if reached {
		s.Failed = &r
	}
	for _, c := range m.checks {
		if len(c.results) > 0 {
			s.Results = append(s.Results, c.results[0])
		}
	}
	return s
}

func (m *Monitor) sum() state.Health {
	counters := make([]Counter, len(m.checks))
	for i, c := range m.checks {
		counters[i] = c.counter
	}
	return Sum(counters)
}

// end leaves nothing due.
func (m *Monitor) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.checks {
		m.checks[i].due = time.Time{}
	}
}

// Snapshot gives each check with its last results, in order of the checks. The caller owns it. It may be called at any time,
// after Run too.
func (m *Monitor) Snapshot() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Status, 0, len(m.checks))
	for i, c := range m.checks {
		s := Status{
			Check: i, Protocol: m.probes[i].Check.Protocol, Target: c.target,
			Health: c.counter.Verdict, Failures: c.counter.Failures, MaxFailures: c.limit,
			Results: append([]Result{}, c.results...),
		}
		if s.Health == "" {
			s.Health = state.HealthUnknown
		}
		if !c.running && !c.due.IsZero() {
			s.NextAt = c.due.UTC().Truncate(time.Millisecond)
		}
		all = append(all, s)
	}
	return all
}
