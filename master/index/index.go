// Package index finds nodes by query. It is a bleve index in memory, disposable: whoever has the node records can make it
// anew at any time. What a query means is decided here, its syntax by package query.
package index

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	"stathub/master/query"
	"stathub/state"
)

// Index is an index of nodes. Its methods may be called at the same time.
type Index struct {
	update sync.Mutex   // one Update at a time
	mu     sync.RWMutex // guards what follows; a search holds it for reading all the while
	shards []*shard
	order  []*state.Node // by hostname, then id
	closed bool
}

const shardCount = 16

// Options of a search.
type Options struct {
	From        int  // hits to skip
	Size        int  // hits to give at most
	IncludeDown bool // also nodes whose State is down
}

// Result of a search.
type Result struct {
	Total int      // all hits, of every page
	IDs   []string // of the page, by hostname, then id
}

var errClosed = errors.New("the index is closed")

// New makes an empty index.
func New() (*Index, error) {
	x := &Index{}
	for range shardCount {
		s, err := newShard()
		if err != nil {
			return nil, errors.Join(err, x.Close())
		}
		x.shards = append(x.shards, s)
	}
	return x, nil
}

// Update takes nodes in, those with a known id in place of the old ones, and others out; an id in both is taken in. A
// search that begins after it returns sees all of it. The index keeps the puts and reads them later: they must not be
// changed any more. After an error a part of the nodes may be as before; the same call may be made again.
func (x *Index) Update(puts []*state.Node, deletes []string) error {
	x.update.Lock()
	defer x.update.Unlock()
	if x.closed {
		return errClosed
	}
	putsOf, deletesOf := make([][]*state.Node, shardCount), make([][]string, shardCount)
	byID := make(map[string]*state.Node, len(puts))
	for _, n := range puts {
		byID[n.ID] = n
	}
	for _, n := range puts {
		if byID[n.ID] == n { // the last of an id
			putsOf[shardOf(n.ID)] = append(putsOf[shardOf(n.ID)], n)
		}
	}
	for _, id := range deletes {
		if byID[id] == nil {
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
func (x *Index) updateShard(i int, puts []*state.Node, deletes []string) error {
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

// sort puts the nodes in order anew. They mostly are, which makes it cheap.
func (x *Index) sort() {
	seen := make(map[string]bool, len(x.order))
	order := make([]*state.Node, 0, len(x.order))
	for _, old := range x.order {
		if n := x.shards[shardOf(old.ID)].nodes[old.ID]; n != nil {
			order, seen[n.ID] = append(order, n), true
		}
	}
	for _, s := range x.shards {
		for id, n := range s.nodes {
			if !seen[id] {
				order = append(order, n)
			}
		}
	}
	byName := func(a, b *state.Node) int {
		return cmp.Or(cmp.Compare(a.Hostname, b.Hostname), cmp.Compare(a.ID, b.ID))
	}
	if !slices.IsSortedFunc(order, byName) {
		slices.SortFunc(order, byName)
	}
	x.mu.Lock()
	x.order = order
	x.mu.Unlock()
}

// Search gives a page of the nodes that match. A query that cannot be read is code Invalid with a *query.Error inside;
// negative numbers in opt count as 0.
func (x *Index) Search(ctx context.Context, q string, opt Options) (Result, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	found, err := x.find(ctx, q)
	if err != nil {
		return Result{}, err
	}
	r := Result{IDs: []string{}}
	for _, n := range x.order {
		if found != nil && !found[n.ID] || n.State == state.NodeDown && !opt.IncludeDown {
			continue
		}
		if r.Total >= opt.From && len(r.IDs) < opt.Size {
			r.IDs = append(r.IDs, n.ID)
		}
		r.Total++
	}
	return r, nil
}

// Match gives the ids of all nodes that match, those that are down too. Errors are as with Search.
func (x *Index) Match(ctx context.Context, q string) (map[string]bool, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	found, err := x.find(ctx, q)
	if err != nil || found != nil {
		return found, err
	}
	found = make(map[string]bool, len(x.order))
	for _, n := range x.order {
		found[n.ID] = true
	}
	return found, nil
}

// find gives the ids of the nodes that match; nil stands for all of them. The caller holds the lock.
func (x *Index) find(ctx context.Context, q string) (map[string]bool, error) {
	if x.closed {
		return nil, errClosed
	}
	parsed, err := query.Parse(q)
	if err != nil {
		return nil, err
	}
	if parsed == (query.All{}) {
		return nil, nil
	}
	compiled, found := compile(parsed), map[string]bool{}
	for _, s := range x.shards {
		if err := s.collect(ctx, compiled, found); err != nil {
			return nil, fmt.Errorf("cannot search for %q: %w", q, err)
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
