package master

import (
	"net/url"
	"time"

	"stathub/master/console"
	"stathub/master/control"
	"stathub/master/journal"
	"stathub/master/lease"
	"stathub/master/stats"
	"stathub/state"
	"stathub/state/guard"
	"stathub/web/live"
	"stathub/web/rest/openapi"
)

// pages makes the console. Its streams end when stop is closed.
func (o *Options) pages(mind *control.Controller, events *journal.Journal, usage *stats.Keeper, who *lease.Elector, stores *guard.Stores, hub *live.Hub, api *openapi.Document, stop <-chan struct{}) console.Options {
	return console.Options{
		Control: mind, Journal: events, Stats: usage, Leader: who.Status, Bucket: bucketName(o.StateURL), Store: stores.States, Live: hub, API: api, Stop: stop,
	}
}

// documentChanged tells pages of a document that changed.
func documentChanged(hub *live.Hub) func(kind state.Kind, name string, apps []string) {
	return func(kind state.Kind, name string, apps []string) {
		topics := []string{live.Nodes, live.Node(name)}
		if kind == state.KindApp || kind == state.KindChoreo {
			topics = []string{live.Apps, live.App(name)}
		}
		for _, app := range apps {
			topics = append(topics, live.App(app))
		}
		if len(apps) > 0 {
			topics = append(topics, live.Apps)
		}
		hub.Changed(topics...)
	}
}

// planned tells pages and the histogram of a plan.
func planned(hub *live.Hub, observe func(time.Duration)) func(time.Duration) {
	return func(took time.Duration) {
		observe(took)
		hub.Changed(live.Plan)
	}
}

// bucketName is the bucket's URL without what may be secret.
func bucketName(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

// eachNode gives the nodes to what keeps their use.
func eachNode(mind *control.Controller) func(func(stats.Node)) bool {
	return func(f func(stats.Node)) bool {
		return mind.EachUsage(func(id string, facts *state.Facts, u *state.Usage, running int) {
			f(stats.Node{ID: id, Facts: facts, Usage: u, Running: running})
		})
	}
}
