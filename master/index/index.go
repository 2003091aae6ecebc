// Package index finds documents by query. It is a bleve index in memory, disposable: whoever has the documents can make it
// anew at any time. What a query means is decided here, its syntax by package query.
package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"sync"

	"stathub/master/query"
)

// Index is an index of documents of one kind. Its methods may be called at the same time.
type Index struct {
	update sync.Mutex   // one Update at a time
	mu     sync.RWMutex // guards what follows; a search holds it for reading all the while
	shards []*shard
	order  []Doc // by Order, then ID
	known  []Field
	closed bool
}

const shardCount = 16

// Doc is a document as the index takes it.
type Doc struct {
	ID    string // unique in its index
	Order string // hits come by it, then by ID
	Down  bool   // a search leaves it out unless it includes these
	Value any    // what is searched, as state.EncodeLine writes it; it must not change afterwards
}

// Options of a search.
type Options struct {
	From        int  // hits to skip
	Size        int  // hits to give at most
	IncludeDown bool // also documents that are down
	Reverse     bool // the last ones first
}

// Result of a search.
type Result struct {
	Total    int      // all hits, of every page
	IDs      []string // of the page, by Order, then ID
	Warnings []string // fields that no document has and that are not known; sentences without a full stop
}

var errClosed = errors.New("the index is closed")

// New makes an empty index. A query for a field that no document has carries a warning unless the field is one of known.
func New(known ...Field) (*Index, error) {
	x := &Index{known: known}
	for range shardCount {
		s, err := newShard()
		if err != nil {
			return nil, errors.Join(err, x.Close())
		}
		x.shards = append(x.shards, s)
	}
	return x, nil
}

// Update takes documents in, those with a known id in place of the old ones, and others out; an id in both is taken in. A
// search that begins after it returns sees all of it. The index keeps the puts and reads them later: they must not be
// changed any more. After an error a part of the documents may be as before; the same call may be made again.
func (x *Index) Update(puts []Doc, deletes []string) error {
	x.update.Lock()
	defer x.update.Unlock()
	if x.closed {
		return errClosed
	}
	putsOf, deletesOf := make([][]Doc, shardCount), make([][]string, shardCount)
	byID := make(map[string]int, len(puts))
	for i, n := range puts {
		byID[n.ID] = i
	}
	for i, n := range puts {
		if byID[n.ID] == i { // the last of an id
			putsOf[shardOf(n.ID)] = append(putsOf[shardOf(n.ID)], n)
		}
	}
	for _, id := range deletes {
		if _, put := byID[id]; !put {
			deletesOf[shardOf(id)] = append(deletesOf[shardOf(id)], id)
		}
	}
	var failed error
	for i := range x.shards {
		if len(putsOf[i])+len(deletesOf[i]) > 0 {
			failed = errors.Join(failed, x.updateShard(i, putsOf[i], deletesOf[i]))
		}
	}
	x.sort()
	return failed
}

// updateShard changes a shard and renews it where it is due. Searches go on meanwhile.
func (x *Index) updateShard(i int, puts []Doc, deletes []string) error {
	s := x.shards[i]
	if err := s.apply(puts, deletes); err != nil {
		return err
	}
	if s.batches < maxBatches {
		return nil
	}
	fresh, err := s.renewed()
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.shards[i] = fresh
	x.mu.Unlock()
	return s.bleve.Close() // nobody searches it: a search would have held the lock
}

// sort puts the documents in order anew. They mostly are, which makes it cheap.
func (x *Index) sort() {
	seen := make(map[string]bool, len(x.order))
	order := make([]Doc, 0, len(x.order))
	for _, old := range x.order {
		if n, ok := x.shards[shardOf(old.ID)].docs[old.ID]; ok {
			order, seen[n.ID] = append(order, n), true
		}
	}
	for _, s := range x.shards {
		for id, n := range s.docs {
			if !seen[id] {
				order = append(order, n)
			}
		}
	}
	if !slices.IsSortedFunc(order, byOrder) {
		slices.SortFunc(order, byOrder)
	}
	x.mu.Lock()
	x.order = order
	x.mu.Unlock()
}

func byOrder(a, b Doc) int {
	return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID))
}

// Search gives a page of the documents that match. A query that cannot be read is code Invalid with a *query.Error inside;
// negative numbers in opt count as 0.
func (x *Index) Search(ctx context.Context, q string, opt Options) (Result, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	parsed, err := query.Parse(q)
	if err != nil {
		return Result{}, err
	}
	found, err := x.find(ctx, parsed)
	if err != nil {
		return Result{}, err
	}
	r := Result{IDs: []string{}}
	if r.Warnings, err = x.warnings(parsed); err != nil {
		return Result{}, err
	}
	for i := range x.order {
		n := &x.order[i]
		if opt.Reverse {
			n = &x.order[len(x.order)-1-i]
		}
		if found != nil && !found[n.ID] || n.Down && !opt.IncludeDown {
			continue
		}
		if r.Total >= opt.From && len(r.IDs) < opt.Size {
			r.IDs = append(r.IDs, n.ID)
		}
		r.Total++
	}
	return r, nil
}

// Match gives the ids of all documents that match, those that are down too, in no order that matters. Nobody may change
// the slice. Errors are as with Search.
func (x *Index) Match(ctx context.Context, q string) ([]string, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	parsed, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	found, err := x.find(ctx, parsed)
	if err != nil {
		return nil, err
	}
	if found != nil {
		return slices.Collect(maps.Keys(found)), nil
	}
	all := make([]string, 0, len(x.order))
	for _, n := range x.order {
		all = append(all, n.ID)
	}
	return all, nil
}

// find gives the ids of the documents that match; nil stands for all of them. The caller holds the lock.
func (x *Index) find(ctx context.Context, parsed query.Query) (map[string]bool, error) {
	if x.closed {
		return nil, errClosed
	}
	if parsed == (query.All{}) {
		return nil, nil
	}
	compiled, found := compile(parsed), map[string]bool{}
	for _, s := range x.shards {
		if err := s.collect(ctx, compiled, found); err != nil {
			return nil, fmt.Errorf("cannot search for %q: %w", parsed, err)
		}
	}
	return found, nil
}

// Close gives the memory back. Searches that run are waited for; later calls fail.
func (x *Index) Close() error {
	x.update.Lock()
	defer x.update.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	var err error
	for _, s := range x.shards {
		err = errors.Join(err, s.bleve.Close())
	}
	x.shards, x.order = nil, nil
	return err
}

func shardOf(id string) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % shardCount)
}
