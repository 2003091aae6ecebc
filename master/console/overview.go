package console

import (
	"net"
	"net/http"
	"net/netip"

	"stathub/web"
	"stathub/web/live"
)

// How much of each list the overview shows: the rest is on pages of its own.
const (
	overviewApps     = 8
	overviewPins     = 8
	overviewProblems = 6
	overviewEvents   = 10
)

func (c *console) overview(r *http.Request) (web.Page, error) {
	who := c.Leader()
	v := web.Overview{
		Read: c.Control.Unread() == nil, Bucket: c.Bucket, Stores: c.Store(), Term: who.Leader.Term, Expiry: who.Leader.Expiry, Note: who.Note,
		AgentCommand: agentCommand(r), AppCommand: firstApp(r), Near: near(r),
	}
	s := c.Control.Summary(overviewApps)
	v.Nodes = web.NodeTile(s.Nodes)
	v.Procs = web.ProcTile{Wanted: s.Wanted, Running: s.Running, Unhealthy: s.Unhealthy, Unknown: s.Unknown}
	for _, n := range s.Apps {
		v.Apps += n
	}
	v.AtScale, v.ShortMore = v.Apps-s.ShortCount, s.ShortCount-len(s.Short)
	for _, app := range s.Short {
		v.Short = append(v.Short, web.AppRow{Name: app.Name, Status: app.Status})
	}
	pins := c.Control.Pins()
	v.PinsMore = max(0, len(pins)-overviewPins)
	for _, p := range pins[:min(overviewPins, len(pins))] {
		v.Pins = append(v.Pins, web.PinRow{Node: p.Node, App: p.App, Count: p.Count, Owner: p.Owner})
	}
	c.problems(&v)
	var err error
	if v.Events, err = c.eventsOf(r, "*", overviewEvents); err != nil {
		return web.Page{}, err
	}
	return web.Page{Name: "overview", Topics: []string{live.Nodes, live.Apps, live.Plan, live.Events, live.Master}, View: v}, nil
}

// problems are what cannot be read, and what agents refuse.
func (c *console) problems(v *web.Overview) {
	for _, bad := range c.Control.Unreadable() {
		v.Problems = append(v.Problems, bad.Message)
	}
	v.Problems = append(v.Problems, c.Control.Refused()...)
	v.ProblemsMore = max(0, len(v.Problems)-overviewProblems)
	v.Problems = v.Problems[:min(overviewProblems, len(v.Problems))]
}

// address is this master as the browser reaches it.
func address(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// agentCommand starts an agent of this master.
func agentCommand(r *http.Request) string { return "stathub-agent --master.address=" + address(r) }

// firstApp makes an app that runs anywhere, and says where it runs.
func firstApp(r *http.Request) string {
	return "curl " + address(r) + `/v1/app -d '{"name": "hello", "toProcess": "while sleep 1; do date; done", "start": true}'` +
		"\ncurl " + address(r) + "/v1/app/hello/_scale -d 2"
}

// near reports whether the address that the browser uses is of its own machine alone.
func near(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
