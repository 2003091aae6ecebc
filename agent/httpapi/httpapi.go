// Package httpapi is the agent's own API (design sections 4 and 7): what the master serves for every node, an agent
// serves for itself, in the same shape.
package httpapi

import (
	"context"
	"net/http"

	"stathub/agent/health"
	"stathub/agent/standalone"
	"stathub/state"
	"stathub/state/metric"
	"stathub/web/rest"
	"stathub/web/rest/openapi"
)

// Supervisor is what the API shows and acts on. Its errors carry state codes.
type Supervisor interface {
	History
	// Report is the node as it is now; the caller may keep it.
	Report() state.Report
	// Kill signals the instance that the process leads; the restart policy decides what follows. No such instance is
	// code NotFound.
	Kill(ctx context.Context, pid int, signal int) error
	// Restart stops the instance with this name, such as "web.0", and starts it again, whatever its restart policy says. No such
	// instance is code NotFound; one that is not to run now is Nonsense.
	Restart(ctx context.Context, name string) error
	// LogPath is the file of the "stdout" or "stderr" of the instance with this name, such as "web.0", else with this pid; it
	// may not exist yet.
	LogPath(name string, pid int, stream string) (string, error)
	// Health is each health check of the instance whose process pid is, with its last results; empty without checks. No such
	// instance is code NotFound.
	Health(pid int) ([]health.Status, error)
	// Manifest is the last good one, nil when there never was any, and what is wrong with a newer one.
	Manifest() (*state.Manifest, state.ManifestStatus)
}

// Options are what an agent may leave out.
type Options struct {
	Secure rest.SecureOptions
	Editor *standalone.Editor // of an agent that has no master; nil: edits are refused
	Master string             // URL of the master that edits belong to; may be empty
	Ready  func() error       // why the agent cannot work yet; nil: always ready
	Stop   <-chan struct{}    // closed when streams must end, so that the server can shut down

	Metrics func(*metric.Writer) // what /metrics tells; nil: there is none
	Stats   Stats                // what /v1/stat tells; nil: there is none
}

// Handler serves the API, and page for whatever the API does not have. It is complete: every check of web/rest is in it.
func Handler(sv Supervisor, page http.Handler, opts Options) http.Handler {
	a := &api{sv: sv, opts: opts}
	routes := a.table()
	mux := rest.NewRouter(routes)
	if page != nil {
		mux.NotFound(page.ServeHTTP)
	}
	return rest.Secure(mux, opts.Secure)
}

// table has every route of the API.
func (a *api) table() []rest.Route {
	routes := []rest.Route{
		{Method: "GET", Path: "/v1/node", Handler: a.node},
		{Method: "GET", Path: "/v1/node/tag", Handler: a.tags},
		{Method: "PUT", Path: "/v1/node/tag", Handler: a.putTags},
		{Method: "GET", Path: "/v1/node/env", Handler: a.envs},
		{Method: "PUT", Path: "/v1/node/env", Handler: a.putEnvs},
		{Method: "GET", Path: "/v1/app", Handler: a.apps},
		{Method: "POST", Path: "/v1/app", Handler: rest.Reporting(a.createApp)},
		{Method: "GET", Path: "/v1/app/{name}", Handler: a.app},
		{Method: "PUT", Path: "/v1/app/{name}", Handler: rest.Reporting(a.putApp)},
		{Method: "DELETE", Path: "/v1/app/{name}", Handler: a.deleteApp},
		{Method: "POST", Path: "/v1/app/{name}/_start", Handler: a.onApp((*standalone.Editor).StartApp)},
		{Method: "POST", Path: "/v1/app/{name}/_stop", Handler: a.onApp((*standalone.Editor).StopApp)},
		{Method: "POST", Path: "/v1/app/{name}/_restart", Handler: a.onApp((*standalone.Editor).RestartApp)},
		{Method: "GET", Path: "/v1/app/{name}/_scale", Handler: a.getScale},
		{Method: "POST", Path: "/v1/app/{name}/_scale", Handler: a.scale},
		{Method: "GET", Path: "/v1/app/{name}/choreo", Handler: a.getChoreo},
		{Method: "PUT", Path: "/v1/app/{name}/choreo", Handler: rest.Reporting(a.putChoreo)},
		{Method: "GET", Path: "/v1/app/{name}/proc", Handler: a.appProcs},
		{Method: "GET", Path: "/v1/proc", Handler: a.procs},
		{Method: "GET", Path: "/v1/proc/{pid}", Handler: a.proc},
		{Method: "POST", Path: "/v1/proc/{pid}/_kill", Handler: a.kill},
		{Method: "POST", Path: "/v1/proc/{pid}/_restart", Handler: a.restart},
		{Method: "GET", Path: "/v1/proc/{pid}/_stdout", Handler: a.stdout},
		{Method: "GET", Path: "/v1/proc/{pid}/_stderr", Handler: a.stderr},
		{Method: "GET", Path: "/v1/proc/{pid}/_health", Handler: a.procHealth},
		{Method: "GET", Path: "/v1/manifest", Handler: a.manifest},
		{Method: "PUT", Path: "/v1/manifest", Handler: rest.Reporting(a.putManifest)},
		{Method: "GET", Path: "/v1/event", Handler: a.events},
		{Method: "GET", Path: "/v1/crash", Handler: a.crashes},
		{Method: "GET", Path: "/v1/crash/{name}", Handler: a.crash},
		{Method: "GET", Path: "/healthz", Handler: a.healthz},
		{Method: "GET", Path: "/readyz", Handler: a.readyz},
	}
	if a.opts.Metrics != nil {
		routes = append(routes, rest.Route{Method: "GET", Path: "/metrics", Handler: rest.Metrics(a.opts.Metrics)})
	}
	if a.opts.Stats != nil {
		routes = append(routes, rest.Route{Method: "GET", Path: "/v1/stat/{what}", Handler: a.stat})
	}
	return openapi.WithDocument(routes, description)
}

type api struct {
	sv   Supervisor
	opts Options
}

func (a *api) node(w http.ResponseWriter, r *http.Request) error {
	report := a.sv.Report()
	tags, err := a.nodeTags(r.Context())
	if err != nil {
		tags = report.Tags // the list of tags itself says what is wrong with it
	}
	rest.WriteJSON(w, r, http.StatusOK, state.Node{
		Facts: report.Facts, Tags: tags, ID: report.Node, Envs: a.nodeEnvs(r.Context()),
		Schedulable: true, LastSeen: report.UpdatedAt, State: state.NodeUp,
		AgentVersion: report.AgentVersion, Isolation: report.Isolation,
	}, "")
	return nil
}

func (a *api) tags(w http.ResponseWriter, r *http.Request) error {
	tags, err := a.nodeTags(r.Context())
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, tags, state.ContentETag(tags))
	return nil
}

func (a *api) envs(w http.ResponseWriter, r *http.Request) error {
	envs := a.nodeEnvs(r.Context())
	rest.WriteJSON(w, r, http.StatusOK, envs, state.ContentETag(envs))
	return nil
}

func (a *api) nodeTags(ctx context.Context) (state.Tags, error) {
	if a.opts.Editor != nil {
		return a.opts.Editor.Tags(ctx)
	}
	return a.sv.Report().Tags, nil
}

func (a *api) nodeEnvs(ctx context.Context) state.Envs {
	if m, _ := a.current(ctx); m != nil {
		return m.Envs
	}
	return nil
}

// manifest shows the manifest, and beside it which one is followed and what is wrong with a newer one.
func (a *api) manifest(w http.ResponseWriter, r *http.Request) error {
	m, etag := a.current(r.Context())
	if m == nil {
		report := a.sv.Report()
		if report.Manifest.Error != "" {
			return state.Errorf(state.Nonsense, "", "no manifest could be read yet: %s", report.Manifest.Error)
		}
		return rest.NotFound("manifest of node", report.Node)
	}
	a.writeManifest(w, r, http.StatusOK, m, etag)
	return nil
}

func (a *api) writeManifest(w http.ResponseWriter, r *http.Request, status int, m *state.Manifest, etag state.ETag) {
	_, followed := a.sv.Manifest()
	view := *m
	view.Extra = rest.WithMember(m.Extra, rest.StatusMember, followed)
	rest.WriteView(w, r, status, &view, etag)
}

// probed is the answer of the probes when all is well.
type probed struct {
	Status string `json:"status"`
}

func (a *api) healthz(w http.ResponseWriter, r *http.Request) error {
	rest.WriteJSON(w, r, http.StatusOK, probed{"ok"}, "")
	return nil
}

func (a *api) readyz(w http.ResponseWriter, r *http.Request) error {
	if a.opts.Ready != nil {
		if err := a.opts.Ready(); err != nil {
			return state.Errorf(state.Unavailable, "", "not ready: %w", err)
		}
	}
	rest.WriteJSON(w, r, http.StatusOK, probed{"ready"}, "")
	return nil
}
