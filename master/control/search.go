package control

import (
	"context"
	"errors"

	"stathub/master/index"
	"stathub/master/query"
	"stathub/state"
)

// indexedAs is what the index was last told of a node.
type indexedAs struct {
	record state.ETag
	state  state.NodeState
}

// reindex tells the index what changed of the nodes since it was last told.
func (c *Controller) reindex() {
	c.indexing.Lock()
	defer c.indexing.Unlock()
	puts, now := c.unindexed()
	var deletes []string
	for id := range c.indexed {
		if _, there := now[id]; !there {
			deletes = append(deletes, id)
		}
	}
	if len(puts)+len(deletes) == 0 {
		c.searchable.Store(true)
		return
	}
	if err := c.index.Update(puts, deletes); err != nil {
		c.said.warn("index", "cannot update the search index; trying again", "error", err)
		return
	}
	c.said.clear("index")
	c.searchable.Store(true)
	c.warned.forget()
	c.indexed = now
	c.replan()
}

// unindexed gives the nodes that changed, and all of them as the index is to know them.
func (c *Controller) unindexed() (puts []index.Doc, now map[string]indexedAs) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	now = make(map[string]indexedAs, len(c.nodes.docs))
	for id, doc := range c.nodes.docs {
		n := c.node(id)
		if n == nil {
			continue
		}
		if now[id] = (indexedAs{doc.ETag, n.State}); c.indexed[id] != now[id] {
			puts = append(puts, index.Doc{ID: id, Order: n.Hostname, Down: n.State == state.NodeDown, Value: n})
		}
	}
	return puts, now
}

// Found is a page of what matches a query.
type Found[T any] struct {
	Total    int      // all that match, of every page
	Rows     []T      // of the page
	Warnings []string // what the query may have got wrong
}

// SearchNodes gives the nodes that match a query, a page of them, by hostname and id. A malformed query is code Invalid
// with the column.
func (c *Controller) SearchNodes(ctx context.Context, text string, page index.Options) (Found[*state.Node], error) {
	searchable := c.searchable.Load() // asked before the search: then what it does not find is not there
	found, err := c.index.Search(ctx, text, page)
	if err != nil {
		return Found[*state.Node]{}, QueryError(err)
	}
	if !searchable {
		found.Warnings = append(found.Warnings, "nodes were not read yet: ask again in a moment")
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	rows := make([]*state.Node, 0, len(found.IDs))
	for _, id := range found.IDs {
		if n := c.node(id); n != nil {
			rows = append(rows, n)
		}
	}
	return Found[*state.Node]{found.Total, rows, found.Warnings}, nil
}

// QueryError gives the error of a malformed query the form of those of documents.
func QueryError(err error) error {
	var bad *query.Error
	if !errors.As(err, &bad) {
		return err
	}
	return &state.Error{Code: state.Invalid, Message: "cannot read the query", Problems: []state.Problem{bad.Problem()}}
}
