package httpapi

import (
	"context"
	"net/http"

	"stathub/master/control"
	"stathub/state"
	"stathub/web/rest"
)

// appView is an app as the API shows it: the document and its status.
func appView(name string, doc control.Doc[state.App], status state.AppStatus) any {
	if doc.Value == nil {
		return struct {
			Name   string          `json:"name"`
			Status state.AppStatus `json:"status"`
		}{name, status}
	}
	view := *doc.Value
	view.Extra = rest.WithMember(view.Extra, rest.StatusMember, status)
	return &view
}

func (a *api) listApps(w http.ResponseWriter, r *http.Request) error {
	full, err := rest.Flag(r, "full")
	if err != nil {
		return err
	}
	names := a.control.AppNames()
	if r.URL.Query().Has("q") {
		if names, err = a.findApps(w, r); err != nil {
			return err
		}
	}
	if !full {
		rest.WriteJSON(w, r, http.StatusOK, names, "")
		return nil
	}
	statuses := a.control.Statuses()
	views := make([]any, 0, len(names))
	for _, name := range names {
		views = append(views, appView(name, a.control.App(name), statuses[name]))
	}
	rest.WriteJSON(w, r, http.StatusOK, views, "")
	return nil
}

// findApps gives the names of the apps that match the query.
func (a *api) findApps(w http.ResponseWriter, r *http.Request) ([]string, error) {
	text, err := queryOf(w, r)
	if err != nil {
		return nil, err
	}
	found, err := a.control.SearchApps(r.Context(), text)
	rest.Warn(w, found.Warnings)
	return found.Rows, err
}

func (a *api) writeApp(w http.ResponseWriter, r *http.Request, status int, name string, doc control.Doc[state.App]) {
	if r.Method != http.MethodGet {
		a.control.AwaitPlan(r.Context()) // the status speaks of what was just done
	}
	rest.WriteView(w, r, status, appView(name, doc, a.control.Status(name)), doc.ETag)
}

func (a *api) getApp(w http.ResponseWriter, r *http.Request) error {
	name := rest.Param(r, "name")
	doc := a.control.App(name)
	switch {
	case doc.ETag == "" && doc.Value == nil:
		return rest.NotFound("app", name)
	case doc.Value == nil:
		return unreadable(state.KindApp.Key(name), doc.Err)
	}
	a.writeApp(w, r, http.StatusOK, name, doc)
	return nil
}

func (a *api) createApp(w http.ResponseWriter, r *http.Request) error {
	r, dry, err := dryRun(r)
	if err != nil {
		return err
	}
	data, err := rest.ReadBody(w, r, rest.MaxEdit)
	if err != nil {
		return err
	}
	app, err := rest.DecodeApp("", data, nil)
	if err != nil {
		return err
	}
	doc, err := a.control.CreateApp(r.Context(), app)
	if err != nil {
		return err
	}
	if dry {
		return a.checkedApp(w, r, doc)
	}
	rest.Location(w, "/v1/app/%s", app.Name)
	a.writeApp(w, r, http.StatusCreated, app.Name, doc)
	return nil
}

func (a *api) putApp(w http.ResponseWriter, r *http.Request) error {
	name := rest.Param(r, "name")
	r, dry, err := dryRun(r)
	if err != nil {
		return err
	}
	data, cond, err := rest.ReadEdit(w, r)
	if err != nil {
		return err
	}
	doc, created, err := a.control.PutApp(r.Context(), name, cond, func(old *state.App) (*state.App, error) {
		return rest.DecodeApp(state.KindApp.Key(name), data, old)
	})
	if err != nil {
		return err
	}
	if dry {
		return a.checkedApp(w, r, doc)
	}
	if created {
		rest.Location(w, "/v1/app/%s", name)
	}
	a.writeApp(w, r, rest.Written(created), name, doc)
	return nil
}

func (a *api) deleteApp(w http.ResponseWriter, r *http.Request) error {
	cond, err := rest.IfMatch(r)
	if err != nil {
		return err
	}
	force, err := rest.Flag(r, "force")
	if err != nil {
		return err
	}
	if err := a.control.DeleteApp(r.Context(), rest.Param(r, "name"), cond, force); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// onApp makes a handler of an edit without a body.
func (a *api) onApp(do func(context.Context, string) (control.Doc[state.App], error)) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		name := rest.Param(r, "name")
		doc, err := do(r.Context(), name)
		if err != nil {
			return err
		}
		a.writeApp(w, r, http.StatusOK, name, doc)
		return nil
	}
}

func (a *api) explain(w http.ResponseWriter, r *http.Request) error {
	verdicts, err := a.control.Explain(r.Context(), rest.Param(r, "name"))
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, verdicts, "")
	return nil
}
