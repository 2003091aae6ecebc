package agent

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"stathub/agent/events"
	"stathub/agent/httpapi"
	"stathub/agent/standalone"
	"stathub/agent/supervise"
	"stathub/state"
	"stathub/state/guard"
	web "stathub/web/agentpage"
	"stathub/web/rest"
)

// handler serves the page and the API. loopback says that the server is reached from this machine only; streams end when
// stop is closed.
func handler(o Options, p parts, loopback bool, stop <-chan struct{}, log *slog.Logger) http.Handler {
	sv, store, stores := p.sv, p.store, p.stores
	told := gauges{started: time.Now(), sv: sv, stores: stores}
	opts := httpapi.Options{
		Metrics: told.write,
		Secure:  rest.SecureOptions{Log: log, Loopback: loopback},
		Master:  o.master(),
		Ready:   func() error { return ready(sv) },
		Stop:    stop,
		Stats:   p.stats,
	}
	if o.Standalone() {
		opts.Editor = standalone.New(store, o.NodeID, sv)
	}
	page := web.AgentPage(func(ctx context.Context) web.Machine { return machine(ctx, o, sv, stores, opts.Editor) })
	return httpapi.Handler(sv, page, opts)
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
func machine(ctx context.Context, o Options, sv *supervise.Supervisor, stores *guard.Stores, editor *standalone.Editor) web.Machine {
	r := sv.Report()
	m := web.Machine{
		Node: state.Node{
			Facts: r.Facts, ID: r.Node, Tags: r.Tags, AgentVersion: r.AgentVersion, Isolation: r.Isolation,
			State: state.NodeUp, LastSeen: r.UpdatedAt, Schedulable: true,
		},
		Problems: r.Errors, Stores: stores.States(), Standalone: o.Standalone(), Master: o.master(), Manifest: state.KindManifest.Key(o.NodeID),
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
	if editor != nil {
		if tags, err := editor.Tags(ctx); err == nil {
			m.Node.Tags = tags
		} else {
			m.Problems = append(m.Problems, err.Error())
		}
		current, _, _ := editor.Manifest(ctx) // what is wrong with it is in the report
		m.Apps = apps(current, r)
	}
	for i := range r.Instances {
		m.Procs = append(m.Procs, r.Instances[i].Proc(r.Node))
	}
	return m
}

// apps lists the apps of a manifest, which may be nil, with what the report says of them.
func apps(m *state.Manifest, report state.Report) []web.App {
	if m == nil {
		return nil
	}
	var all []web.App
	for i := range m.Apps {
		entry := &m.Apps[i]
		status := httpapi.Status(entry, report)
		app := web.App{
			Name: entry.App.Name, State: string(status.State), Started: entry.App.Start, Wanted: entry.Count, Running: status.Running,
		}
		for _, reason := range status.Reasons {
			app.Reasons = append(app.Reasons, reason.Message)
		}
		all = append(all, app)
	}
	return all
}
