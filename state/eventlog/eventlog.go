// Package eventlog keeps the events of one writer, an agent or a master, until they are in the bucket, and the latest of
// them for a look.
//
// Events are appended to a spool on disk, so that they outlive the writer, and sent in batches: one document for some
// seconds of them. A batch is named after its first event and created only if it is not there, so a batch whose answer
// was lost, or whose writer died, is found again instead of being written twice. While the bucket is away events are kept
// up to a bound; without a disk they are kept in memory.
package eventlog

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"stathub/state"
)

// Options say whose events they are, and where they go. Writer is needed; zero values of the others stand for the
// defaults given. The Log closes none of them.
type Options struct {
	Writer   string         // a name that state.CheckName accepts
	Node     string         // that all events are of; "": each says its own, or none
	Dir      string         // of the spool, absolute; nobody else writes there; "": events are kept in memory
	Store    state.Store    // nil: events are sent nowhere
	Log      *slog.Logger   // default slog.Default()
	Deadline time.Duration  // of each request to the store; default 30 s
	Jitter   func() float64 // 0 to 1, spreads writes of many writers; default random

	// Step reports whether events of a kind are steps, such as edits that people make: none stands for another, so many more
	// of them are told before they are summed up. Default: none is.
	Step func(kind string) bool

	// Told is given each event as it will be in the bucket, at once; nil: nobody is. It must not wait, nor call the Log.
	Told func([]state.Event)

	// Replace writes a file of the spool whole and durably: a reader finds the old or the new content. Needed with Dir.
	Replace func(path string, data []byte) error
}

// Log takes the events of one writer. Make it with New; Run runs it once. The methods are safe for concurrent use.
type Log struct {
	opts  Options
	spool spool

	added     chan struct{} // holds one: there is something to send
	unspooled chan struct{} // holds one: there is something to write to disk
	back      chan struct{} // holds one: the bucket answers again

	mu     sync.Mutex
	loaded bool          // what an earlier process left is in the queue
	fresh  []state.Event // not yet in the queue, without an ID
	ids    ids
	queue  queue
	folds  folds
	first  time.Time // since when something waits to be sent; zero: nothing does
	last   time.Time // when the last event came
}

// New makes a Log. It touches nothing yet.
func New(o Options) *Log {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Deadline <= 0 {
		o.Deadline = 30 * time.Second
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	return &Log{
		opts: o, spool: spool{dir: o.Dir, write: o.Replace}, folds: folds{of: map[topic]*fold{}, step: o.Step},
		added: make(chan struct{}, 1), unspooled: make(chan struct{}, 1), back: make(chan struct{}, 1),
	}
}

// maxMessage is the length of a message, in bytes, past which it is cut.
const maxMessage = 4 << 10

// maxFresh is how many events may wait for the goroutine that puts them into the queue.
const maxFresh = 256

// Add notes an event, of which the caller gives Kind, Message, and what it is about: App, Instance, and Node where
// Options do not say. It waits for no disk and no network. It is false when the event is not told by itself: it repeats
// what was told several times of late, and counts in an event that sums up.
func (l *Log) Add(e state.Event) bool {
	now := time.Now()
	e.At, e.Writer, e.Message = now.UTC().Truncate(time.Millisecond), l.opts.Writer, cut(e.Message)
	if l.opts.Node != "" {
		e.Node = l.opts.Node
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.folds.tell(e, now) {
		signal(l.added) // the time to sum up may have to be set
		return false
	}
	l.add(e, now)
	return true
}

func (l *Log) add(e state.Event, now time.Time) {
	l.fresh = append(l.fresh, e)
	if l.last = now; l.first.IsZero() {
		l.first = now
	}
	if len(l.fresh) >= maxFresh {
		l.absorb()
	}
	signal(l.added)
	signal(l.unspooled)
}

// absorb puts what is fresh into the queue. Events get their IDs there, after those of an earlier process.
func (l *Log) absorb() {
	if !l.loaded {
		l.fresh = l.fresh[max(0, len(l.fresh)-maxEvents):]
		return
	}
	for k := range l.fresh {
		e := &l.fresh[k]
		e.ID = l.ids.next(e.At)
		l.queue.push(e.ID, state.EncodeLine(e))
	}
	if l.opts.Told != nil && len(l.fresh) > 0 {
		l.opts.Told(slices.Clone(l.fresh))
	}
	l.fresh = l.fresh[:0]
}

// Recent gives the latest events, newest first, limit at the most. Those that were sent are among them.
func (l *Log) Recent(limit int) []state.Event {
	l.mu.Lock()
	l.absorb()
	all := slices.Clone(l.fresh)
	lines := l.queue.latest(limit - len(all))
	l.mu.Unlock()
	slices.Reverse(all)
	for _, line := range lines {
		if e, err := state.Decode[state.Event]("", line); err == nil {
			all = append(all, *e)
		}
	}
	return all[:max(0, min(limit, len(all)))]
}

// Back tells that the bucket answers: what waits for it is tried soon.
func (l *Log) Back() { signal(l.back) }

// Run reads what an earlier process left, and then spools and sends until ctx ends.
func (l *Log) Run(ctx context.Context) {
	l.load()
	var both sync.WaitGroup
	both.Go(func() { l.keepSpooled(ctx) })
	both.Go(func() { l.keepSent(ctx) })
	both.Wait()
}

// End is for the end, after Run: what is left goes to the disk, and once more to the bucket, until ctx ends.
func (l *Log) End(ctx context.Context) {
	l.mu.Lock()
	for _, e := range l.folds.sums(time.Now(), true) {
		l.add(e, time.Now())
	}
	l.mu.Unlock()
	_ = l.save() // before the bucket: it may take as long as it likes
	for l.opts.Store != nil && l.waiting() && l.sendBatch(ctx) == nil {
	}
	if err := l.save(); err != nil {
		l.opts.Log.Warn("events are lost that are not in the bucket yet: they cannot be kept on disk", "directory", l.opts.Dir, "error", err)
	}
}

func (l *Log) waiting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.absorb()
	return l.queue.unsent() > 0
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// cut shortens a message that is too long.
func cut(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	end := maxMessage
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
