package control

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"stathub/master/index"
	"stathub/state"
)

// appIndex keeps the index of apps in step with their documents and their status.
type appIndex struct {
	index DocIndex // nil: none is kept
	seed  maphash.Seed

	at time.Time // of the last update of all; keepLists' alone

	mu   sync.Mutex        // one update at a time; guards what follows
	told map[string]uint64 // by name: the sum of what the index was last told
}

// AppDoc is an app as queries see it: its document, its choreography and its status, as the API shows them.
type AppDoc struct {
	appMembers
	Choreo *state.Choreo   `json:"choreo,omitzero"`
	Status state.AppStatus `json:"status"`
}

// appMembers is an app without its way of being read, which would be taken for that of what it is a part of.
type appMembers state.App

// newAppDoc makes an AppDoc. Unknown members of the app that have the name of one of its own are left out.
func newAppDoc(app *state.App, choreo *state.Choreo, status state.AppStatus) *AppDoc {
	doc := &AppDoc{appMembers(*app), choreo, status}
	var extra map[string]jsontext.Value
	if len(app.Extra) > 0 && json.Unmarshal(app.Extra, &extra) == nil {
		delete(extra, "choreo")
		delete(extra, "status")
		doc.Extra = state.EncodeLine(extra)
	}
	return doc
}

// reindexApps tells the index what changed of the named apps since it was last told, or of all when none is named.
func (c *Controller) reindexApps(names ...string) {
	x := &c.appList
	if x.index == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	var puts []index.Doc
	var deletes []string
	sums := map[string]uint64{}
	docs := c.appDocs(names...)
	for name, doc := range docs {
		sum := maphash.Bytes(x.seed, state.EncodeLine(doc))
		if old, known := x.told[name]; !known || old != sum {
			sums[name] = sum
			puts = append(puts, index.Doc{ID: name, Order: name, Value: doc})
		}
	}
	if len(names) == 0 {
		for name := range x.told {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if _, known := x.told[name]; known && docs[name] == nil {
			deletes = append(deletes, name)
		}
	}
	if len(puts)+len(deletes) == 0 {
		return
	}
	if err := x.index.Update(puts, deletes); err != nil {
		c.said.warn("index apps", "cannot update the index of apps; trying again", "error", err)
		return
	}
	c.said.clear("index apps")
	c.tellListed()
	for name, sum := range sums {
		x.told[name] = sum
	}
	for _, name := range deletes {
		delete(x.told, name)
	}
}

// reindexAppsInTime is reindexApps of all, once in a while: counting instances takes time where there are many, so statuses
// follow within a poll. It is keepLists' alone.
func (c *Controller) reindexAppsInTime(now time.Time) {
	if c.appList.at.IsZero() || now.Sub(c.appList.at) >= c.opts.Poll/2 {
		c.appList.at = now
		c.reindexApps()
	}
}

// keepLists keeps the indexes of apps and instances in step until ctx ends. Where there are many, that takes time, which
// decisions do not have.
func (c *Controller) keepLists(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.lists:
			c.reindexProcs()
			c.reindexAppsInTime(time.Now())
		}
	}
}

// tellListed tells that searches find something else from now on.
func (c *Controller) tellListed() {
	if c.opts.Listed != nil {
		c.opts.Listed()
	}
}

// relist has the indexes of apps and instances looked at.
func (c *Controller) relist() {
	select {
	case c.lists <- struct{}{}:
	default: // they will be
	}
}

// appDocs gives the apps that are named and there, or all when none is named.
func (c *Controller) appDocs(names ...string) map[string]*AppDoc {
	statuses := c.Statuses(names...)
	c.mu.RLock()
	defer c.mu.RUnlock()
	docs := make(map[string]*AppDoc, len(statuses))
	for name, status := range statuses {
		app, there := c.apps.docs[name]
		if !there || deleted(app) {
			continue
		}
		if app.Value == nil {
			app.Value = &state.App{Name: name}
		}
		docs[name] = newAppDoc(app.Value, c.choreo(name).Value, status)
	}
	return docs
}

// SearchApps gives the names of the apps that match a query, in order. A malformed query is code Invalid with the column.
func (c *Controller) SearchApps(ctx context.Context, text string) (Found[string], error) {
	c.mu.RLock()
	most := len(c.apps.docs)
	c.mu.RUnlock()
	found, err := c.appList.index.Search(ctx, text, index.Options{Size: most + 1})
	if err != nil {
		return Found[string]{}, QueryError(err)
	}
	return Found[string]{found.Total, found.IDs, found.Warnings}, nil
}
