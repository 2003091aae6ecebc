package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"stathub/master/index"
	"stathub/master/query"
	"stathub/state"
	"stathub/state/eventlog"
)

// Page is a part of the events that match a query.
type Page struct {
	Total    int            // all that match, of every page
	Rows     []*state.Event // the newest first; they must not be changed
	Warnings []string       // what was not searched, and what the query may have got wrong
}

// Search gives events that match a query, the newest first: size of them at the most, after the first from. kinds, where
// there are some, are those that they may be of; "*" and "?" stand for any text and any character in them. A query that
// cannot be read is code Invalid, with a *query.Error inside.
func (j *Journal) Search(ctx context.Context, text string, kinds []string, from, size int) (Page, error) {
	text, err := narrow(text, kinds)
	if err != nil {
		return Page{}, err
	}
	warnings := j.leftOut() // before the search: what is read meanwhile is found, or was said to be missing
	found, err := j.opts.Index.Search(ctx, text, index.Options{From: from, Size: size, Reverse: true})
	if err != nil {
		return Page{}, err
	}
	p := Page{Total: found.Total, Rows: make([]*state.Event, 0, len(found.IDs)), Warnings: append(found.Warnings, warnings...)}
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, id := range found.IDs {
		if e := j.events[id]; e != nil {
			p.Rows = append(p.Rows, e)
		}
	}
	return p, nil
}

// Count is how many events match a query.
type Count struct {
	Count    int // as they were told
	Sum      int // of what they stand for: one that sums up others counts as those
	Warnings []string
}

// Count counts what Search would find.
func (j *Journal) Count(ctx context.Context, text string, kinds []string) (Count, error) {
	p, err := j.Search(ctx, text, kinds, 0, j.opts.Max)
	c := Count{Count: p.Total, Warnings: p.Warnings}
	for _, e := range p.Rows {
		c.Sum += min(max(1, e.Count), maxCount)
	}
	return c, err
}

// narrow makes a query of one and the kinds that are asked for.
func narrow(text string, kinds []string) (string, error) {
	q, err := query.Parse(text)
	if err != nil || len(kinds) == 0 {
		return text, err
	}
	var any []query.Clause
	for _, kind := range kinds {
		pattern := strings.ReplaceAll(kind, `\`, `\\`)
		any = append(any, query.Clause{Occur: query.Should, Query: &query.Wildcard{Field: "kind", Pattern: pattern}})
	}
	both := query.Bool{Clauses: []query.Clause{
		{Occur: query.Must, Query: &query.Bool{Clauses: any}}, {Occur: query.Must, Query: q},
	}}
	return both.String(), nil
}

// leftOut says what is not searched.
func (j *Journal) leftOut() []string {
	j.mu.RLock()
	defer j.mu.RUnlock()
	var all []string
	switch {
	case j.trouble != nil && j.since.IsZero():
		all = append(all, fmt.Sprintf("events could not be read yet: %s", j.trouble))
	case j.trouble != nil:
		all = append(all, fmt.Sprintf("events after %s may be missing: %s", j.since.UTC().Format(time.RFC3339), j.trouble))
	case !j.swept:
		all = append(all, "events were not read yet: ask again in a moment")
	case j.waiting > 0:
		all = append(all, fmt.Sprintf("older events are still being read: %d documents of them are not searched yet", j.waiting))
	}
	if at, ok := eventlog.Time(j.horizon); ok {
		all = append(all, fmt.Sprintf("events before %s are not searched: there are too many of them", at.Format(time.RFC3339)))
	}
	return all
}
