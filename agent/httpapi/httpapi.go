// Package httpapi is the agent's own API (design sections 4 and 7): what the master serves for every node, an agent
// serves for itself, in the same shape.
package httpapi

import (
	"context"
	"maps"
	"net/http"

	"stathub/agent/health"
	"stathub/state"
	"stathub/web/rest"
)

// Supervisor is what the API shows and acts on. Its errors carry state codes.
type Supervisor interface {
	// Report is the node as it is now; the caller may keep it.
	Report() state.Report
	// Kill signals the instance that the process leads; the restart policy decides what follows. No such instance is
	// code NotFound.
	Kill(ctx context.Context, pid int, signal int) error
	// LogPath is the file of an instance's "stdout" or "stderr", which may not exist yet.
	LogPath(pid int, stream string) (string, error)
	// Health is each health check of the instance whose process pid is, with its last results; empty without checks. No such
	// instance is code NotFound.
	Health(pid int) ([]health.Status, error)
	// Manifest is the last good one, nil when there never was any, and what is wrong with a newer one.
	Manifest() (*state.Manifest, state.ManifestStatus)
}

// Options are what an agent may leave out.
type Options struct {
	Secure rest.SecureOptions
	Tags   func() []string          // of the node; nil: those that the report has
	Envs   func() map[string]string // of the node; nil: the manifest's
	Ready  func() error             // why the agent cannot work yet; nil: always ready
	Stop   <-chan struct{}          // closed when streams must end, so that the server can shut down
}

// Handler serves the API, and page at / and /assets/. It is complete: every check of web/rest is in it.
func Handler(sv Supervisor, page http.Handler, opts Options) http.Handler {
	a := &api{sv: sv, opts: opts}
	routes := []rest.Route{
		{Method: "GET", Path: "/v1/node", Handler: a.node},
		{Method: "GET", Path: "/v1/node/tag", Handler: a.tags},
		{Method: "GET", Path: "/v1/node/env", Handler: a.envs},
		{Method: "GET", Path: "/v1/app", Handler: a.apps},
		{Method: "GET", Path: "/v1/app/{name}", Handler: a.app},
		{Method: "GET", Path: "/v1/proc", Handler: a.procs},
		{Method: "GET", Path: "/v1/proc/{pid}", Handler: a.proc},
		{Method: "POST", Path: "/v1/proc/{pid}/_kill", Handler: a.kill},
		{Method: "GET", Path: "/v1/proc/{pid}/_stdout", Handler: a.stdout},
		{Method: "GET", Path: "/v1/proc/{pid}/_stderr", Handler: a.stderr},
		{Method: "GET", Path: "/v1/proc/{pid}/_health", Handler: a.procHealth},
		{Method: "GET", Path: "/v1/manifest", Handler: a.manifest},
		{Method: "GET", Path: "/healthz", Handler: a.healthz},
		{Method: "GET", Path: "/readyz", Handler: a.readyz},
	}
	if page != nil {
		show := func(w http.ResponseWriter, r *http.Request) error { page.ServeHTTP(w, r); return nil }
		routes = append(routes,
			rest.Route{Method: "GET", Path: "/", Handler: show},
			rest.Route{Method: "GET", Path: "/assets/*", Handler: show})
	}
	return rest.Secure(rest.NewRouter(routes), opts.Secure)
}

type api struct {
	sv   Supervisor
	opts Options
}

func (a *api) node(w http.ResponseWriter, r *http.Request) error {
	report := a.sv.Report()
	rest.WriteJSON(w, r, http.StatusOK, state.Node{
		Facts: report.Facts, Tags: a.nodeTags(report), ID: report.Node, Envs: a.nodeEnvs(),
		Schedulable: true, LastSeen: report.UpdatedAt, State: state.NodeUp,
		AgentVersion: report.AgentVersion, Isolation: report.Isolation,
	}, "")
	return nil
}

func (a *api) tags(w http.ResponseWriter, r *http.Request) error {
	rest.WriteJSON(w, r, http.StatusOK, a.nodeTags(a.sv.Report()), "")
	return nil
}

func (a *api) envs(w http.ResponseWriter, r *http.Request) error {
	rest.WriteJSON(w, r, http.StatusOK, a.nodeEnvs(), "")
	return nil
}

func (a *api) nodeTags(report state.Report) []string {
	if a.opts.Tags != nil {
		return a.opts.Tags()
	}
	return report.Tags
}

func (a *api) nodeEnvs() map[string]string {
	if a.opts.Envs != nil {
		return a.opts.Envs()
	}
	if m, _ := a.sv.Manifest(); m != nil {
		return maps.Clone(m.Envs)
	}
	return nil
}

// manifestView is the answer of /v1/manifest.
type manifestView struct {
	Manifest *state.Manifest      `json:"manifest"` // null: none was ever read
	Status   state.ManifestStatus `json:"status"`
}

func (a *api) manifest(w http.ResponseWriter, r *http.Request) error {
	m, status := a.sv.Manifest()
	rest.WriteJSON(w, r, http.StatusOK, manifestView{m, status}, "")
	return nil
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
