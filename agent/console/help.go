package console

import (
	"net/http"

	"stathub/web"
	"stathub/web/rest"
)

func (c *console) help(r *http.Request) (web.Page, error) {
	topic := rest.Param(r, "topic")
	if topic == "" {
		topic = "start"
	}
	h, err := web.NewHelp(topic, "agent", c.Editor != nil, sections)
	return web.Page{Name: "help", View: h}, err
}
