package master

import (
	"net/url"
	"strings"

	"stathub/master/control"
	"stathub/master/lease"
	"stathub/state"
	"stathub/state/guard"
	"stathub/web"
)

// cluster is what the console's first page shows at this moment.
func cluster(mind *control.Controller, who lease.Status, bucket string, stores *guard.Stores) web.Cluster {
	c := web.Cluster{Bucket: bucket, Master: leadership(who), Stores: stores.States(), Problem: mind.Outage(), Frozen: mind.Frozen(), Nodes: mind.Nodes(), Procs: mind.Procs("", "")}
	for _, bad := range mind.Unreadable() {
		c.Problems = append(c.Problems, bad.Message)
	}
	c.Problems = append(c.Problems, mind.Refused()...)
	for _, p := range mind.Pins() {
		c.Pins = append(c.Pins, web.Pin{Node: p.Node, App: p.App, Count: p.Count, Owner: p.Owner})
	}
	statuses := mind.Statuses()
	for _, name := range mind.AppNames() {
		s := statuses[name]
		app := web.App{Name: name, State: string(s.State), Wanted: s.Wanted, Running: s.Running}
		for _, r := range s.Reasons {
			message := r.Message
			if r.Code == state.CodeNotRunning || r.Code == state.CodeRunFailed {
				message += " (" + strings.Join(r.Names, ", ") + ")"
			}
			app.Reasons = append(app.Reasons, message)
		}
		if r := s.Rollout; r != nil && r.State != state.RolloutDone {
			app.Rollout = r
		}
		c.Apps = append(c.Apps, app)
	}
	return c
}

// bucketName is the bucket's URL without what may be secret.
func bucketName(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}
