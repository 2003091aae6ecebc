package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"time"

	"stathub/state"
	"stathub/state/series"
	"stathub/web/rest"
)

// windowOf gives the time that ?time= and ?offset= ask for.
func windowOf(r *http.Request) (series.Window, error) {
	q := r.URL.Query()
	return series.ParseWindow(q.Get("time"), q.Get("offset"), time.Now())
}

// nodeStat passes /v1/stat/node/{what}?node= on to the agent of the node, which has it in more detail and for longer. When
// that does not answer, what this master keeps is the answer, and says so.
func (a *api) nodeStat(w http.ResponseWriter, r *http.Request) error {
	id, what := r.URL.Query().Get("node"), rest.Param(r, "what")
	if id == "" {
		return state.Errorf(state.Invalid, "", "?node= must name a node")
	}
	window, err := windowOf(r)
	if err != nil {
		return err
	}
	doc := a.control.Node(id)
	if doc.ETag == "" || doc.Value == nil {
		return rest.NotFound("node", id)
	}
	report := a.control.Report(id).Value
	if report == nil {
		report = &state.Report{}
	}
	own := func(why error) error {
		c, err := a.stats.Node(id, what, window, &doc.Value.Facts, report.Usage)
		if err != nil {
			return err
		}
		c.Note = "this is what the master knows, for the last two hours at most: " + why.Error()
		rest.WriteCompact(w, &c)
		return nil
	}
	base, err := agentOf(doc.Value)
	if err != nil {
		return own(err)
	}
	if doc.Value.State == state.NodeDown {
		return own(state.Errorf(state.Unavailable, "", "node %q is down", id))
	}
	base.Path, base.RawQuery = path.Join("/v1/stat", url.PathEscape(what)), r.URL.RawQuery
	a.forward(w, r.WithContext(context.WithValue(r.Context(), insteadKey{}, own)), base, nil)
	return nil
}

// clusterStat serves /v1/stat/cluster?what=: cpu, mem, proc or node; without what it is all of them.
func (a *api) clusterStat(w http.ResponseWriter, r *http.Request) error {
	window, err := windowOf(r)
	if err != nil {
		return err
	}
	if what := r.URL.Query().Get("what"); what != "" {
		c, err := a.stats.Cluster(what, window)
		if err == nil {
			rest.WriteCompact(w, &c)
		}
		return err
	}
	var all series.Chart
	for i, what := range []string{"cpu", "mem", "proc", "node"} {
		c, err := a.stats.Cluster(what, window)
		if err != nil {
			return err
		}
		for n := range c.Series {
			c.Series[n].Unit = c.Unit
		}
		if i == 0 {
			all = c
			all.What, all.Unit = "cluster", ""
			continue
		}
		all.Series = append(all.Series, c.Series...)
	}
	rest.WriteCompact(w, &all)
	return nil
}
