package journal

import (
	"strings"
	"time"

	"stathub/state"
	"stathub/state/eventlog"
)

const (
	maxEarly  = 1000        // events that wait for Run
	earlyStay = time.Minute // that an early event may be in no document of the bucket
)

// earlyPrefix is that of the keys of batches that are in no bucket yet.
const earlyPrefix = "early/"

// Tell has events found that a writer in this process has yet to put into the bucket: people who did something want to see
// it. They make way for those that are read from there, which are the same. It never waits.
func (j *Journal) Tell(events []state.Event) {
	j.mu.Lock()
	j.early = append(j.early, events...)
	j.early = j.early[max(0, len(j.early)-maxEarly):]
	j.mu.Unlock()
	select {
	case j.told <- struct{}{}:
	default: // Run will look anyhow
	}
}

// takeEarly puts what was told into the index.
func (j *Journal) takeEarly() {
	j.mu.Lock()
	early := j.early
	j.early = nil
	j.mu.Unlock()
	all := make([]fetched, 0, len(early))
	for i := range early {
		e := &early[i]
		all = append(all, fetched{ref: ref{id: e.ID, key: earlyPrefix + e.ID}, events: []*state.Event{e}, bytes: []int{len(state.EncodeLine(e))}})
	}
	if len(all) == 0 {
		return
	}
	if err := j.take(all); err != nil {
		j.opts.Log.Debug("new events are found only once they are read from the bucket", "error", err)
	}
}

// settled makes way for an event that is in the bucket now. The caller holds mu.
func (j *Journal) settled(id string) { j.remove(earlyPrefix + id) }

// stays reports whether a batch that is in no listing may be written soon.
func stays(key string, now time.Time) bool {
	id, early := strings.CutPrefix(key, earlyPrefix)
	at, ok := eventlog.Time(id)
	return early && ok && now.Sub(at) < earlyStay
}
