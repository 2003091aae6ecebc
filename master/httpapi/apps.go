package httpapi

import (
	"context"
	"net/http"

	"stathub/master/control"
	"stathub/state"
	"stathub/web/rest"
)

// statusMember is what the API adds to an app; edits may carry it and it means nothing there.
const statusMember = "status"

// appView is an app as the API shows it: the document and its status.
func appView(name string, doc control.Doc[state.App], status control.Status) any {
	if doc.Value == nil {
		return struct {
			Name   string         `json:"name"`
			Status control.Status `json:"status"`
		}{name, status}
	}
	view := *doc.Value
	view.Extra = withMember(view.Extra, statusMember, status)
	return &view
}

func (a *api) listApps(w http.ResponseWriter, r *http.Request) error {
	full, err := flag(r, "full")
	if err != nil {
		return err
	}
	names := a.control.AppNames()
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

func (a *api) writeApp(w http.ResponseWriter, r *http.Request, status int, name string, doc control.Doc[state.App]) {
	if r.Method != http.MethodGet {
		a.control.AwaitPlan(r.Context()) // the status speaks of what was just done
	}
	writeView(w, r, status, appView(name, doc, a.control.Status(name)), doc.ETag)
}

func (a *api) getApp(w http.ResponseWriter, r *http.Request) error {
	name := param(r, "name")
	doc := a.control.App(name)
	switch {
	case doc.ETag == "":
		return notFound("app", name)
	case doc.Value == nil:
		return unreadable(state.KindApp.Key(name), doc.Err)
	}
	a.writeApp(w, r, http.StatusOK, name, doc)
	return nil
}

func (a *api) createApp(w http.ResponseWriter, r *http.Request) error {
	data, err := rest.ReadBody(w, r, maxDocument)
	if err != nil {
		return err
	}
	app, err := state.DecodeInput[state.App]("", hide(data, known(nil, statusMember)))
	if err != nil {
		return err
	}
	doc, err := a.control.CreateApp(r.Context(), app)
	if err != nil {
		return err
	}
	location(w, "/v1/app/%s", app.Name)
	a.writeApp(w, r, http.StatusCreated, app.Name, doc)
	return nil
}

func (a *api) putApp(w http.ResponseWriter, r *http.Request) error {
	name := param(r, "name")
	data, cond, err := readEdit(w, r)
	if err != nil {
		return err
	}
	doc, created, err := a.control.PutApp(r.Context(), name, cond, func(old *state.App) (*state.App, error) {
		return decodeApp(name, data, old)
	})
	if err != nil {
		return err
	}
	if created {
		location(w, "/v1/app/%s", name)
	}
	a.writeApp(w, r, written(created), name, doc)
	return nil
}

// decodeApp reads the body of a PUT over the stored app, if there is one. A body that says nothing of start, as the
// seed's, changes nothing about it: an edit of the arguments must not stop the app.
func decodeApp(name string, data []byte, old *state.App) (*state.App, error) {
	if old == nil {
		return state.DecodeInput[state.App](state.KindApp.Key(name), hide(data, known(nil, statusMember)))
	}
	app, err := state.DecodeInput[state.App](state.KindApp.Key(name), hide(data, known(old.Extra, statusMember)))
	if err != nil {
		return nil, err
	}
	app.Extra = old.Extra
	if !has(data, "start") && !old.Deleted {
		app.Start = old.Start
	}
	if !has(data, "restartToken") {
		app.RestartToken = old.RestartToken
	}
	return app, nil
}

// readEdit gives body and condition of an edit of a document.
func readEdit(w http.ResponseWriter, r *http.Request) ([]byte, state.Condition, error) {
	cond, err := rest.IfMatch(r)
	if err != nil {
		return nil, cond, err
	}
	data, err := rest.ReadBody(w, r, maxDocument)
	return data, cond, err
}

func (a *api) deleteApp(w http.ResponseWriter, r *http.Request) error {
	cond, err := rest.IfMatch(r)
	if err != nil {
		return err
	}
	if err := a.control.DeleteApp(r.Context(), param(r, "name"), cond); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// onApp makes a handler of an edit without a body.
func (a *api) onApp(do func(context.Context, string) (control.Doc[state.App], error)) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		name := param(r, "name")
		doc, err := do(r.Context(), name)
		if err != nil {
			return err
		}
		a.writeApp(w, r, http.StatusOK, name, doc)
		return nil
	}
}

func (a *api) explain(w http.ResponseWriter, r *http.Request) error {
	verdicts, err := a.control.Explain(r.Context(), param(r, "name"))
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, verdicts, "")
	return nil
}
