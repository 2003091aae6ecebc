package console

import (
	"context"
	"io"
	"net/http"

	"stathub/state"
	"stathub/web"
	"stathub/web/rest"
)

// newApp shows the form of a new app; with ?from= it begins as a copy of another one.
func (c *console) newApp(r *http.Request) (web.Page, error) {
	v := web.Edit{Kind: "app", Text: web.NewApp(), Cluster: true, Upload: artifactsPage, Scale: 1}
	if from := r.URL.Query().Get("from"); from != "" {
		app := c.Control.App(from).Value
		if app == nil {
			return web.Page{}, rest.NotFound("app", from)
		}
		copied := *app
		copied.Name, copied.RestartToken = "", ""
		v.Text = string(state.Encode(&copied))
		if ch := c.Control.Choreo(from).Value; ch != nil {
			v.Scale = ch.Scale
		}
	}
	return web.Page{Name: "editapp", View: v}, nil
}

// artifactsPage is where files are uploaded that apps fetch.
const artifactsPage = "/bucket?prefix=artifacts/"

// editApp shows the form of an app.
func (c *console) editApp(r *http.Request) (web.Page, error) {
	name := rest.Param(r, "name")
	doc := c.Control.App(name)
	if doc.ETag == "" && doc.Value == nil {
		return web.Page{}, rest.NotFound("app", name)
	}
	v := web.Edit{Kind: "app", Name: name, ETag: string(doc.ETag), Cluster: true, Upload: artifactsPage}
	if doc.Err == nil {
		v.Text = string(state.Encode(doc.Value))
		return web.Page{Name: "editapp", View: v}, nil
	}
	err := c.broken(r.Context(), &v, state.KindApp, doc.Err)
	return web.Page{Name: "editapp", View: v}, err
}

// editChoreo shows the form of an app's choreography, of one for every node where there is none yet.
func (c *console) editChoreo(r *http.Request) (web.Page, error) {
	name := rest.Param(r, "name")
	if app := c.Control.App(name); app.ETag == "" && app.Value == nil {
		return web.Page{}, rest.NotFound("app", name)
	}
	doc := c.Control.Choreo(name)
	v := web.Edit{Kind: "choreo", Name: name, ETag: string(doc.ETag), Cluster: true}
	ch := &state.Choreo{App: name, Query: "*", Scale: 1}
	switch {
	case doc.Err != nil:
		err := c.broken(r.Context(), &v, state.KindChoreo, doc.Err)
		return web.Page{Name: "editchoreo", View: v}, err
	case doc.Value != nil:
		copied := *doc.Value
		copied.Dist = nil // not a part of the document
		ch = &copied
	}
	v.Text = string(state.Encode(ch))
	return web.Page{Name: "editchoreo", View: v}, nil
}

// broken shows a document as it lies in the bucket, to be mended.
func (c *console) broken(ctx context.Context, v *web.Edit, kind state.Kind, why error) error {
	v.Broken = why.Error()
	o, err := c.Control.GetRaw(ctx, kind.Key(v.Name), "")
	if err != nil {
		return err
	}
	defer o.Body.Close()
	data, err := io.ReadAll(io.LimitReader(o.Body, rest.MaxEdit))
	if err != nil {
		return state.Errorf(state.Unavailable, kind.Key(v.Name), "cannot read the document: %w", err)
	}
	v.Text, v.ETag = string(data), string(o.ETag)
	return nil
}
