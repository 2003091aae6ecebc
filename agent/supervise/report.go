package supervise

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"stathub/agent/proc"
	"stathub/state"
)

// Report describes the node as it is now. The caller owns it.
func (s *Supervisor) Report() state.Report {
	var r state.Report
	var ids []proc.Identity
	s.call(func() { r, ids = s.snapshot() })
	s.usage.fill(r.Instances, ids, time.Now())
	r.Usage = s.opts.Usage()
	for k := range r.Instances {
		if used, ok := s.disk.get(r.Instances[k].ID); ok {
			r.Instances[k].Disk = state.Bytes(used.bytes)
		}
	}
	return r
}

// snapshot copies what the loop knows, with the identity of each instance's process.
func (s *Supervisor) snapshot() (state.Report, []proc.Identity) {
	all := make([]*instance, 0, len(s.instances))
	for _, i := range s.instances {
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b *instance) int { return cmp.Or(cmp.Compare(a.app, b.app), a.n-b.n) })
	r := state.Report{
		Node: s.opts.Node, AgentVersion: s.opts.Version, Writer: s.opts.Writer, UpdatedAt: time.Now().UTC().Truncate(time.Second),
		Facts: s.facts, Tags: slices.Clone(s.opts.Tags), Isolation: slices.Clone(s.opts.Isolation), Manifest: s.status,
		Instances: make([]state.Instance, 0, len(all)),
	}
	ids := make([]proc.Identity, 0, len(all))
	for _, i := range all {
		artifacts, reason := s.artifactsOf(i)
		v := state.Instance{
			ID: i.id, App: i.app, N: i.n, Spec: i.have.Spec, PID: i.proc.PID, Ports: slices.Clone(i.ports), State: i.have.State,
			Reason: reason, Health: cmp.Or(i.health, state.HealthUnknown), Restarts: i.restarts, Artifacts: artifacts,
			NextRun: s.nextRun(i, r.UpdatedAt), Runs: slices.Clone(i.history),
		}
		if i.lastExit != nil {
			exit := *i.lastExit
			v.LastExit = &exit
		}
		r.Instances = append(r.Instances, v)
		ids = append(ids, i.proc)
	}
	for _, texts := range s.troubles {
		r.Errors = append(r.Errors, texts...)
	}
	slices.Sort(r.Errors)
	return r, ids
}

// reporter keeps the report in the bucket up to date. The agent is its only owner, yet it never overwrites it unread
// (law 2): members that it does not know are kept.
type reporter struct {
	s       *Supervisor
	key     string
	etag    state.ETag // as last read or written; "" is missing
	known   bool       // etag and extra are those of the bucket
	extra   []byte
	written *state.Report // nil: nothing yet
	usageAt time.Time     // when written went out
	due     time.Time     // writes so far, counted as one per reportEvery
	wrote   bool          // at least once
	rival   rival
	once    once
}

func newReporter(s *Supervisor) *reporter {
	return &reporter{s: s, key: state.KindReport.Key(s.opts.Node), once: once{log: s.log}}
}

const (
	reportDebounce = 200 * time.Millisecond
	reportEvery    = time.Second      // on average, while things keep changing
	reportBurst    = 20 * time.Second // worth of writes may come at once
	settleAfter    = time.Second      // a program that a script executes has its own name and children by then
	usageEvery     = time.Minute      // changes of use alone are not told more often; the bucket is looked at as often
	usageCostly    = 5 * time.Minute  // the same where each request is paid for
	reportRetry    = 5 * time.Second  // after a write that failed, on average; firstRetry at first
	lastReport     = 3 * time.Second  // for the one at the end
)

// run writes the report after each change, until ctx ends; the first one has the machine's facts, since a master makes the
// node's record of it.
func (p *reporter) run(ctx context.Context) {
	select {
	case <-p.s.gathered:
	case <-ctx.Done():
		return
	}
	p.s.changed()
	usage := time.NewTimer(scatter(p.every(), p.s.opts.Jitter())) // agents that start together look apart
	defer usage.Stop()
	var retry, settled <-chan time.Time
	more := false // processes came while settled was pending
	wait := firstRetry
	for {
		whole, dirty := false, p.s.dirty
		if retry != nil {
			dirty = nil // what changes until then is in that snapshot
		}
		select {
		case <-ctx.Done():
			return
		case <-dirty:
			if !pause(ctx, max(reportDebounce, time.Until(p.due.Add(-reportBurst)))) {
				return
			}
			select { // what changed meanwhile is in the snapshot too
			case <-p.s.dirty:
			default:
			}
		case <-usage.C:
			p.look(ctx)
			p.rival.forget(p.s)
			usage.Reset(p.every())
		case <-p.s.suspect:
			p.look(ctx)
		case <-retry:
		case <-settled:
			settled, whole = nil, true
		}
		retry = nil
		r := p.s.Report()
		more = more || p.newProcess(&r)
		began := time.Now()
		if p.write(ctx, r, whole) {
			if wait = firstRetry; more && settled == nil {
				settled, more = time.After(settleAfter), false
			}
			continue
		}
		// A request that hung tells of an outage that others share, and which may be over for all at the same moment.
		wait = max(wait, min(time.Since(began), reportRetry))
		retry = time.After(scatter(wait, p.s.opts.Jitter()))
		wait = min(2*wait, reportRetry)
	}
}

// every is how often the report is looked after though nothing happens.
func (p *reporter) every() time.Duration {
	if p.s.costly() && p.rival.count == 0 {
		return usageCostly
	}
	return usageEvery
}

// newProcess says whether r has a process that the report in the bucket does not have.
func (p *reporter) newProcess(r *state.Report) bool {
	known := map[int]bool{0: true}
	if p.written != nil {
		for k := range p.written.Instances {
			known[p.written.Instances[k].PID] = true
		}
	}
	return slices.ContainsFunc(r.Instances, func(i state.Instance) bool { return !known[i.PID] })
}

// last writes once more when everything has come to rest.
func (p *reporter) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastReport)
	defer cancel()
	p.write(ctx, p.s.Report(), false)
}

func pause(ctx context.Context, d time.Duration) bool { return pauseOr(ctx, d, nil) }

// write puts the report into the bucket if it tells something new, with whole also of the processes' use of the machine. It
// is false when it has to be tried again.
func (p *reporter) write(ctx context.Context, r state.Report, whole bool) bool {
	whole = whole || time.Since(p.usageAt) >= p.every()
	if p.written != nil && same(p.written, &r, whole) && !(whole && livelier(p.written, &r, p.s.costly())) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, p.s.opts.Deadline)
	defer cancel()
	err := p.put(ctx, r)
	if err != nil {
		p.known = false
		p.failed(err)
		return false
	}
	if p.once.clear("report") {
		p.s.log.Info("the report is written again")
		p.s.post(func() { p.s.trouble("report") })
	}
	p.written, p.wrote, p.usageAt = &r, true, time.Now()
	if p.due.Before(p.usageAt) {
		p.due = p.usageAt
	}
	p.due = p.due.Add(reportEvery)
	return true
}

// failed tells why a report is not in the bucket. That it may not be written is told by who opened it, who knows what to do.
func (p *reporter) failed(err error) {
	if state.CodeOf(err) != state.Denied {
		p.once.warn("report", "cannot write the report; trying again", err)
	} else if p.once.note("report", err) {
		p.s.log.Info("cannot write the report", "error", err)
		p.s.post(func() { p.s.trouble("report", "cannot write the report: "+err.Error()) }) // on the agent's own page
	}
}

// reportTries bounds the races with somebody who edits the report.
const reportTries = 5

func (p *reporter) put(ctx context.Context, r state.Report) (err error) {
	for range reportTries {
		if !p.known {
			if err = p.read(ctx, ""); err != nil {
				return err
			}
		}
		r.Extra = p.extra
		p.etag, err = state.Write(ctx, p.s.opts.Store, p.key, state.Encode(&r), state.Condition{IfMatch: p.etag, IfAbsent: p.etag == ""})
		if err == nil {
			return nil
		}
		p.known = false
		if code := state.CodeOf(err); code != state.Stale && code != state.Exists {
			return err
		}
	}
	return err
}

// look finds out whether the report in the bucket is still the one that was written: somebody may have removed it, put an
// old bucket in its place, or forgotten the node. What is not is written again.
func (p *reporter) look(ctx context.Context) {
	if p.written == nil {
		return // it is to be written anyway
	}
	known := p.etag
	if !p.known {
		known = "" // a write failed, and what it was for has passed: nobody knows what is there
	}
	ctx, cancel := context.WithTimeout(ctx, p.s.opts.Deadline)
	defer cancel()
	// A bucket that does not answer says nothing; the heartbeat tells of it.
	if p.read(ctx, known) == nil {
		p.written = nil
	}
}

// read learns the revision in the bucket, code NotModified if it is the known one, and the members that a newer agent put
// there. One that cannot be read as a report is the agent's own to replace.
func (p *reporter) read(ctx context.Context, known state.ETag) error {
	data, entry, err := state.Read(ctx, p.s.opts.Store, p.key, known, state.MaxDocument)
	if code := state.CodeOf(err); err != nil && code != state.NotFound && code != state.TooLarge {
		return err
	}
	p.etag, p.extra, p.known = entry.ETag, nil, true
	if err == nil {
		if old, err := state.Decode[state.Report](p.key, data); err == nil {
			p.extra = old.Extra
			if p.wrote {
				p.rival.met(p.s, old.Writer, entry.ETag)
			}
		}
	}
	return nil
}

// same says whether b tells nothing that a did not. How much of the machine processes use, which children they have, and
// under what name they run changes all the time: withUsage says whether that counts too.
func same(a, b *state.Report, withUsage bool) bool {
	if withUsage && !sameUsage(a.Instances, b.Instances) {
		return false
	}
	return bytes.Equal(essence(a), essence(b))
}

func essence(r *state.Report) []byte {
	c := *r
	c.UpdatedAt, c.Extra, c.Usage = time.Time{}, nil, nil
	c.Instances = slices.Clone(r.Instances)
	for k := range c.Instances {
		i := &c.Instances[k]
		i.CPU, i.RSS, i.Children, i.Cmd, i.PPID = 0, 0, nil, "", 0
		i.IORead, i.IOWrite, i.Files, i.Disk = 0, 0, 0, 0
	}
	return state.EncodeLine(&c)
}

// sameUsage allows for differences that nobody would act on: a twentieth of a core, a tenth of the memory.
func sameUsage(a, b []state.Instance) bool {
	return slices.EqualFunc(a, b, func(x, y state.Instance) bool {
		rss := math.Abs(float64(x.RSS - y.RSS))
		return math.Abs(x.CPU-y.CPU) <= 0.05 && (rss <= 1<<20 || rss <= 0.1*float64(x.RSS)) &&
			x.Cmd == y.Cmd && x.PPID == y.PPID && slices.Equal(x.Children, y.Children)
	})
}
