package console

import (
	"net/http"
	"strings"

	"stathub/master/index"
	"stathub/web"
	"stathub/web/live"
	"stathub/web/rest"
)

const (
	rowsShown = 50 // of a page of a long list
	maxFrom   = 1_000_000_000
)

func (c *console) procs(r *http.Request) (web.Page, error) {
	if err := c.Control.Unread(); err != nil {
		return web.Page{}, err
	}
	from, err := rest.Number(r, "from", 0, maxFrom)
	if err != nil {
		return web.Page{}, err
	}
	values := r.URL.Query()
	v := web.ProcList{Query: strings.TrimSpace(values.Get("q"))}
	found, err := c.Control.SearchProcs(r.Context(), v.Query, index.Options{From: from, Size: rowsShown})
	if v.Fault = faultOf(v.Query, err); err != nil && v.Fault == nil {
		return web.Page{}, err
	}
	v.Warnings = found.Warnings
	v.Procs = web.Procs{Rows: c.procRows(found.Rows)}
	v.Pager = web.NewPager(from, rowsShown, found.Total, "/procs", values)
	return web.Page{Name: "procs", Topics: []string{live.Lists, live.Nodes}, View: v}, nil
}
