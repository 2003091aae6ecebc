package journal

import (
	"maps"
	"slices"
	"strings"
	"time"

	"stathub/state"
)

// plan says when to list what, and holds what is to be fetched. It reads no clock.
type plan struct {
	poll    time.Duration
	sweepAt time.Time
	lookAt  time.Time
	hintAt  time.Time // before which hints are not followed
	retry   time.Time // before which nothing is fetched
	hot     map[string]time.Time
	pending []ref // to be fetched, the newest last
	fails   int   // in a row
}

// ref names a document of events.
type ref struct {
	id   string // a ULID: it sorts by time
	key  string
	size int64 // bytes
}

func newPlan(poll time.Duration) plan { return plan{poll: poll, hot: map[string]time.Time{}} }

func (p *plan) sweepDue(now time.Time) bool { return !now.Before(p.sweepAt) }
func (p *plan) lookDue(now time.Time) bool  { return !now.Before(p.lookAt) }
func (p *plan) fetchDue(now time.Time) bool { return len(p.pending) > 0 && !now.Before(p.retry) }

// wait gives how long nothing is to be done.
func (p *plan) wait(now time.Time) time.Duration {
	next := p.sweepAt
	if p.lookAt.Before(next) {
		next = p.lookAt
	}
	if len(p.pending) > 0 && p.retry.Before(next) {
		next = p.retry
	}
	return max(0, next.Sub(now))
}

// hint makes a look as soon as that does not cost too much.
func (p *plan) hint() {
	if p.hintAt.Before(p.lookAt) {
		p.lookAt = p.hintAt
	}
}

// listed sets the time of the next listings, from how long this one took and how many keys it went through.
func (p *plan) listed(began, ended time.Time, keys int, sweep bool) {
	pause := time.Duration(pages(keys)) * perPage
	if sweep {
		p.sweepAt = ended.Add(max(sweepEvery, pause))
	}
	p.lookAt = ended.Add(max(p.poll, pause))
	p.hintAt = ended.Add(max(hintPause, 10*ended.Sub(began)))
}

func pages(keys int) int { return (keys + pageKeys - 1) / pageKeys }

// failed puts everything off: the store does not answer. The time doubles, up to ten polls.
func (p *plan) failed(now time.Time) {
	p.fails = min(p.fails+1, 5)
	again := now.Add(min(p.poll<<(p.fails-1), 10*p.poll))
	for _, at := range []*time.Time{&p.sweepAt, &p.lookAt, &p.hintAt, &p.retry} {
		if at.Before(again) {
			*at = again
		}
	}
}

// days gives the days to look at: today, and those where something was found of late.
func (p *plan) days(now time.Time) []string {
	maps.DeleteFunc(p.hot, func(_ string, found time.Time) bool { return now.Sub(found) > hotFor })
	days := slices.Collect(maps.Keys(p.hot))
	if today := dayOf(now); p.hot[today].IsZero() {
		days = append(days, today)
	}
	slices.Sort(days)
	return days
}

// found adds documents that are to be fetched.
func (p *plan) found(refs []ref) {
	p.pending = append(p.pending, refs...)
	slices.SortFunc(p.pending, func(a, b ref) int {
		if c := strings.Compare(a.id, b.id); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	p.pending = slices.Compact(p.pending)
}

// warm notes that something new came under the days of documents.
func (p *plan) warm(refs []ref, now time.Time) {
	for _, r := range refs {
		p.hot[keyDay(r.key)] = now
	}
}

// next takes the newest documents that are to be fetched off the list.
func (p *plan) next() []ref {
	n, size := len(p.pending), int64(0)
	for n > 0 && len(p.pending)-n < chunk && (size == 0 || size+p.pending[n-1].size <= chunkBytes) {
		n--
		size += p.pending[n].size
	}
	refs := slices.Clone(p.pending[n:])
	p.pending = p.pending[:n]
	return refs
}

func dayOf(now time.Time) string { return now.UTC().Format(time.DateOnly) }

func prefixOf(day string) string { return state.KindEvents.Prefix() + day + "/" }

// refOf gives the document of an entry of a listing; it is false for what is none.
func refOf(e state.Entry) (ref, bool) {
	if _, _, ok := state.ParseEventKey(e.Key); !ok {
		return ref{}, false
	}
	id := strings.TrimSuffix(e.Key[strings.LastIndexByte(e.Key, '/')+1:], ".jsonl")
	return ref{id: id, key: e.Key, size: e.Size}, true
}

// keyDay gives the day of a key that refOf accepts.
func keyDay(key string) string {
	day, _, _ := strings.Cut(strings.TrimPrefix(key, state.KindEvents.Prefix()), "/")
	return day
}
