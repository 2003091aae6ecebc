package httpapi

import (
	"context"
	"net/http"

	"stathub/agent/standalone"
	"stathub/state"
	"stathub/web/rest"
)

// apps gives the names of the manifest's apps, or with ?full=true the apps, each with its status.
func (a *api) apps(w http.ResponseWriter, r *http.Request) error {
	full, err := rest.Flag(r, "full")
	if err != nil {
		return err
	}
	names, apps := []string{}, []any{}
	if m, _ := a.current(r.Context()); m != nil {
		report := a.sv.Report()
		for i := range m.Apps {
			names, apps = append(names, m.Apps[i].App.Name), append(apps, a.appView(&m.Apps[i], report))
		}
	}
	if full {
		rest.WriteJSON(w, r, http.StatusOK, apps, "")
	} else {
		rest.WriteJSON(w, r, http.StatusOK, names, "")
	}
	return nil
}

// appView is an app as the API shows it: the document and its status.
func (a *api) appView(entry *state.ManifestEntry, report state.Report) any {
	view := standalone.AppOf(entry)
	view.Extra = rest.WithMember(view.Extra, rest.StatusMember, Status(entry, report))
	return view
}

// entry gives the entry of the app that the path names.
func (a *api) entry(r *http.Request) (*state.ManifestEntry, error) {
	name := rest.Param(r, "name")
	m, _ := a.current(r.Context())
	entry := m.Entry(name)
	if entry == nil {
		return nil, state.Errorf(state.NotFound, "", "this node's manifest has no app %q", name)
	}
	return entry, nil
}

func (a *api) app(w http.ResponseWriter, r *http.Request) error {
	entry, err := a.entry(r)
	if err != nil {
		return err
	}
	rest.WriteView(w, r, http.StatusOK, a.appView(entry, a.sv.Report()), state.ContentETag(standalone.AppOf(entry)))
	return nil
}

// writeApp answers an edit with the app and what came of it.
func (a *api) writeApp(w http.ResponseWriter, r *http.Request, status int, doc standalone.App) {
	a.awaitApp(r.Context(), &doc.Entry, doc.Manifest)
	rest.WriteView(w, r, status, a.appView(&doc.Entry, a.sv.Report()), state.ContentETag(standalone.AppOf(&doc.Entry)))
}

func (a *api) createApp(w http.ResponseWriter, r *http.Request) error {
	r, dry, err := dryRun(r)
	if err != nil {
		return err
	}
	editor, err := a.editor(r)
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
	doc, err := editor.CreateApp(r.Context(), app)
	if err != nil {
		return err
	}
	if dry {
		return checkedApp(w, r, doc)
	}
	rest.Location(w, "/v1/app/%s", app.Name)
	a.writeApp(w, r, http.StatusCreated, doc)
	return nil
}

func (a *api) putApp(w http.ResponseWriter, r *http.Request) error {
	r, dry, err := dryRun(r)
	if err != nil {
		return err
	}
	editor, data, cond, err := a.edit(w, r)
	if err != nil {
		return err
	}
	name := rest.Param(r, "name")
	doc, created, err := editor.PutApp(r.Context(), name, cond, func(old *state.App) (*state.App, error) {
		return rest.DecodeApp(state.KindApp.Key(name), data, old)
	})
	if err != nil {
		return err
	}
	if dry {
		return checkedApp(w, r, doc)
	}
	if created {
		rest.Location(w, "/v1/app/%s", name)
	}
	a.writeApp(w, r, rest.Written(created), doc)
	return nil
}

func (a *api) deleteApp(w http.ResponseWriter, r *http.Request) error {
	editor, err := a.editor(r)
	if err != nil {
		return err
	}
	cond, err := rest.IfMatch(r)
	if err != nil {
		return err
	}
	manifest, err := editor.DeleteApp(r.Context(), rest.Param(r, "name"), cond)
	if err != nil {
		return err
	}
	a.await(r.Context(), manifest)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// onApp makes a handler of an edit without a body.
func (a *api) onApp(do func(*standalone.Editor, context.Context, string) (standalone.App, error)) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		editor, err := a.editor(r)
		if err != nil {
			return err
		}
		doc, err := do(editor, r.Context(), rest.Param(r, "name"))
		if err != nil {
			return err
		}
		a.writeApp(w, r, http.StatusOK, doc)
		return nil
	}
}

func (a *api) getScale(w http.ResponseWriter, r *http.Request) error {
	entry, err := a.entry(r)
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, entry.Count, state.ContentETag(standalone.ChoreoOf(entry)))
	return nil
}

func (a *api) scale(w http.ResponseWriter, r *http.Request) error {
	editor, err := a.editor(r)
	if err != nil {
		return err
	}
	count, err := rest.ReadScale(w, r)
	if err != nil {
		return err
	}
	doc, err := editor.Scale(r.Context(), rest.Param(r, "name"), count)
	if err != nil {
		return err
	}
	a.writeChoreo(w, r, doc)
	return nil
}

func (a *api) getChoreo(w http.ResponseWriter, r *http.Request) error {
	entry, err := a.entry(r)
	if err != nil {
		return err
	}
	rest.WriteView(w, r, http.StatusOK, a.choreoView(entry), state.ContentETag(standalone.ChoreoOf(entry)))
	return nil
}

func (a *api) putChoreo(w http.ResponseWriter, r *http.Request) error {
	r, dry, err := dryRun(r)
	if err != nil {
		return err
	}
	editor, data, cond, err := a.edit(w, r)
	if err != nil {
		return err
	}
	name := rest.Param(r, "name")
	doc, err := editor.PutChoreo(r.Context(), name, cond, func(old *state.Choreo) (*state.Choreo, error) {
		return rest.DecodeChoreo(state.KindChoreo.Key(name), data, old)
	})
	if err != nil {
		return err
	}
	if dry {
		return checkedChoreo(w, r, doc)
	}
	a.writeChoreo(w, r, doc)
	return nil
}

// choreoView is the choreography with where the app is to run now.
func (a *api) choreoView(entry *state.ManifestEntry) *state.Choreo {
	view := standalone.ChoreoOf(entry)
	if n := entry.Instances(); n > 0 {
		view.Dist = []state.Placement{{Node: a.sv.Report().Node, Count: n}}
	}
	return view
}

func (a *api) writeChoreo(w http.ResponseWriter, r *http.Request, doc standalone.App) {
	a.awaitApp(r.Context(), &doc.Entry, doc.Manifest)
	rest.WriteView(w, r, http.StatusOK, a.choreoView(&doc.Entry), state.ContentETag(standalone.ChoreoOf(&doc.Entry)))
}
