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
	h, err := web.NewHelp(topic, "master", false, sections)
	return web.Page{Name: "help", View: h}, err
}

func (c *console) apiPage(*http.Request) (web.Page, error) {
	return web.Page{Name: "api", View: c.api}, nil
}
