package crash

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"stathub/state"
)

// Options say where crashes are kept. Node and Dir are needed; zero values of the others stand for the defaults given.
// The Keeper closes none of them.
type Options struct {
	Node     string         // a name that state.CheckName accepts
	Dir      string         // absolute; nobody else writes there
	Store    state.Store    // nil: they are sent nowhere
	Log      *slog.Logger   // default slog.Default()
	Deadline time.Duration  // of each request to the store; default 30 s
	Jitter   func() float64 // 0 to 1, spreads writes of many nodes; default random
}

// Bounds of what is kept, here and, as far as this agent put it there, in the bucket.
const (
	perInstance = 5                // of each instance
	perNode     = 200              // of all instances
	perNodeSize = 32 << 20         // bytes of all on disk
	atMostEvery = time.Minute      // of one instance
	sendSpacing = time.Second      // between two requests
	sendRetry   = 2 * time.Second  // after the first failure, then doubling
	sendMost    = 60 * time.Second // without a word that the bucket answers
)

// Keeper keeps the crashes of one node. Make it with New; Run runs it once. The methods are safe for concurrent use.
type Keeper struct {
	opts  Options
	shelf shelf
	added chan struct{} // holds one: there is something to send or to remove
	back  chan struct{} // holds one: the bucket answers again

	keeping sync.Mutex

	mu   sync.Mutex
	last map[string]time.Time // of the last crash kept, by app and number
}

// New makes a Keeper. It touches nothing yet.
func New(o Options) *Keeper {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Deadline <= 0 {
		o.Deadline = 30 * time.Second
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	return &Keeper{
		opts: o, shelf: shelf{dir: o.Dir}, added: make(chan struct{}, 1), back: make(chan struct{}, 1), last: map[string]time.Time{},
	}
}

// Claim reserves the name under which a crash is to be kept, or gives "" if one of the instance was kept less than a
// minute ago. It waits for nothing.
func (k *Keeper) Claim(app string, n int, at time.Time) (name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := state.InstanceID("", app, n)
	if before, ok := k.last[id]; ok && at.Before(before.Add(atMostEvery)) && !at.Before(before) {
		return ""
	}
	if len(k.last) > 4*perNode { // of instances that are long gone
		for other, before := range k.last {
			if at.Sub(before) > atMostEvery {
				delete(k.last, other)
			}
		}
	}
	k.last[id] = at
	return state.CrashName(app, n, at)
}

// Keep reads the output of a crash, and keeps it under a name that was claimed.
func (k *Keeper) Keep(name string, c Crash) {
	k.keeping.Lock() // of a thousand at a time each would hold its output in memory
	defer k.keeping.Unlock()
	if err := k.shelf.add(name, c.document()); err != nil {
		k.opts.Log.Warn("cannot keep the last output of an instance on disk; it is kept in memory until it is in the bucket",
			"instance", state.InstanceID(c.Node, c.App, c.N), "error", err)
	}
	signal(k.added)
}

// Kept is a crash that is kept on this node.
type Kept struct {
	Name     string    `json:"name"`
	App      string    `json:"app"`
	Instance string    `json:"instance"`
	At       time.Time `json:"at"`
	Bytes    int       `json:"bytes"`
}

// List gives what is kept, newest first.
func (k *Keeper) List() []Kept {
	all := []Kept{}
	for _, i := range k.shelf.items() {
		all = append(all, Kept{Name: i.name, App: i.app, Instance: state.InstanceID(k.opts.Node, i.app, i.n), At: i.at, Bytes: i.size})
	}
	return all
}

// Read gives one that is kept; code NotFound when there is none of that name.
func (k *Keeper) Read(name string) ([]byte, error) { return k.shelf.read(name) }

// Back tells that the bucket answers: what waits for it is tried soon.
func (k *Keeper) Back() { signal(k.back) }

// Run brings crashes into the bucket, and removes what is too much, until ctx ends. While there is nothing to do it does
// nothing.
func (k *Keeper) Run(ctx context.Context) {
	k.recall()
	failing := ""
	wait := time.Duration(0)
	for again := (<-chan time.Time)(time.After(k.spread(sendRetry))); ; {
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-k.added:
			if again != nil { // a retry is pending
				continue
			}
		case <-k.back:
			if wait == 0 {
				continue
			}
			again, wait = time.After(k.spread(sendRetry)), sendRetry
			continue
		}
		more, err := k.step(ctx)
		again = nil
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			wait = min(max(sendRetry, 2*wait), sendMost)
			again = time.After(k.spread(wait))
			if failing != err.Error() {
				failing = err.Error()
				level := slog.LevelWarn
				if state.CodeOf(err) == state.Denied { // a bucket that may not be written is told of by who opened it
					level = slog.LevelInfo
				}
				k.opts.Log.Log(ctx, level, "cannot put the last output of instances into the bucket; keeping it", "error", err)
			}
		default:
			wait, failing = 0, ""
			if more {
				again = time.After(sendSpacing)
			}
		}
	}
}

// recall takes over when crashes were kept by an earlier agent.
func (k *Keeper) recall() {
	items := k.shelf.items()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, i := range items {
		if id := state.InstanceID("", i.app, i.n); k.last[id].Before(i.at) {
			k.last[id] = i.at
		}
	}
}

// spread is a wait of about d.
func (k *Keeper) spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.5 + k.opts.Jitter()))
}

// End tries once more to bring what is kept into the bucket, until ctx ends.
func (k *Keeper) End(ctx context.Context) {
	for ctx.Err() == nil {
		if more, err := k.step(ctx); err != nil || !more {
			return
		}
	}
}

// step makes one request, if there is one to make: it sends a crash, or removes one of those that are too many. more says
// that there was one.
func (k *Keeper) step(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, k.opts.Deadline)
	defer cancel()
	items := k.shelf.items()
	for _, i := range surplus(items) {
		// The bucket may be out of reach: what is here alone goes first.
		if !i.sent || k.opts.Store == nil {
			if err := k.shelf.remove(i); err != nil {
				return false, err
			}
		}
	}
	if k.opts.Store == nil {
		return false, nil
	}
	items = k.shelf.items()
	if much := surplus(items); len(much) > 0 {
		return true, k.remove(ctx, much[0])
	}
	for _, i := range slices.Backward(items) {
		if !i.sent {
			return true, k.send(ctx, i)
		}
	}
	return false, nil
}

// send puts one into the bucket. One that is there already was put by a request whose answer was lost.
func (k *Keeper) send(ctx context.Context, i item) error {
	data, err := k.shelf.read(i.name)
	if err != nil {
		return k.shelf.remove(i) // it cannot be read: nobody gets it
	}
	_, err = state.Write(ctx, k.opts.Store, state.CrashKey(k.opts.Node, i.name), data, state.Condition{IfAbsent: true})
	if err != nil && state.CodeOf(err) != state.Exists {
		return err
	}
	return k.shelf.sent(i)
}

// remove drops one from the bucket, and from the disk.
func (k *Keeper) remove(ctx context.Context, i item) error {
	err := k.opts.Store.Delete(ctx, state.CrashKey(k.opts.Node, i.name), "")
	if code := state.CodeOf(err); err != nil && code != state.NotFound && code != state.Denied {
		return err
	}
	return k.shelf.remove(i)
}

// surplus gives what is too much, oldest first. items are newest first.
func surplus(items []item) (much []item) {
	of := map[string]int{}
	count, size := 0, 0
	for _, i := range items {
		id := state.InstanceID("", i.app, i.n)
		if of[id]++; of[id] > perInstance || count >= perNode || size+i.size > perNodeSize {
			much = append(much, i)
			continue
		}
		count, size = count+1, size+i.size
	}
	slices.Reverse(much)
	return much
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
