package httpapi

import (
	"context"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"stathub/master/control"
	"stathub/state"
	"stathub/web/rest"
)

// maxQuery bounds a node query, in bytes.
const maxQuery = 64 << 10

func (a *api) listChoreos(w http.ResponseWriter, r *http.Request) error {
	rest.WriteJSON(w, r, http.StatusOK, a.control.Choreos(), "")
	return nil
}

// choreoOf gives the choreography of an app that is there. Without one it has the default: every node, no process.
func (a *api) choreoOf(name string) (control.Doc[state.Choreo], error) {
	if a.control.App(name).ETag == "" {
		return control.Doc[state.Choreo]{}, rest.NotFound("app", name)
	}
	doc := a.control.Choreo(name)
	switch {
	case doc.ETag == "":
		doc.Value = &state.Choreo{App: name, Query: "*"}
	case doc.Value == nil:
		return doc, unreadable(state.KindChoreo.Key(name), doc.Err)
	}
	return doc, nil
}

func (a *api) getChoreo(w http.ResponseWriter, r *http.Request) error {
	name := rest.Param(r, "name")
	doc, err := a.choreoOf(name)
	switch {
	case err != nil:
		return err
	case doc.ETag == "":
		return rest.NotFound("choreography of app", name)
	}
	rest.WriteView(w, r, http.StatusOK, doc.Value, doc.ETag)
	return nil
}

func (a *api) putChoreo(w http.ResponseWriter, r *http.Request) error {
	name := rest.Param(r, "name")
	r, dry, err := dryRun(r)
	if err != nil {
		return err
	}
	data, cond, err := rest.ReadEdit(w, r)
	if err != nil {
		return err
	}
	var said []string
	doc, created, err := a.control.PutChoreo(r.Context(), name, cond, func(old *state.Choreo) (*state.Choreo, error) {
		ch, err := rest.DecodeChoreo(state.KindChoreo.Key(name), data, old)
		if err == nil {
			said, err = a.checkQuery(r, ch)
		}
		return ch, err
	})
	if err != nil {
		return err
	}
	if dry {
		return a.checkedChoreo(w, r, doc, said)
	}
	if created {
		rest.Location(w, "/v1/app/%s/choreo", name)
	}
	rest.Warn(w, said)
	a.writeChoreo(w, r, rest.Written(created), doc)
	return nil
}

// writeChoreo answers an edit with the choreography and where it has the app run.
func (a *api) writeChoreo(w http.ResponseWriter, r *http.Request, status int, doc control.Doc[state.Choreo]) {
	a.control.AwaitPlan(r.Context())
	view := *doc.Value
	if now := a.control.Choreo(view.App).Value; now != nil {
		view.Dist = now.Dist
	}
	rest.WriteView(w, r, status, &view, doc.ETag)
}

func (a *api) getScale(w http.ResponseWriter, r *http.Request) error {
	doc, err := a.choreoOf(rest.Param(r, "name"))
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, doc.Value.Scale, doc.ETag)
	return nil
}

func (a *api) scale(w http.ResponseWriter, r *http.Request) error {
	n, err := rest.ReadScale(w, r)
	if err != nil {
		return err
	}
	cond, err := rest.IfMatch(r)
	if err != nil {
		return err
	}
	doc, err := a.control.ScaleIf(r.Context(), rest.Param(r, "name"), cond, n)
	if err != nil {
		return err
	}
	a.writeChoreo(w, r, http.StatusOK, doc)
	return nil
}

// onChoreo makes a handler of an edit without a body.
func (a *api) onChoreo(do func(context.Context, string) (control.Doc[state.Choreo], error)) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		doc, err := do(r.Context(), rest.Param(r, "name"))
		if err != nil {
			return err
		}
		a.writeChoreo(w, r, http.StatusOK, doc)
		return nil
	}
}

func (a *api) getQuery(w http.ResponseWriter, r *http.Request) error {
	doc, err := a.choreoOf(rest.Param(r, "name"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = io.WriteString(w, doc.Value.Query+"\n") // the client is gone: nobody is left to tell
	return nil
}

func (a *api) query(w http.ResponseWriter, r *http.Request) error {
	query, said, err := a.readQuery(w, r)
	if err != nil {
		return err
	}
	doc, err := a.control.SetQuery(r.Context(), rest.Param(r, "name"), query)
	if err != nil {
		return err
	}
	rest.Warn(w, said)
	a.writeChoreo(w, r, http.StatusOK, doc)
	return nil
}

// readQuery gives the node query that is the body, and what may be wrong with it; an empty one is every node.
func (a *api) readQuery(w http.ResponseWriter, r *http.Request) (query string, said []string, err error) {
	data, err := rest.ReadBody(w, r, maxQuery)
	if err != nil {
		return "", nil, err
	}
	query = strings.TrimSpace(string(data))
	if !utf8.ValidString(query) {
		return "", nil, state.Errorf(state.Invalid, "", "the query is not UTF-8 text")
	}
	if query == "" {
		query = "*"
	}
	said, err = a.control.CheckQuery(r.Context(), query)
	return query, said, err
}
