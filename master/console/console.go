// Package console serves the master's pages: it fills the view models of package web from what the master knows. Pages
// only show; what people do on them goes to the API.
package console

import (
	"net/http"

	"github.com/go-chi/chi/v5/middleware"

	"stathub/master/control"
	"stathub/master/journal"
	"stathub/master/lease"
	"stathub/master/stats"
	"stathub/state/guard"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
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
	site      *web.Site
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
	c.site = web.NewSite("master", sections, c.bar)
	mux := rest.NewRouter([]rest.Route{
		{Method: "GET", Path: "/live", Handler: o.Live.Stream(o.Stop)},
		{Method: "GET", Path: "/assets/*", Handler: web.Asset},
		{Method: "POST", Path: "/diff", Handler: web.ServeDiff},
	})
	pages := mux.With(middleware.Compress(5, "text/html"))
	for _, r := range c.routes() {
		pages.Method(http.MethodGet, r.path, c.page(r))
	}
	mux.NotFound(c.site.NotFound)
	return mux
}

// route is a page: where it is, and the section that it belongs to, which an error is shown in, too.
type route struct {
	path, section string
	show          func(r *http.Request) (web.Page, error)
}

func (c *console) routes() []route {
	return []route{
		{"/", "overview", c.overview},
		{"/nodes", "nodes", c.nodes},
		{"/help", "help", c.help},
		{"/help/{topic}", "help", c.help},
		{"/api", "api", c.apiPage},
		{"/apps", "apps", c.apps},
		{"/new", "apps", c.newApp},
		{"/apps/{name}/edit", "apps", c.editApp},
		{"/apps/{name}/choreo", "apps", c.editChoreo},
		{"/apps/{name}", "apps", c.app},
		{"/procs", "procs", c.procs},
		{"/events", "events", c.events},
		{"/bucket", "bucket", c.bucket},
		{"/_plugin/head", "bucket", c.bucket}, // where the seed had its data console
		{"/bucket/*", "bucket", c.document},
		{"/nodes/{id}/procs/{instance}", "procs", c.proc},
		{"/nodes/{id}", "nodes", c.nodePage},
	}
}

func (c *console) page(to route) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		p, err := to.show(r)
		if err != nil {
			c.site.ShowError(w, r, to.section, err)
			return nil
		}
		p.Section = to.section
		c.site.Show(w, r, p)
		return nil
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
