// Package httpapi is the master's API (design section 7): it turns requests into reads and edits of package control.
package httpapi

import (
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"time"

	"stathub/master/control"
	"stathub/master/journal"
	"stathub/master/stats"
	"stathub/master/suggest"
	"stathub/state"
	"stathub/state/guard"
	"stathub/state/metric"
	"stathub/web/rest"
	"stathub/web/rest/openapi"
)

// Options are what the API is made of.
type Options struct {
	Control *control.Controller
	Journal *journal.Journal
	Suggest map[string]*suggest.Box // by what is searched: "node", "event"
	Master  func() Master           // who leads
	Page    http.Handler            // the console: whatever the API does not have; nil: none
	Gateway http.Handler            // the bucket for agents, at /state/; nil: none
	Log     *slog.Logger            // nil: none

	Metrics func(*metric.Writer) // what /metrics tells; nil: there is none
	Store   func() []guard.State // how the bucket is doing; nil: unknown
	Stats   *stats.Keeper        // what /v1/stat tells
}

type api struct {
	control *control.Controller
	journal *journal.Journal
	leads   func() Master
	log     *slog.Logger
	proxy   *httputil.ReverseProxy
	store   func() []guard.State
	stats   *stats.Keeper
}

// Handler serves the API.
func Handler(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &api{control: o.Control, journal: o.Journal, leads: o.Master, log: o.Log, proxy: newProxy(), store: o.Store, stats: o.Stats}
	routes := a.table(o)
	for i, r := range routes {
		if ofPicture(r.Path) {
			routes[i].Handler = a.onceRead(r.Handler)
		}
	}
	mux := rest.NewRouter(routes)
	if o.Page != nil {
		mux.NotFound(o.Page.ServeHTTP)
	}
	if o.Gateway != nil {
		mux.Handle("/state/*", o.Gateway)
	}
	return mux
}

// table has every route of the API, as the options have it.
func (a *api) table(o Options) []rest.Route {
	routes := a.routes()
	for _, what := range slices.Sorted(maps.Keys(o.Suggest)) {
		routes = append(routes, rest.Route{Method: get, Path: "/v1/" + what + "/_suggest", Handler: a.suggestTo(o.Suggest[what])})
	}
	if o.Metrics != nil {
		routes = append(routes, rest.Route{Method: get, Path: "/metrics", Handler: rest.Metrics(o.Metrics)})
	}
	return openapi.WithDocument(routes, func(all []rest.Route) openapi.API { return description(all, o) })
}

// Document describes the API that Handler serves with these options.
func Document(o Options) *openapi.Document {
	return description((&api{}).table(o), o).Document()
}

const (
	get  = http.MethodGet
	put  = http.MethodPut
	post = http.MethodPost
	del  = http.MethodDelete
)

func (a *api) routes() []rest.Route {
	return []rest.Route{
		{Method: get, Path: "/v1/app", Handler: a.listApps},
		{Method: post, Path: "/v1/app", Handler: rest.Reporting(a.createApp)},
		{Method: get, Path: "/v1/app/{name}", Handler: a.getApp},
		{Method: put, Path: "/v1/app/{name}", Handler: rest.Reporting(a.putApp)},
		{Method: del, Path: "/v1/app/{name}", Handler: a.deleteApp},
		{Method: post, Path: "/v1/app/{name}/_start", Handler: a.onApp(a.control.StartApp)},
		{Method: post, Path: "/v1/app/{name}/_stop", Handler: a.onApp(a.control.StopApp)},
		{Method: post, Path: "/v1/app/{name}/_restart", Handler: a.onApp(a.control.RestartApp)},
		{Method: get, Path: "/v1/app/{name}/_explain", Handler: a.explain},
		{Method: get, Path: "/v1/app/{name}/history", Handler: a.history},
		{Method: post, Path: "/v1/app/{name}/_rollback", Handler: a.rollback},
		{Method: post, Path: "/v1/app/{name}/_pause", Handler: a.onChoreo(a.control.PauseRollouts)},
		{Method: post, Path: "/v1/app/{name}/_resume", Handler: a.onChoreo(a.control.ResumeRollouts)},
		{Method: get, Path: "/v1/app/{name}/proc", Handler: a.appProcs},

		{Method: get, Path: "/v1/app/{name}/choreo", Handler: a.getChoreo},
		{Method: put, Path: "/v1/app/{name}/choreo", Handler: rest.Reporting(a.putChoreo)},
		{Method: get, Path: "/v1/app/{name}/_scale", Handler: a.getScale},
		{Method: post, Path: "/v1/app/{name}/_scale", Handler: a.scale},
		{Method: get, Path: "/v1/app/{name}/_query", Handler: a.getQuery},
		{Method: post, Path: "/v1/app/{name}/_query", Handler: a.query},
		{Method: get, Path: "/v1/choreo", Handler: a.listChoreos},

		{Method: post, Path: "/v1/node/_search", Handler: a.searchNodes},
		{Method: get, Path: "/v1/node/{id}", Handler: a.getNode},
		{Method: del, Path: "/v1/node/{id}", Handler: a.forgetNode},
		{Method: get, Path: "/v1/node/{id}/tag", Handler: a.getTags},
		{Method: put, Path: "/v1/node/{id}/tag", Handler: a.putTags},
		{Method: get, Path: "/v1/node/{id}/env", Handler: a.getEnvs},
		{Method: put, Path: "/v1/node/{id}/env", Handler: a.putEnvs},
		{Method: post, Path: "/v1/node/{id}/_drain", Handler: a.drain(true)},
		{Method: post, Path: "/v1/node/{id}/_undrain", Handler: a.drain(false)},
		{Method: post, Path: "/v1/node/{id}/_cordon", Handler: a.cordon(true)},
		{Method: post, Path: "/v1/node/{id}/_uncordon", Handler: a.cordon(false)},
		{Method: get, Path: "/v1/node/{id}/manifest", Handler: a.getManifest},
		{Method: put, Path: "/v1/node/{id}/manifest", Handler: rest.Reporting(a.putManifest)},
		{Method: post, Path: "/v1/node/{id}/manifest/{app}/_release", Handler: a.release},

		{Method: get, Path: "/v1/node/{id}/proc", Handler: a.nodeProcs},
		{Method: get, Path: "/v1/node/{id}/proc/{pid}", Handler: a.nodeProc},
		{Method: post, Path: "/v1/node/{id}/proc/{pid}/_kill", Handler: a.kill},
		{Method: post, Path: "/v1/node/{id}/proc/{pid}/_restart", Handler: a.restart},
		{Method: get, Path: "/v1/node/{id}/proc/{pid}/_stdout", Handler: a.toAgent("_stdout")},
		{Method: get, Path: "/v1/node/{id}/proc/{pid}/_stderr", Handler: a.toAgent("_stderr")},
		{Method: get, Path: "/v1/node/{id}/proc/{pid}/_health", Handler: a.toAgent("_health")},
		{Method: get, Path: "/v1/node/{id}/crash", Handler: a.crashes},
		{Method: get, Path: "/v1/node/{id}/crash/{name}", Handler: a.crash},
		{Method: get, Path: "/v1/proc", Handler: a.allProcs},

		{Method: get, Path: "/v1/stat/node/{what}", Handler: a.nodeStat},
		{Method: get, Path: "/v1/stat/cluster", Handler: a.clusterStat},

		{Method: get, Path: "/v1/event/_search", Handler: a.searchEvents},
		{Method: post, Path: "/v1/event/_search", Handler: a.searchEvents},
		{Method: get, Path: "/v1/event/_count", Handler: a.countEvents},
		{Method: post, Path: "/v1/event/_count", Handler: a.countEvents},

		{Method: get, Path: "/v1/bucket", Handler: a.listBucket},
		{Method: get, Path: "/v1/bucket/*", Handler: a.getKey},
		{Method: put, Path: "/v1/bucket/*", Handler: rest.Reporting(a.putKey)},
		{Method: del, Path: "/v1/bucket/*", Handler: a.deleteKey},

		{Method: get, Path: "/v1/master", Handler: a.master},

		{Method: get, Path: "/healthz", Handler: a.healthy},
		{Method: get, Path: "/readyz", Handler: a.ready},
	}
}

// ofPicture reports whether a route answers from what this master has read of the bucket.
func ofPicture(path string) bool {
	for _, what := range []string{"/v1/app", "/v1/choreo", "/v1/node", "/v1/proc", "/v1/stat"} {
		if path == what || strings.HasPrefix(path, what+"/") {
			return true
		}
	}
	return false
}

// onceRead answers 503 until the bucket was read: a 404 would say that something is not there which may well be.
func (a *api) onceRead(h rest.HandlerFunc) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := a.control.Unread(); err != nil {
			return err
		}
		return h(w, r)
	}
}

// healthy says that the process works; the bucket may be out of reach.
func (a *api) healthy(w http.ResponseWriter, r *http.Request) error {
	rest.WriteJSON(w, r, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"}, "")
	return nil
}

// ready says whether the bucket was read once, so that reads are answered and decisions made.
func (a *api) ready(w http.ResponseWriter, r *http.Request) error {
	var missing []string
	for what, why := range a.control.Missing() {
		missing = append(missing, what+" ("+why+")")
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return state.Errorf(state.Unavailable, "", "not ready; missing: %s", strings.Join(missing, ", "))
	}
	rest.WriteJSON(w, r, http.StatusOK, struct {
		Status string `json:"status"`
		Frozen string `json:"frozen,omitzero"`
		Bucket string `json:"bucket,omitzero"` // why edits are refused
	}{"ready", a.control.Frozen(), a.away()}, "")
	return nil
}

// away says why the bucket is out of reach; empty: it is not. Reads go on from memory meanwhile: the master is as ready as
// it can be.
func (a *api) away() string {
	if a.store == nil {
		return ""
	}
	for _, s := range a.store() {
		if s.Open {
			return "out of reach since " + s.Since.UTC().Format(time.RFC3339) + ": " + s.Err
		}
	}
	return ""
}

// unreadable answers for a stored document that could never be read.
func unreadable(key string, err error) error {
	return state.Unreadable(key, "mend it, or replace it with PUT", err)
}
