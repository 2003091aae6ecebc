package console

import (
	"net/http"
	"net/url"

	"stathub/state"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
)

// procEvents is how many events of an instance its page shows.
const procEvents = 20

// proc is the page of one instance, as its node's report has it.
func (c *console) proc(r *http.Request) (web.Page, error) {
	node, name := rest.Param(r, "id"), rest.Param(r, "instance")
	instance, err := c.instance(node, name)
	if err != nil {
		return web.Page{}, err
	}
	v := web.NewProcess(node, instance, c.Control.Manifest(node).Value.Entry(instance.App))
	v.API = "/v1/node/" + url.PathEscape(node) + "/proc/" + url.PathEscape(name)
	v.Crashes = "/v1/node/" + url.PathEscape(node) + "/crash"
	v.Limits.Silent = true
	if record := c.Control.Node(node).Value; record != nil {
		v.Limits.Hostname, v.Limits.Address, v.Limits.Silent = record.Hostname, record.AgentAddress, record.State == state.NodeDown
	}
	if v.Events, err = c.eventsOf(r, `instance:"`+instance.ID+`"`, procEvents); err != nil {
		return web.Page{}, err
	}
	v.Events.NoApp, v.Events.NoNode, v.Events.NoInst = true, true, true
	return web.Page{Name: "proc", Topics: []string{live.Node(node), live.App(instance.App), live.Events}, View: v}, nil
}

// instance finds one in the report of its node; code NotFound when it is not there.
func (c *console) instance(node, name string) (state.Instance, error) {
	report := c.Control.Report(node).Value
	if report != nil {
		for _, i := range report.Instances {
			if i.ID == node+"/"+name {
				return i, nil
			}
		}
	}
	return state.Instance{}, state.Errorf(state.NotFound, "", "node %q reports no instance %q: it may have been moved or scaled away", node, name)
}
