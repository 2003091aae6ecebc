package eventlog

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"stathub/state"
)

// When a batch is sent: after some quiet, or when the first of its events has waited long enough, or when it is full.
const (
	sendQuiet    = 2 * time.Second
	sendPatience = 5 * time.Second
	sendSpacing  = 2 * time.Second  // between two batches
	sendBacklog  = time.Second      // at the most between two full ones
	sendRetry    = time.Second      // after the first failure, then doubling
	sendRetryMax = 60 * time.Second // without a word that the bucket answers
)

// pace says when to send.
type pace struct {
	not   time.Time // before
	retry time.Duration
}

// due gives when to send what waits since first, the last of which came at last; zero: nothing waits.
func (p *pace) due(first, last time.Time, full bool) time.Time {
	if first.IsZero() {
		return time.Time{}
	}
	at := last.Add(sendQuiet)
	if limit := first.Add(sendPatience); limit.Before(at) {
		at = limit
	}
	if full || at.Before(p.not) {
		at = p.not
	}
	return at
}

// done notes how a batch went that took some time; more says that another full one waits. A request that hung before it
// failed tells of an outage that others share, and which may be over for all at the same moment.
func (p *pace) done(now time.Time, took time.Duration, failed, more bool, jitter float64) {
	switch {
	case failed:
		p.retry = min(max(2*p.retry, sendRetry, min(took, sendPatience)), sendRetryMax)
		p.not = now.Add(time.Duration(float64(p.retry) * (0.5 + jitter)))
	case more:
		p.retry, p.not = 0, now.Add(time.Duration(float64(sendBacklog)*jitter))
	default:
		p.retry, p.not = 0, now.Add(sendSpacing)
	}
}

// answered makes a retry soon: the bucket answers again, to many nodes at the same time.
func (p *pace) answered(now time.Time, jitter float64) {
	if soon := now.Add(time.Duration(float64(sendPatience) * jitter)); p.retry > 0 && soon.Before(p.not) {
		p.retry, p.not = 0, soon
	}
}

// keepSent sends batches until ctx ends. While nothing happens it does nothing.
func (l *Log) keepSent(ctx context.Context) {
	var p pace
	failing := ""
	p.not = time.Now().Add(time.Duration(float64(sendPatience) * l.opts.Jitter())) // what an earlier process left
	for {
		if !l.await(ctx, &p) {
			return
		}
		began := time.Now()
		err := l.sendBatch(ctx)
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		more := l.queue.full()
		l.mu.Unlock()
		p.done(time.Now(), time.Since(began), err != nil, more, l.opts.Jitter())
		switch {
		case err == nil && failing != "":
			failing = ""
			l.opts.Log.Info("events are sent again")
		case err != nil && failing != state.Trouble(err):
			failing = state.Trouble(err)
			level := slog.LevelWarn
			if state.CodeOf(err) == state.Denied { // a bucket that may not be written is told of by who opened it
				level = slog.LevelInfo
			}
			l.opts.Log.Log(ctx, level, "cannot send events; keeping them", "error", err)
		}
	}
}

// await waits until a batch is due. It is false when ctx ended first.
func (l *Log) await(ctx context.Context, p *pace) bool {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		due, wake := l.next(p, now)
		if !due.IsZero() && !now.Before(due) {
			return ctx.Err() == nil
		}
		timer.Stop()
		var expired <-chan time.Time
		if wake = earliest(due, wake); !wake.IsZero() {
			timer.Reset(wake.Sub(now))
			expired = timer.C
		}
		select {
		case <-ctx.Done():
			return false
		case <-l.added:
		case <-l.back:
			p.answered(time.Now(), l.opts.Jitter())
		case <-expired:
		}
	}
}

// next sums up what is to be summed up, and gives when to send, and when to sum up again; zero: never.
func (l *Log) next(p *pace, now time.Time) (send, sum time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.folds.sums(now, false) {
		l.add(e, now)
	}
	if l.opts.Told != nil {
		l.absorb()
	}
	if l.opts.Store == nil {
		return time.Time{}, l.folds.due
	}
	return p.due(l.first, l.last, l.queue.full()), l.folds.due
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// sendBatch puts one batch into the bucket.
func (l *Log) sendBatch(ctx context.Context) error {
	l.mu.Lock()
	l.absorb()
	batch := slices.Clone(l.queue.batch())
	l.mu.Unlock()
	if len(batch) == 0 {
		l.settle("")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.opts.Deadline)
	defer cancel()
	last, err := l.put(ctx, batch)
	if err != nil {
		return err
	}
	l.settle(last)
	signal(l.unspooled)
	return nil
}

// settle notes up to which ID events are in the bucket.
func (l *Log) settle(last string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.acknowledge(last)
	l.first = time.Time{}
	if l.queue.unsent()+len(l.fresh) > 0 {
		l.first = time.Now()
	}
}

// put creates the document of a batch, and gives the ID up to which events are in the bucket then. The document may be
// there, of a request whose answer was lost: it may hold fewer events than the batch has by now.
func (l *Log) put(ctx context.Context, batch []entry) (last string, err error) {
	first, _ := parseULID(batch[0].id)
	last = batch[len(batch)-1].id
	key := state.EventKey(first.time(), l.opts.Writer, batch[0].id)
	_, err = state.Write(ctx, l.opts.Store, key, join(batch), state.Condition{IfAbsent: true})
	if state.CodeOf(err) != state.Exists {
		return last, err
	}
	data, _, err := state.Read(ctx, l.opts.Store, key, "", state.MaxDocument)
	switch code := state.CodeOf(err); {
	case code == state.TooLarge || err == nil && lastID(data) < batch[0].id:
		l.opts.Log.Warn("a document of events is not as it was written; its events are not sent again", "key", key)
		return last, nil
	case err != nil:
		return "", err
	}
	return lastID(data), nil
}
