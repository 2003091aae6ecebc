package httpapi

import (
	"net/http"
	"time"

	"stathub/state"
	"stathub/state/series"
	"stathub/web/rest"
)

// Stats knows how much of the machine was in use; *stats.Keeper is one.
type Stats interface {
	// Chart gives what was measured over a window; what is os, cpu, mem, disk or net, another one is code NotFound.
	Chart(what string, w series.Window, facts *state.Facts) (series.Chart, error)
}

// stat serves /v1/stat/{what}?time=&offset=.
func (a *api) stat(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	window, err := series.ParseWindow(q.Get("time"), q.Get("offset"), time.Now())
	if err != nil {
		return err
	}
	report := a.sv.Report()
	c, err := a.opts.Stats.Chart(rest.Param(r, "what"), window, &report.Facts)
	if err != nil {
		return err
	}
	c.Node = report.Node
	rest.WriteCompact(w, &c)
	return nil
}
