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

// blank is the document that a new app starts from.
const blank = `{
  "name": "",
  "toProcess": "",
  "args": [],
  "ports": [],
  "start": true
}
`

func (c *console) newApp(*http.Request) (web.Page, error) {
	return web.Page{Name: "agentedit", View: web.AgentEdit{Text: blank}}, nil
}

func (c *console) edit(r *http.Request) (web.Page, error) {
	_, entry, err := c.entry(r.Context(), name(r))
	if err != nil {
		return web.Page{}, err
	}
	app := standalone.AppOf(entry)
	return web.Page{Name: "agentedit", View: web.AgentEdit{Name: app.Name, ETag: string(state.ContentETag(app)), Text: string(state.Encode(app))}}, nil
}
