// Package console is the pages of an agent: its node and what runs on it. They show what its API tells, and a standalone
// agent's edit what runs there.
package console

import (
	"net/http"

	"github.com/go-chi/chi/v5/middleware"

	"stathub/agent/crash"
	"stathub/agent/standalone"
	"stathub/state"
	"stathub/state/guard"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
)

// Supervisor is what the pages show; *supervise.Supervisor is one.
type Supervisor interface {
	Report() state.Report
	Manifest() (*state.Manifest, state.ManifestStatus)
	Events(limit int) []state.Event
	Crashes() []crash.Kept
}

// Options are what the pages are made of.
type Options struct {
	Supervisor Supervisor
	Editor     *standalone.Editor // of an agent that has no master; else nil
	Node       string
	Master     string               // URL of its master; may be empty
	Manifest   string               // where its manifest is, for people
	Stores     func() []guard.State // how the bucket is doing
	Measured   bool                 // there is something at /v1/stat
	Live       *live.Hub            // what changes; all of it is topic Changed
	Stop       <-chan struct{}      // closed when streams must end
}

// Changed is the topic of everything that an agent's pages show.
const Changed = live.Nodes

type console struct {
	Options
	site *web.Site
}

var sections = []web.Section{
	{Name: "overview", Path: "/", Key: "o"},
	{Name: "events", Path: "/events", Key: "e"},
	{Name: "help", Path: "/help", Key: "h"},
}

// Handler serves the pages.
func Handler(o Options) http.Handler {
	c := &console{Options: o}
	c.site = web.NewSite("agent", sections, c.bar)
	mux := rest.NewRouter([]rest.Route{
		{Method: "GET", Path: "/live", Handler: o.Live.Stream(o.Stop)},
		{Method: "GET", Path: "/assets/*", Handler: web.Asset},
		{Method: "POST", Path: "/diff", Handler: web.ServeDiff},
	})
	pages := mux.With(middleware.Compress(5, "text/html"))
	for _, r := range c.routes() {
		pages.Method(http.MethodGet, r.path, c.page(r))
	}
	return mux
}

// route is a page: where it is, and the section that it belongs to, which an error is shown in, too.
type route struct {
	path, section string
	show          func(r *http.Request) (web.Page, error)
}

func (c *console) routes() []route {
	all := []route{
		{"/", "overview", c.overview},
		{"/apps", "overview", c.overview}, // where pages that a master has, too, lead to
		{"/apps/{name}", "overview", c.app},
		{"/procs/{instance}", "overview", c.proc},
		{"/events", "events", c.events},
		{"/help", "help", c.help},
		{"/help/{topic}", "help", c.help},
	}
	if c.Editor != nil {
		all = append(all, route{"/new", "overview", c.newApp}, route{"/apps/{name}/edit", "overview", c.edit}, route{"/apps/{name}/choreo", "overview", c.editChoreo})
	}
	return all
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

func (c *console) bar() web.Bar {
	b := web.Bar{Name: c.Node, Leader: c.Master, LeaderAt: c.Master}
	for _, s := range c.Stores() {
		if s.Open {
			b.Alerts = append(b.Alerts, web.Alert{Word: "alert.agent.bucket", Text: s.Err})
		}
	}
	return b
}
