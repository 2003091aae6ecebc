// Package journal finds what happened: it reads the events that agents and masters put into the bucket, keeps the newest
// of them in memory, and searches them by query. It holds no truth: at start it reads the bucket anew, newest events first.
//
// A document of events never changes, so only keys that are new are fetched. Events come late and with wrong clocks, under
// the day that their writer believes in: so all days are listed now and then (a sweep), and often those where something
// new was found of late (a look). What listing costs grows with the bucket, and the time between two listings with it.
package journal

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"stathub/master/index"
	"stathub/state"
)

// Options say what to read. Store and Index are the caller's to close, after Run has returned.
type Options struct {
	Store state.Store
	Index Index         // of events alone
	Log   *slog.Logger  // nil: none
	Poll  time.Duration // between two looks; 0: 10 s. More where there are many documents, less where the store hints
	Max   int           // events that are kept at the most; 0: MaxEvents

	Changed func() // called when there are new events; nil: nobody is told
}

// MaxEvents is how many events are kept, the newest ones, where nobody says otherwise. They are also bounded to maxBytes.
const MaxEvents = 200_000

// Index finds events; *index.Index is one.
type Index interface {
	Update(puts []index.Doc, deletes []string) error
	Search(ctx context.Context, query string, opt index.Options) (index.Result, error)
}

const (
	defaultPoll = 10 * time.Second
	sweepEvery  = 10 * time.Minute
	perPage     = 6 * time.Second // between two listings, for each request that the last one took: ten in a minute
	pageKeys    = 1000            // keys that a request gives
	hintPause   = time.Second     // between two looks that the store hinted at
	hotFor      = time.Hour       // that a day is looked at after something new was found in it

	listTimeout = 10 * time.Minute
	callTimeout = 10 * time.Second
	parallel    = 16
	chunk       = 1024     // documents that are fetched and indexed together
	chunkBytes  = 16 << 20 // of them; one is taken however large it is
	maxBytes    = 64 << 20 // of the JSON of the events that are kept

	// What our writers never reach. One document must not push all others out, nor one text fill the memory with its words.
	maxPerDocument = 20_000   // events
	maxLine        = 64 << 10 // bytes of one
	maxCount       = 1 << 30  // events that one stands for: their sum must hold
)

// Journal holds the newest events of a bucket. Make it with New; Run runs it once. Search, Count and Tell are safe
// for concurrent use at any time.
type Journal struct {
	opts Options
	plan plan          // Run's alone
	told chan struct{} // holds one: there is something in early

	mu      sync.RWMutex            // guards what follows; Run alone changes it, and reads it without
	batches map[string]*batch       // by key: the documents that were read
	events  map[string]*state.Event // by ID
	bytes   int                     // of their JSON
	horizon string                  // batches up to this ID are left out: they are too old to be kept
	waiting int                     // documents that are still to be read
	swept   bool                    // all days were listed once
	trouble error                   // why the bucket could not be read at the last look; nil: it could
	since   time.Time               // of the last look before the trouble began; zero: there was none
	early   []state.Event           // that Run is to put into the index
}

// batch is what was read of a document.
type batch struct {
	id     string // of its key
	events []string
	bytes  int
}

// New makes a Journal. It touches nothing yet.
func New(o Options) *Journal {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Poll <= 0 {
		o.Poll = defaultPoll
	}
	if o.Max <= 0 {
		o.Max = MaxEvents
	}
	return &Journal{opts: o, told: make(chan struct{}, 1), batches: map[string]*batch{}, events: map[string]*state.Event{}}
}

// Run reads the events, old ones and those that come, until ctx ends.
func (j *Journal) Run(ctx context.Context) error {
	j.plan = newPlan(j.opts.Poll)
	w := watch{store: j.opts.Store}
	defer w.stop()
	for ctx.Err() == nil {
		j.takeEarly()
		j.turn(ctx, time.Now())
		hints := w.on(ctx, time.Now())
		timer := time.NewTimer(j.plan.wait(time.Now()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-j.told:
		case _, open := <-hints:
			w.hinted(open)
			j.plan.hint()
		}
		timer.Stop()
	}
	return nil
}

// turn lists what is due, and fetches a chunk of what is new.
func (j *Journal) turn(ctx context.Context, now time.Time) {
	var err error
	sweep, look := j.plan.sweepDue(now), j.plan.lookDue(now)
	switch {
	case sweep:
		err = j.sweep(ctx, now)
	case look:
		err = j.look(ctx, now)
	}
	fetch := err == nil && j.plan.fetchDue(now)
	if fetch {
		err = j.fetch(ctx)
	}
	if ctx.Err() != nil || !sweep && !look && !fetch {
		return
	}
	if err != nil {
		j.plan.failed(time.Now())
	} else {
		j.plan.fails = 0
	}
	j.note(now, err)
}

// note keeps how it went, and logs the beginning and the end of an outage.
func (j *Journal) note(now time.Time, err error) {
	j.mu.Lock()
	old := j.trouble
	j.trouble, j.waiting = err, len(j.plan.pending)
	if err == nil {
		j.since = now
	}
	j.mu.Unlock()
	switch {
	case err != nil && state.Trouble(old) != state.Trouble(err):
		j.opts.Log.Warn("cannot read events; searching those that were read before", "error", err)
	case err == nil && old != nil:
		j.opts.Log.Info("events can be read again")
	}
}

// watch has the store hint at new documents of today: a folder for each day and writer is too much to watch.
type watch struct {
	store state.Store
	day   string
	end   context.CancelFunc
	hints <-chan struct{}
}

func (w *watch) on(ctx context.Context, now time.Time) <-chan struct{} {
	if today := dayOf(now); w.day != today {
		w.stop()
		ctx, w.end = context.WithCancel(ctx)
		w.day, w.hints = today, w.store.Watch(ctx, prefixOf(today))
	}
	return w.hints
}

// hinted takes note of a hint: a closed channel gives no more of them.
func (w *watch) hinted(open bool) {
	if !open {
		w.hints = nil
	}
}

func (w *watch) stop() {
	if w.end != nil {
		w.end()
	}
}
