package journal

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"stathub/master/index"
	"stathub/state"
)

// sweep lists all days: it finds what is new in any of them, and drops what is gone.
func (j *Journal) sweep(ctx context.Context, now time.Time) error {
	there := map[string]bool{}
	var fresh []ref
	keys, err := j.list(ctx, state.KindEvents.Prefix(), func(r ref, known bool) {
		if known {
			there[r.key] = true
			return
		}
		if fresh = append(fresh, r); len(fresh) > 2*j.opts.Max {
			fresh = newest(fresh, j.opts.Max) // each has an event at least
		}
	})
	if err != nil {
		return err
	}
	fresh = newest(fresh, j.opts.Max)
	if j.swept && len(j.plan.pending) == 0 { // at the start all is new
		j.plan.warm(fresh, now)
	}
	j.plan.pending = nil
	j.plan.found(fresh)
	j.plan.listed(now, time.Now(), keys, true)
	j.mu.Lock()
	j.swept, j.waiting = true, len(fresh)
	j.mu.Unlock()
	var gone []string
	for key := range j.batches {
		if !there[key] && !stays(key, now) {
			gone = append(gone, key)
		}
	}
	return j.drop(gone)
}

// look lists the days where something new is likely.
func (j *Journal) look(ctx context.Context, now time.Time) error {
	keys := 0
	var fresh []ref
	for _, day := range j.plan.days(now) {
		n, err := j.list(ctx, prefixOf(day), func(r ref, known bool) {
			if !known {
				fresh = append(fresh, r)
			}
		})
		if err != nil {
			return err
		}
		keys += n
	}
	j.plan.warm(fresh, now)
	j.plan.found(fresh)
	j.plan.listed(now, time.Now(), keys, false)
	return nil
}

func newest(refs []ref, n int) []ref {
	if len(refs) <= n {
		return refs
	}
	slices.SortFunc(refs, func(a, b ref) int { return strings.Compare(b.id, a.id) })
	return refs[:n]
}

// list gives the documents under a prefix that are not too old, and whether they were read, and counts the keys.
func (j *Journal) list(ctx context.Context, prefix string, each func(r ref, known bool)) (keys int, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	for e, err := range j.opts.Store.List(ctx, prefix) {
		if err != nil {
			return keys, err
		}
		keys++
		r, ok := refOf(e)
		if !ok {
			continue
		}
		if known := j.batches[r.key] != nil; known || r.id > j.horizon {
			each(r, known)
		}
	}
	return keys, nil
}

// fetched is a document as it was read.
type fetched struct {
	ref
	events []*state.Event
	bytes  []int // of the JSON of each
}

// fetch reads a chunk of documents, and puts their events into the index.
func (j *Journal) fetch(ctx context.Context) error {
	refs := j.plan.next()
	all := make([]fetched, len(refs))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, r := range refs {
		g.Go(func() (err error) {
			all[i], err = j.read(ctx, r)
			return err
		})
	}
	err := g.Wait()
	if err == nil {
		err = j.take(all)
	}
	if err != nil {
		j.plan.found(refs)
	}
	return err
}

// read reads one document. One that is gone or cannot be read has no events.
func (j *Journal) read(ctx context.Context, r ref) (fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	data, _, err := state.Read(ctx, j.opts.Store, r.key, "", state.MaxDocument)
	f := fetched{ref: r}
	switch state.CodeOf(err) {
	case "":
	case state.Unavailable:
		return f, err
	default:
		if state.CodeOf(err) != state.NotFound {
			j.opts.Log.Warn("a document of events cannot be read and is left out", "key", r.key, "error", err)
		}
		return f, nil
	}
	bad := 0
	for line := range bytes.Lines(data) {
		if len(line) > maxLine {
			bad++
			continue
		}
		e, err := state.Decode[state.Event](r.key, line)
		if err != nil || e.ID == "" || len(f.events) >= maxPerDocument {
			bad++
			continue
		}
		f.events, f.bytes = append(f.events, e), append(f.bytes, len(line))
	}
	if bad > 0 {
		j.opts.Log.Warn("lines of a document of events cannot be read, or are too much, and are left out", "key", r.key, "lines", bad)
	}
	return f, nil
}

// take puts documents into the index, and drops what is too much then.
func (j *Journal) take(all []fetched) error {
	var puts []index.Doc
	j.mu.Lock()
	for _, f := range all {
		puts = append(puts, j.add(f)...)
	}
	j.mu.Unlock()
	if err := j.opts.Index.Update(puts, nil); err != nil { // searches go on meanwhile
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, f := range all {
			j.remove(f.key)
		}
		return err
	}
	if len(puts) > 0 && j.opts.Changed != nil {
		j.opts.Changed()
	}
	return j.drop(j.surplus())
}

// add keeps the events of a document, and gives them for the index. The caller holds mu.
func (j *Journal) add(f fetched) (puts []index.Doc) {
	if j.batches[f.key] != nil {
		return nil
	}
	b := &batch{id: f.id}
	j.batches[f.key] = b
	for i, e := range f.events {
		if f.key != earlyPrefix+e.ID {
			j.settled(e.ID)
		}
		if j.events[e.ID] != nil {
			continue // it was told twice
		}
		j.events[e.ID] = e
		j.bytes, b.bytes = j.bytes+f.bytes[i], b.bytes+f.bytes[i]
		b.events = append(b.events, e.ID)
		puts = append(puts, index.Doc{ID: e.ID, Order: order(e), Value: searched{e}})
	}
	return puts
}

// surplus gives the oldest documents, as many as must go so that no more is kept than allowed, and some more: not every
// new event is to drop an old one. What is older is not read any more.
func (j *Journal) surplus() []string {
	if len(j.events) <= j.opts.Max && j.bytes <= maxBytes {
		return nil
	}
	refs := make([]ref, 0, len(j.batches))
	for key, b := range j.batches {
		refs = append(refs, ref{id: b.id, key: key})
	}
	slices.SortFunc(refs, func(a, b ref) int { return strings.Compare(a.id, b.id) })
	events, size, horizon := len(j.events), j.bytes, j.horizon
	var keys []string
	for _, r := range refs {
		if events <= j.opts.Max-j.opts.Max/20 && size <= maxBytes-maxBytes/20 {
			break
		}
		b := j.batches[r.key]
		events, size = events-len(b.events), size-b.bytes
		keys = append(keys, r.key)
		horizon = max(horizon, r.id)
	}
	j.plan.pending = slices.DeleteFunc(j.plan.pending, func(r ref) bool { return r.id <= horizon })
	j.mu.Lock()
	defer j.mu.Unlock()
	j.horizon = horizon
	return keys
}

// drop takes documents out.
func (j *Journal) drop(keys []string) error {
	var ids []string
	for _, key := range keys {
		ids = append(ids, j.batches[key].events...)
	}
	if len(ids) > 0 {
		if err := j.opts.Index.Update(nil, ids); err != nil {
			return err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, key := range keys {
		j.remove(key)
	}
	return nil
}

// remove forgets a document. The caller holds mu.
func (j *Journal) remove(key string) {
	if b := j.batches[key]; b != nil {
		for _, id := range b.events {
			delete(j.events, id)
		}
		j.bytes -= b.bytes
		delete(j.batches, key)
	}
}

// atForm is RFC 3339 with a fixed width, so that times sort as text.
const atForm = "2006-01-02T15:04:05.000Z"

func order(e *state.Event) string { return e.At.UTC().Format(atForm) }

// searched is an event as queries see it.
type searched struct{ *state.Event }

// MarshalJSONTo gives an event whose time sorts as text and whose count is there.
func (s searched) MarshalJSONTo(enc *jsontext.Encoder) error {
	e := *s.Event
	e.Count = max(1, e.Count)
	type event state.Event
	return json.MarshalEncode(enc, struct {
		At string `json:"at"`
		event
	}{order(s.Event), event(e)})
}
