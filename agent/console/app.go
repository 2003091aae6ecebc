package console

import (
	"context"
	"net/http"

	"stathub/agent/standalone"
	"stathub/state"
	"stathub/web"
)

// entry finds an app in the manifest; code NotFound when it is not there.
func (c *console) entry(ctx context.Context, name string) (*state.Manifest, *state.ManifestEntry, error) {
	m := c.manifest(ctx)
	if entry := m.Entry(name); entry != nil {
		return m, entry, nil
	}
	return nil, nil, state.Errorf(state.NotFound, "", "this node's manifest has no app %q", name)
}

func (c *console) app(r *http.Request) (web.Page, error) {
	m, entry, err := c.entry(r.Context(), name(r))
	if err != nil {
		return web.Page{}, err
	}
	report := c.Supervisor.Report()
	v := web.AgentApp{
		AppRow: appRow(entry, report), Standalone: c.Editor != nil, Master: c.Master, Text: string(state.Encode(standalone.AppOf(entry))),
		Procs: procs(report, m, entry.App.Name), Events: eventRows(c.Supervisor.Events(pageEvents), entry.App.Name),
	}
	if len(v.Events.Rows) > latestEvents {
		v.Events.Rows = v.Events.Rows[:latestEvents]
	}
	return web.Page{Name: "agentapp", Topics: []string{Changed}, View: v}, nil
}

func (c *console) newApp(*http.Request) (web.Page, error) {
	return web.Page{Name: "editapp", View: web.Edit{Kind: "app", Text: web.NewApp(), Scale: 1}}, nil
}

func (c *console) edit(r *http.Request) (web.Page, error) {
	_, entry, err := c.entry(r.Context(), name(r))
	if err != nil {
		return web.Page{}, err
	}
	return edited("app", entry.App.Name, standalone.AppOf(entry)), nil
}

func (c *console) editChoreo(r *http.Request) (web.Page, error) {
	_, entry, err := c.entry(r.Context(), name(r))
	if err != nil {
		return web.Page{}, err
	}
	return edited("choreo", entry.App.Name, standalone.ChoreoOf(entry)), nil
}

// edited is the page that edits a document of an app.
func edited(kind, app string, doc any) web.Page {
	return web.Page{Name: "edit" + kind, View: web.Edit{Kind: kind, Name: app, Text: string(state.Encode(doc)), ETag: string(state.ContentETag(doc))}}
}
