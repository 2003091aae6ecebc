package agent

import (
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"

	"stathub/agent/events"
	"stathub/agent/httpapi"
	"stathub/agent/standalone"
	"stathub/agent/supervise"
	"stathub/state"
	"stathub/web"
	"stathub/web/rest"
)

// handler serves the page and the API. loopback says that the server is reached from this machine only; streams end when
// stop is closed.
func handler(o Options, sv *supervise.Supervisor, store state.Store, loopback bool, stop <-chan struct{}, log *slog.Logger) http.Handler {
	opts := httpapi.Options{
		Secure: rest.SecureOptions{Log: log, Loopback: loopback},
		Master: o.MasterAddress,
		Ready:  func() error { return ready(sv) },
		Stop:   stop,
	}
	if o.Standalone() {
		opts.Editor = standalone.New(store, o.NodeID, sv)
	}
	return httpapi.Handler(sv, web.AgentPage(func() web.Machine { return machine(o, sv) }), opts)
}

// ready says why the agent cannot work: it has never had a manifest, and the one in the bucket is no good. To have none
// yet is not a fault of the agent's.
func ready(sv *supervise.Supervisor) error {
	m, status := sv.Manifest()
	if m == nil && status.Error != "" {
		return state.Errorf(state.Unavailable, "", "%w", errors.New(status.Error))
	}
	return nil
}

// What the page shows of the past; the API has it all.
const (
	pageEvents  = 30
	pageCrashes = 10
)

// machine is what the page shows at this moment.
func machine(o Options, sv *supervise.Supervisor) web.Machine {
	r := sv.Report()
	m := web.Machine{
		Node: state.Node{
			Facts: r.Facts, ID: r.Node, Tags: r.Tags, AgentVersion: r.AgentVersion, Isolation: r.Isolation,
			State: state.NodeUp, LastSeen: r.UpdatedAt, Schedulable: true,
		},
		Problems: r.Errors, Standalone: o.Standalone(), Master: o.MasterAddress, Manifest: state.KindManifest.Key(o.NodeID),
	}
	if o.Standalone() {
		m.Manifest = filepath.Join(o.StoreDirectory, "state", filepath.FromSlash(m.Manifest))
	}
	if r.Manifest.Error != "" {
		m.Problems = append(m.Problems, r.Manifest.Error)
	}
	for _, e := range sv.Events(pageEvents) {
		m.Events = append(m.Events, web.Event{Event: e, Bad: events.Bad(e.Kind)})
	}
	for _, c := range sv.Crashes() {
		if len(m.Crashes) < pageCrashes {
			m.Crashes = append(m.Crashes, c.Name)
		}
	}
	for i := range r.Instances {
		m.Procs = append(m.Procs, r.Instances[i].Proc(r.Node))
	}
	return m
}
