// Package sim is a cluster in virtual time: a master that runs the real scheduler, agents that follow their manifests,
// machines that crash, part from the bucket, join and are drained, and people who edit. It checks, second by second, what
// must hold whatever happens. The same options give the same run.
package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"stathub/state"
)

// Options say what to run.
type Options struct {
	Seed  uint64
	Nodes int // at the beginning; more join
	Apps  int
	Scale int // instances of an app, on average

	Stormy time.Duration // for how long things happen
	Calm   time.Duration // for how long they settle afterwards, with every machine back
	Every  time.Duration // between two happenings, on average; 0: 5 s
	Moves  int           // instances that may move for balance alone, a minute
}

// Result is what a run came to.
type Result struct {
	Plans, Writes   int // of the master
	Starts          int // of processes
	Happened        map[string]int
	Violations      []string // of the laws, the first maxViolations of each; none is how it should be
	Nodes, Placed   int      // at the end
	Wanted, Healthy int
}

// maxViolations bounds how often one law is told to be broken.
const maxViolations = 3

// The habits of the parts, as the programs have them.
const (
	second      = time.Second
	pollEvery   = 5 * time.Second  // of agents and of the master
	beatEvery   = 10 * time.Second // of agents
	nodeTimeout = 35 * time.Second
	readyAfter  = 3 * time.Second // from a start to healthy
	moveEvery   = time.Minute
)

// world is the whole cluster: the bucket, the machines, the master.
type world struct {
	opts  Options
	rand  *rand.Rand
	began time.Time
	now   time.Duration // since the beginning

	apps    map[string]*state.App
	choreos map[string]*state.Choreo
	names   []string // of the apps
	nodes   []*node
	byID    map[string]*node
	master  *master
	pids    int
	good    map[string]string // the last process of each app that was healthy everywhere
	proven  map[string]bool   // the app and process of all that ever were
	broken  map[string]int    // how often each law was, by the format of its violation
	result  Result
}

// Run runs a cluster to the end of its options.
func Run(opts Options) Result {
	if opts.Every == 0 {
		opts.Every = 5 * time.Second
	}
	w := &world{
		opts: opts, rand: rand.New(rand.NewPCG(opts.Seed, 0)), began: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		apps: map[string]*state.App{}, choreos: map[string]*state.Choreo{}, byID: map[string]*node{}, good: map[string]string{}, proven: map[string]bool{}, broken: map[string]int{},
	}
	w.result.Happened = map[string]int{}
	w.master = newMaster(w)
	for range opts.Nodes {
		w.join()
	}
	for i := range opts.Apps {
		w.newApp(fmt.Sprintf("app%03d", i))
	}
	for w.now < opts.Stormy {
		if w.rand.Int64N(int64(opts.Every)) < int64(second) {
			w.happen()
		}
		w.tick()
	}
	w.soothe()
	for w.now < opts.Stormy+opts.Calm {
		w.tick()
	}
	w.checkSettled()
	return w.result
}

// tick is one second.
func (w *world) tick() {
	w.now += second
	for _, n := range w.nodes {
		n.tick()
	}
	w.master.tick()
	w.checkProcesses()
}

func (w *world) time() time.Time { return w.began.Add(w.now) }

func (w *world) violated(format string, args ...any) {
	if w.broken[format]++; w.broken[format] <= maxViolations {
		w.result.Violations = append(w.result.Violations, w.now.String()+": "+fmt.Sprintf(format, args...))
	}
}

func pick[T any](w *world, of []T) T { return of[w.rand.IntN(len(of))] }

func (w *world) chance(percent int) bool { return w.rand.IntN(100) < percent }
