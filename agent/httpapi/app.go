package httpapi

import (
	"net/http"

	"stathub/state"
	"stathub/web/rest"
)

// apps gives the names of the manifest's apps, or with ?full=true the apps.
func (a *api) apps(w http.ResponseWriter, r *http.Request) error {
	full, err := rest.Flag(r, "full")
	if err != nil {
		return err
	}
	names, apps := []string{}, []state.App{}
	if m, _ := a.sv.Manifest(); m != nil {
		for _, e := range m.Apps {
			names, apps = append(names, e.App.Name), append(apps, e.App)
		}
	}
	if full {
		rest.WriteJSON(w, r, http.StatusOK, apps, "")
	} else {
		rest.WriteJSON(w, r, http.StatusOK, names, "")
	}
	return nil
}

func (a *api) app(w http.ResponseWriter, r *http.Request) error {
	name := rest.Param(r, "name")
	m, _ := a.sv.Manifest()
	e := m.Entry(name)
	if e == nil {
		return state.Errorf(state.NotFound, "", "this node's manifest has no app %q", name)
	}
	rest.WriteJSON(w, r, http.StatusOK, &e.App, "")
	return nil
}
