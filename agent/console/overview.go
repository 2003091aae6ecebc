package console

import (
	"context"
	"net/http"

	"stathub/agent/httpapi"
	"stathub/state"
	"stathub/web"
	"stathub/web/rest"
)

// What pages show of the past; the API has it all.
const (
	latestEvents  = 10
	latestCrashes = 10
	pageEvents    = 500
)

func (c *console) overview(r *http.Request) (web.Page, error) {
	report := c.Supervisor.Report()
	v := web.Agent{
		Node: state.Node{
			Facts: report.Facts, ID: report.Node, Tags: report.Tags, AgentVersion: report.AgentVersion, Isolation: report.Isolation,
			State: state.NodeUp, LastSeen: report.UpdatedAt, Schedulable: true,
		},
		Problems: report.Errors, Stores: c.Stores(), Standalone: c.Editor != nil, Master: c.Master, Manifest: c.Manifest, Measured: c.Measured,
	}
	if report.Manifest.Error != "" {
		v.Problems = append(v.Problems, report.Manifest.Error)
	}
	if c.Editor != nil {
		if tags, err := c.Editor.Tags(r.Context()); err == nil {
			v.Tags = tags
		} else {
			v.Problems = append(v.Problems, err.Error())
		}
	}
	m := c.manifest(r.Context())
	if m != nil {
		v.Envs = m.Envs
		for i := range m.Apps {
			v.Apps = append(v.Apps, appRow(&m.Apps[i], report))
		}
	}
	v.TagsETag, v.EnvsETag = string(state.ContentETag(v.Tags)), string(state.ContentETag(v.Envs))
	v.Procs = procs(report, m, "")
	v.Events = eventRows(c.Supervisor.Events(latestEvents), "")
	for _, kept := range c.Supervisor.Crashes() {
		if len(v.Crashes) < latestCrashes {
			v.Crashes = append(v.Crashes, web.AgentCrash{Name: kept.Name, Instance: kept.Instance, At: kept.At, Size: state.Bytes(kept.Bytes)})
		}
	}
	return web.Page{Name: "agent", Topics: []string{Changed}, View: v}, nil
}

// manifest is the one that edits find, where they are made here, else the one that is followed; nil: there never was any.
func (c *console) manifest(ctx context.Context) *state.Manifest {
	if c.Editor == nil {
		m, _ := c.Supervisor.Manifest()
		return m
	}
	m, _, _ := c.Editor.Manifest(ctx) // what is wrong with it is in the report
	return m
}

func appRow(entry *state.ManifestEntry, report state.Report) web.AppRow {
	return web.AppRow{
		Name: entry.App.Name, Status: httpapi.Status(entry, report), Scale: entry.Count, Planned: true, Checked: len(entry.App.HealthChecks) > 0,
		Start: entry.App.Start, Exists: true, Going: true,
	}
}

// procs lists the instances of an app, or of all with an empty name.
func procs(report state.Report, m *state.Manifest, app string) web.Procs {
	p := web.Procs{NoNode: true, NoApp: app != ""}
	for i := range report.Instances {
		inst := &report.Instances[i]
		if app != "" && inst.App != app {
			continue
		}
		row := web.ProcRow{Proc: inst.Proc(report.Node), Address: report.Facts.AgentAddress}
		row.URL = "/procs/" + inst.ID[len(report.Node)+1:]
		if entry := m.Entry(inst.App); entry != nil {
			row.Limits = entry.App.ResAlloc
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// eventRows makes a table of events, of those of one app where a name is given.
func eventRows(all []state.Event, app string) web.Events {
	var rows []*state.Event
	for i := range all {
		if app == "" || all[i].App == app {
			rows = append(rows, &all[i])
		}
	}
	e := web.NewEvents(rows)
	e.NoNode, e.NoApp, e.Local = true, app != "", true
	return e
}

func (c *console) events(r *http.Request) (web.Page, error) {
	return web.Page{Name: "agentevents", Topics: []string{Changed}, View: eventRows(c.Supervisor.Events(pageEvents), "")}, nil
}

// name is the part of the path that names an app.
func name(r *http.Request) string { return rest.Param(r, "name") }
