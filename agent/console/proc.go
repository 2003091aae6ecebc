package console

import (
	"net/http"
	"net/url"

	"stathub/state"
	"stathub/web"
	"stathub/web/rest"
)

// proc is the page of one instance.
func (c *console) proc(r *http.Request) (web.Page, error) {
	local := rest.Param(r, "instance")
	report := c.Supervisor.Report()
	for _, inst := range report.Instances {
		if inst.ID != report.Node+"/"+local {
			continue
		}
		v := web.NewProcess(report.Node, inst, c.manifest(r.Context()).Entry(inst.App))
		v.API, v.Crashes, v.Local = "/v1/proc/"+url.PathEscape(local), "/v1/crash", true
		v.Limits.Hostname, v.Limits.Address = report.Facts.Hostname, report.Facts.AgentAddress
		v.Events = instanceEvents(c.Supervisor.Events(pageEvents), inst.ID)
		return web.Page{Name: "proc", Topics: []string{Changed}, View: v}, nil
	}
	return web.Page{}, state.Errorf(state.NotFound, "", "this node has no instance %q: it may have been scaled away", local)
}

// instanceEvents makes a table of the latest events of one instance.
func instanceEvents(all []state.Event, id string) web.Events {
	var own []state.Event
	for _, e := range all {
		if e.Instance == id && len(own) < latestEvents {
			own = append(own, e)
		}
	}
	e := eventRows(own, "")
	e.NoApp, e.NoInst = true, true
	return e
}
