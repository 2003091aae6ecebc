// Package supervise keeps the processes of one node as its manifest says. It polls the manifest, lets package converge
// decide, carries the decisions out, and reports.
//
// One goroutine, the loop, owns the state of every instance. What may be slow (fetching, forking, waiting for a stop,
// every request to the store) runs elsewhere and comes back as an event. Per instance one effect runs at a time, so that
// there is never a second process; an event that belongs to an earlier generation of the process is ignored.
package supervise

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"stathub/agent/converge"
	"stathub/agent/crash"
	"stathub/agent/events"
	"stathub/agent/host"
	"stathub/agent/logs"
	"stathub/agent/proc"
	"stathub/state"
	"stathub/state/eventlog"
)

// Supervisor supervises one node. Make it with New; Run runs it once. The other methods are safe for concurrent use at
// any time, before and after Run too.
type Supervisor struct {
	opts  Options
	log   *slog.Logger
	paths paths
	ports *portTable
	runs  *recorder
	usage *sampler
	disk  *diskUse
	logs  *logs.Keeper
	told  *eventlog.Log

	crashes *crash.Keeper
	contact *contact

	forks chan struct{} // bounds the forks at one time

	events chan func() // to be called by the loop
	done   chan struct{}
	mu     sync.Mutex     // after done: in the loop's place
	work   sync.WaitGroup // effects of instances
	dirty  chan struct{}  // the report may have changed

	hurry    chan struct{} // closed when stops at the end have no more time
	gathered chan struct{} // closed when the first facts are there
	suspect  chan struct{} // holds one: the report may not be in the bucket any more

	// The rest belongs to the loop.
	ctx       context.Context // of effects
	desired   *desired
	cached    *desired // from disk, until the bucket says more; nil: none
	signed    signed   // the manifest of cached, where manifests must be signed
	followed  mark     // the latest manifest that agents of this node followed, as of the start
	instances map[string]*instance
	observed  converge.Observed // the have of each instance
	byProc    map[proc.Identity]*instance
	early     map[proc.Identity]proc.Exit // exits that overtook the news of their start
	unwatched map[proc.Identity]*instance // alive, but Adopt failed for now
	watchAt   time.Time                   // when to try those again
	outdated  map[string]bool             // apps whose artifacts changed, until all of it is done
	renewAt   time.Time                   // when to go on with them; zero: something else tells
	boundsDue bool                        // the bounds of the output are to be told again
	boundsAt  time.Time                   // not before
	ending    bool                        // no manifest is followed any more
	wake      time.Time
	status    state.ManifestStatus
	facts     state.Facts
	troubles  map[string][]string // Report.Errors by their source
}

// New makes a Supervisor. It touches nothing yet.
func New(o Options) *Supervisor {
	o = o.withDefaults()
	p, outbox := paths{o.Dir}, o.Store
	if o.Mute {
		outbox = nil
	}
	keeper := logs.NewKeeper(func(path string, err error) {
		o.Log.Warn("cannot bound the output of an instance", "file", path, "error", err)
	})
	keeper.Told = o.LogsTold
	told := eventlog.New(eventlog.Options{
		Writer: o.Node, Node: o.Node, Dir: p.events(), Store: outbox, Log: o.Log, Deadline: o.Deadline, Jitter: o.Jitter,
		Replace: func(path string, data []byte) error { return host.ReplaceFile(path, data, true) },
	})
	return &Supervisor{
		logs: keeper, told: told,
		crashes: crash.New(crash.Options{Node: o.Node, Dir: p.crashes(), Store: outbox, Log: o.Log, Deadline: o.Deadline, Jitter: o.Jitter}),
		contact: newContact(o),
		opts:    o, log: o.Log, paths: p,
		ports: newPortTable(o.Listen), runs: newRecorder(p, o.Log, func(err error) {
			told.Add(state.Event{Kind: events.DiskFailed, Message: "cannot write the record of an instance; the processes go on: " + err.Error()})
		}), usage: newSampler(o.Runner, o.Limiter), disk: newDiskUse(),
		forks:  make(chan struct{}, 8),
		events: make(chan func()), done: make(chan struct{}), dirty: make(chan struct{}, 1), gathered: make(chan struct{}), hurry: make(chan struct{}), suspect: make(chan struct{}, 1),
		desired: noManifest(), instances: map[string]*instance{}, observed: converge.Observed{},
		byProc: map[proc.Identity]*instance{}, early: map[proc.Identity]proc.Exit{},
		outdated: map[string]bool{}, unwatched: map[proc.Identity]*instance{}, troubles: map[string][]string{},
	}
}

// Run supervises until ctx ends, and then leaves the processes running, unless StopOnExit says otherwise. Before it
// touches the store it adopts what runs already. Where the store does not answer it follows the last good manifest on disk.
// Whatever is wrong later is logged and reported, and ends nothing; an error is one of the start: the store directory
// cannot be used, or the running processes cannot be listed.
func (s *Supervisor) Run(ctx context.Context) error {
	effects, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s.ctx = effects
	if err := s.paths.make(); err != nil {
		return err
	}
	s.loadManifest()
	s.contact.load(s.paths)
	s.tell(events.AgentStart, nil, "the agent starts, version "+s.opts.Version)
	if err := s.adopt(); err != nil {
		return err
	}
	s.recallContact()
	s.opts.Limiter.Sweep()
	s.runs.start()
	expire := time.AfterFunc(firstAnswer, func() { s.post(func() { s.followCached(false) }) })
	defer expire.Stop()
	var remote sync.WaitGroup
	remote.Go(func() { newPoller(s).run(ctx) })
	remote.Go(func() { newSources(s).run(ctx) })
	remote.Go(func() { s.refreshFacts(ctx) })
	reports := newReporter(s)
	if !s.opts.Mute {
		remote.Go(func() { s.heartbeats(ctx) })
		remote.Go(func() { reports.run(ctx) })
	}
	remote.Go(func() { s.watchLimits(ctx) })
	remote.Go(func() { s.watchDisk(ctx) })
	remote.Go(func() { s.logs.Run(effects) }) // the last to end: what is stopped says much
	remote.Go(func() { s.told.Run(effects) })
	remote.Go(func() { s.crashes.Run(effects) })

	s.loop(ctx)
	s.end()
	close(s.done)
	cancel()
	s.work.Wait()
	remote.Wait()
	s.runs.stop()
	s.noteContact(true)
	var last sync.WaitGroup
	if !s.opts.Mute {
		last.Go(func() { reports.last(context.WithoutCancel(ctx)) })
	}
	last.Go(func() { s.lastEvents(context.WithoutCancel(ctx)) })
	last.Wait()
	return nil
}

// loop handles events until ctx ends.
func (s *Supervisor) loop(ctx context.Context) {
	for s.step(ctx.Done()) {
	}
}

// step waits for one event and handles it. It is false when stop came first.
func (s *Supervisor) step(stop <-chan struct{}) bool {
	var wake <-chan time.Time
	if next := s.nextWake(); !next.IsZero() {
		timer := time.NewTimer(time.Until(next))
		defer timer.Stop()
		wake = timer.C
	}
	select {
	case e, ok := <-s.opts.Runner.Exits():
		if !ok {
			<-stop // the Runner was closed under us: nothing can be watched any more
			return false
		}
		s.exited(e)
	case f := <-s.events:
		f()
	case <-wake:
		s.convergeAll()
	case <-stop:
		return false
	}
	if len(s.unwatched) > 0 && !time.Now().Before(s.watchAt) {
		s.watchAgain()
	}
	if len(s.outdated) > 0 {
		s.renewAll()
	}
	if s.boundsDue && !time.Now().Before(s.boundsAt) {
		s.boundLogs()
	}
	return true
}

func (s *Supervisor) nextWake() time.Time {
	next := s.wake
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if len(s.unwatched) > 0 {
		sooner(s.watchAt)
	}
	if !s.renewAt.IsZero() {
		sooner(s.renewAt)
	}
	if s.boundsDue {
		sooner(s.boundsAt)
	}
	return next
}

// endGrace is how long starts that are under way get when the agent ends.
const endGrace = 3 * time.Second

// end brings the instances to rest when the agent is to end: with StopOnExit all are stopped; else starts that are under
// way are called off, and nothing else is touched.
func (s *Supervisor) end() {
	bound := endGrace
	last := *s.desired
	if last.Halt = s.opts.StopOnExit; last.Halt {
		for _, i := range s.instances {
			bound = max(bound, i.have.KillTimeout+endGrace)
		}
	} else {
		last.Known = false
	}
	s.desired, s.ending = &last, true
	for _, i := range s.instances {
		i.unwatch()
	}
	stop := make(chan struct{})
	if last.Halt && s.opts.Hurry != nil {
		s.work.Go(func() {
			select {
			case <-s.opts.Hurry:
				close(s.hurry)
			case <-s.ctx.Done():
			}
		})
	}
	expire := time.AfterFunc(bound, func() { close(stop) })
	defer expire.Stop()
	s.convergeAll()
	for _, i := range s.instances {
		if i.trying() {
			i.cancel()
		}
	}
	for s.busy(last.Halt) && s.step(stop) {
	}
	if s.busy(last.Halt) {
		s.log.Warn("not every instance came to rest before the agent ended", "after", bound)
	}
}

// busy reports whether there is something to wait for: a start under way, or (with all) any process.
func (s *Supervisor) busy(all bool) bool {
	for _, i := range s.instances {
		if i.trying() || all && i.have.State.Live() {
			return true
		}
	}
	return false
}

// post hands an event to the loop. After the loop's end it is dropped.
func (s *Supervisor) post(f func()) {
	select {
	case s.events <- f:
	case <-s.done:
	}
}

// call runs f in the loop's place and waits for it.
func (s *Supervisor) call(f func()) {
	ran := make(chan struct{})
	select {
	case s.events <- func() { defer close(ran); f() }:
		<-ran
	case <-s.done:
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	}
}

// changed says that the report may have changed.
func (s *Supervisor) changed() {
	s.opts.Changed()
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// trouble replaces what one source adds to Report.Errors; none clears it.
func (s *Supervisor) trouble(source string, texts ...string) {
	if slices.Equal(s.troubles[source], texts) {
		return
	}
	if len(texts) == 0 {
		delete(s.troubles, source)
	} else {
		s.troubles[source] = texts
	}
	s.changed()
}
