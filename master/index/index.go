// Package index finds documents by query. It is an index in memory, disposable: whoever has the documents can make it
// anew at any time. What a query means is decided here, its syntax by package query.
//
// How a document lies in it. The JSON of a document is a number of values, each at a path (document.go). A value has
// terms: strings as a whole and by words, numbers and addresses in a form that orders as they do. bleve keeps, in
// segments in memory, which documents have which term (segment.go). Its own index over such segments, scorch, is not
// used: it never joins segments that are not on disk, and gives hits one by one.
//
// How a query becomes rows. A query is compiled into a tree (compile.go) that is asked of each segment and gives a set
// of documents by their numbers: from a term by bleve's dictionary; from ranges and patterns by a column, which is that
// dictionary laid flat (column.go). What was replaced or deleted since is taken out of the set. Total is the size of the
// sets, and a page the first of them in the one list of all documents in order (snapshot.go).
//
// How it changes. An update makes a segment of its documents, marks the old ones as gone, and joins small segments and
// those that are half gone into new ones (update.go). The whole is a snapshot that is replaced at once: a search goes on
// in the one it began with.
package index

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"stathub/master/query"
)

// Index is an index of documents of one kind. Its methods may be called at the same time.
type Index struct {
	known    []Field
	snapshot atomic.Pointer[snapshot] // nil: closed
	answers  answers

	update sync.Mutex      // one Update at a time; guards where
	where  map[string]home // every document, by ID
}

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
	x := &Index{known: known, where: map[string]home{}}
	x.snapshot.Store(&snapshot{})
	return x, nil
}

// Search gives a page of the documents that match. A query that cannot be read is code Invalid with a *query.Error
// inside; negative numbers in opt count as 0.
func (x *Index) Search(ctx context.Context, q string, opt Options) (Result, error) {
	s := x.snapshot.Load()
	if s == nil {
		return Result{}, errClosed
	}
	parsed, err := query.Parse(q)
	if err != nil {
		return Result{}, err
	}
	m, err := compile(parsed)
	if err != nil {
		return Result{}, fmt.Errorf("cannot search for %q: %w", q, err)
	}
	hits, err := s.find(ctx, m)
	if err != nil {
		return Result{}, fmt.Errorf("cannot search for %q: %w", q, err)
	}
	r := Result{IDs: []string{}, Warnings: x.warnings(s, parsed)}
	for i, h := range hits {
		if !opt.IncludeDown {
			h.remove(s.parts[i].down)
		}
		r.Total += h.count()
	}
	for _, at := range s.page(hits, r.Total, opt) {
		r.IDs = append(r.IDs, s.at(at).ID)
	}
	return r, nil
}

// Close gives the memory back. Searches that run end well; later calls fail.
func (x *Index) Close() error {
	x.update.Lock()
	defer x.update.Unlock()
	x.snapshot.Store(nil)
	x.where = nil
	x.answers.clear()
	return nil
}
