package console

import (
	"net/http"

	"stathub/web"
	"stathub/web/live"
)

func (c *console) overview(*http.Request) (web.Page, error) {
	who := c.Leader()
	v := web.Overview{Bucket: c.Bucket, Stores: c.Store(), Term: who.Leader.Term, Note: who.Note}
	for _, bad := range c.Control.Unreadable() {
		v.Problems = append(v.Problems, bad.Message)
	}
	v.Problems = append(v.Problems, c.Control.Refused()...)
	return web.Page{Name: "overview", Topics: []string{live.Nodes, live.Apps, live.Plan, live.Events, live.Master}, View: v}, nil
}
