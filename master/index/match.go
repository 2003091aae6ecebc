package index

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"stathub/master/query"
)

// The bounds of what Match remembers.
const (
	maxAnswers = 2048 // queries
	maxAge     = 64   // updates after which a query that nobody asked since does not keep old segments in memory
)

// answers is what Match found for each query. A segment never changes, so what was found in it holds; after an update
// only the segments are asked that it made.
type answers struct {
	mu      sync.Mutex
	of      map[string]*answer
	updates int
	calls   int
}

type answer struct {
	matcher matcher
	ids     []string
	parts   []answered // in the order of the snapshot; nil: forgotten
	at      *snapshot
	call    int // when it was last asked for, and
	update  int // how many updates there had been
}

// answered is what was found in a segment, and what of the segment was gone then.
type answered struct {
	*segment
	hits, gone set
}

// Match gives the ids of all documents that match, those that are down too, in no order that matters: the very same
// slice as before as long as the answer is the same. Nobody may change it. Errors are as with Search.
func (x *Index) Match(ctx context.Context, q string) ([]string, error) {
	x.answers.mu.Lock()
	defer x.answers.mu.Unlock()
	s := x.snapshot.Load()
	if s == nil {
		return nil, errClosed
	}
	a, err := x.answers.get(q)
	if err != nil {
		return nil, err
	}
	if a.at != s {
		if err := a.refresh(ctx, s); err != nil {
			return nil, fmt.Errorf("cannot search for %q: %w", q, err)
		}
	}
	return a.ids, nil
}

// get gives the answer to a query as it was, or a new one. The caller holds the lock.
func (all *answers) get(q string) (*answer, error) {
	a := all.of[q]
	if a == nil {
		parsed, err := query.Parse(q)
		if err != nil {
			return nil, err
		}
		m, err := compile(parsed)
		if err != nil {
			return nil, fmt.Errorf("cannot search for %q: %w", q, err)
		}
		if a = (&answer{matcher: m}); all.of == nil {
			all.of = map[string]*answer{}
		}
		if len(all.of) >= maxAnswers {
			all.evict()
		}
		all.of[q] = a
	}
	all.calls++
	a.call, a.update = all.calls, all.updates
	return a, nil
}

// evict makes room: the half goes that was asked for longest ago.
func (all *answers) evict() {
	var when []int
	for _, a := range all.of {
		when = append(when, a.call)
	}
	slices.Sort(when)
	for q, a := range all.of {
		if a.call <= when[len(when)/2] {
			delete(all.of, q)
		}
	}
}

// grow counts an update, and forgets what keeps memory.
func (all *answers) grow() {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.updates++
	for _, a := range all.of {
		if all.updates-a.update > maxAge {
			a.parts, a.at = nil, nil
		}
	}
}

func (all *answers) clear() {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.of = nil
}

// refresh brings the answer up to a snapshot.
func (a *answer) refresh(ctx context.Context, s *snapshot) error {
	known := make(map[*segment]answered, len(a.parts))
	for _, p := range a.parts {
		known[p.segment] = p
	}
	parts := make([]answered, 0, len(s.parts))
	var lost, won []string // ids by what happened to segments; one that only moved is in both
	for _, p := range s.parts {
		was, ok := known[p.segment]
		if !ok {
			hits, err := a.matcher.find(ctx, &lookup{segment: p.segment})
			if err != nil {
				return err
			}
			was = answered{p.segment, hits, p.gone}
			won = appendIDs(won, was, nil)
		} else if &was.gone[0] != &p.gone[0] {
			lost = appendIDs(lost, was, p.gone)
			was.gone = p.gone
		}
		delete(known, p.segment)
		parts = append(parts, was)
	}
	for _, p := range known {
		lost = appendIDs(lost, p, nil)
	}
	if a.parts == nil {
		lost = a.ids
	}
	a.parts, a.at = parts, s
	if a.ids == nil || !sameSet(lost, won) {
		a.collect()
	}
	return nil
}

// appendIDs adds the ids of hits that were there and, with now, are not any more.
func appendIDs(ids []string, p answered, now set) []string {
	for d := range p.hits.all {
		if !p.gone.has(d) && (now == nil || now.has(d)) {
			ids = append(ids, p.docs[d].ID)
		}
	}
	return ids
}

func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	in := make(map[string]bool, len(a))
	for _, id := range a {
		in[id] = true
	}
	return !slices.ContainsFunc(b, func(id string) bool { return !in[id] })
}

func (a *answer) collect() {
	total := 0
	for _, p := range a.parts {
		total += p.hits.count()
	}
	a.ids = make([]string, 0, total)
	for _, p := range a.parts {
		a.ids = appendIDs(a.ids, p, nil)
	}
}
