package agent

import (
	"log/slog"
	"net/http"

	"stathub/agent/supervise"
	"stathub/state"
	"stathub/web"
	"stathub/web/rest"
)

// handler serves the page.
func handler(o Options, sv *supervise.Supervisor, loopback bool, log *slog.Logger) http.Handler {
	page := web.AgentPage(func() web.Machine { return machine(o, sv) })
	return rest.Secure(page, rest.SecureOptions{Log: log, Loopback: loopback})
}

// machine is what the page shows at this moment.
func machine(o Options, sv *supervise.Supervisor) web.Machine {
	r := sv.Report()
	m := web.Machine{
		Node:     state.Node{Facts: r.Facts, ID: r.Node, Tags: r.Tags, AgentVersion: r.AgentVersion, Isolation: r.Isolation, State: state.NodeUp, LastSeen: r.UpdatedAt, Schedulable: true},
		Problems: r.Errors, Standalone: o.Standalone(), Master: o.MasterAddress, Manifest: state.KindManifest.Key(o.NodeID),
	}
	if r.Manifest.Error != "" {
		m.Problems = append(m.Problems, r.Manifest.Error)
	}
	for i := range r.Instances {
		m.Procs = append(m.Procs, r.Instances[i].Proc(r.Node))
	}
	return m
}
