// Package console serves the master's pages: it fills the view models of package web from what the master knows. Pages
// only show; what people do on them goes to the API.
package console

import (
	"net/http"

	"stathub/master/control"
	"stathub/master/journal"
	"stathub/master/lease"
	"stathub/master/stats"
	"stathub/state/guard"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest/openapi"
)

// Options are what the pages are made of.
type Options struct {
	Control *control.Controller
	Journal *journal.Journal
	Stats   *stats.Keeper // how much of the nodes is in use
	Leader  func() lease.Status
	Bucket  string               // its URL, without secrets
	Store   func() []guard.State // how the bucket is doing
	Live    *live.Hub            // what changes
	Stop    <-chan struct{}      // closed when streams must end
	API     *openapi.Document    // what the API does
}

type console struct {
	Options
	api       *web.API
	histories histories
}

// sections are the navigation.
var sections = []web.Section{
	{Name: "overview", Path: "/", Key: "o"},
	{Name: "nodes", Path: "/nodes", Key: "n"},
	{Name: "apps", Path: "/apps", Key: "a"},
	{Name: "procs", Path: "/procs", Key: "p"},
	{Name: "events", Path: "/events", Key: "e"},
	{Name: "bucket", Path: "/bucket", Key: "b"},
	{Name: "help", Path: "/help", Key: "h"},
	{Name: "api", Path: "/api", Key: "i"},
}

// Handler serves the pages.
func Handler(o Options) http.Handler {
	c := &console{Options: o, api: web.NewAPI(o.API)}
	return web.NewSite("master", sections, c.bar).Handler(c.routes(), o.Live.Stream(o.Stop))
}

func (c *console) routes() []web.Route {
	return []web.Route{
		{Path: "/", Section: "overview", Show: c.overview},
		{Path: "/nodes", Section: "nodes", Show: c.nodes},
		{Path: "/help", Section: "help", Show: c.help},
		{Path: "/help/{topic}", Section: "help", Show: c.help},
		{Path: "/api", Section: "api", Show: c.apiPage},
		{Path: "/apps", Section: "apps", Show: c.apps},
		{Path: "/new", Section: "apps", Show: c.newApp},
		{Path: "/apps/{name}/edit", Section: "apps", Show: c.editApp},
		{Path: "/apps/{name}/choreo", Section: "apps", Show: c.editChoreo},
		{Path: "/apps/{name}", Section: "apps", Show: c.app},
		{Path: "/procs", Section: "procs", Show: c.procs},
		{Path: "/events", Section: "events", Show: c.events},
		{Path: "/bucket", Section: "bucket", Show: c.bucket},
		{Path: "/_plugin/head", Section: "bucket", Show: c.bucket}, // where the seed had its data console
		{Path: "/bucket/*", Section: "bucket", Show: c.document},
		{Path: "/nodes/{id}/procs/{instance}", Section: "procs", Show: c.proc},
		{Path: "/nodes/{id}", Section: "nodes", Show: c.nodePage},
	}
}

// bar is what each page tells of this master.
func (c *console) bar() web.Bar {
	who := c.Leader()
	b := web.Bar{Name: who.Name, Leads: who.Leads, Leader: who.Leader.Holder, LeaderAt: who.Leader.Address}
	if why := c.Control.Outage(); why != "" {
		b.Alerts = append(b.Alerts, web.Alert{Word: "alert.bucket", Text: why})
	}
	if why := c.Control.Frozen(); why != "" {
		b.Alerts = append(b.Alerts, web.Alert{Word: "alert.frozen", Text: why})
	}
	if err := c.Control.Unread(); err != nil {
		b.Alerts = append(b.Alerts, web.Alert{Word: "alert.unread", Text: err.Error()})
	}
	return b
}
