// Package console is the pages of an agent: its node and what runs on it. They show what its API tells, and a standalone
// agent's edit what runs there.
package console

import (
	"net/http"

	"stathub/agent/crash"
	"stathub/agent/standalone"
	"stathub/state"
	"stathub/state/guard"
	"stathub/web"
	"stathub/web/live"
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
}

var sections = []web.Section{
	{Name: "overview", Path: "/", Key: "o"},
	{Name: "events", Path: "/events", Key: "e"},
	{Name: "help", Path: "/help", Key: "h"},
}

// Handler serves the pages.
func Handler(o Options) http.Handler {
	c := &console{Options: o}
	return web.NewSite("agent", sections, c.bar).Handler(c.routes(), o.Live.Stream(o.Stop))
}

func (c *console) routes() []web.Route {
	all := []web.Route{
		{Path: "/", Section: "overview", Show: c.overview},
		{Path: "/apps", Section: "overview", Show: c.overview}, // where pages that a master has, too, lead to
		{Path: "/apps/{name}", Section: "overview", Show: c.app},
		{Path: "/procs/{instance}", Section: "overview", Show: c.proc},
		{Path: "/events", Section: "events", Show: c.events},
		{Path: "/help", Section: "help", Show: c.help},
		{Path: "/help/{topic}", Section: "help", Show: c.help},
	}
	if c.Editor != nil {
		all = append(all,
			web.Route{Path: "/new", Section: "overview", Show: c.newApp},
			web.Route{Path: "/apps/{name}/edit", Section: "overview", Show: c.edit},
			web.Route{Path: "/apps/{name}/choreo", Section: "overview", Show: c.editChoreo})
	}
	return all
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
