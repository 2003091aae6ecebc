package httpapi

import (
	"net/http"

	"stathub/state"
	"stathub/web/rest"
)

// allProcs gives every instance. With a query, or of a page, it gives those that match, and how many there are in all.
func (a *api) allProcs(w http.ResponseWriter, r *http.Request) error {
	if params := r.URL.Query(); params.Has("q") || params.Has("from") || params.Has("size") {
		return a.searchProcs(w, r)
	}
	rest.WriteJSON(w, r, http.StatusOK, a.control.Procs("", ""), "")
	return nil
}

func (a *api) searchProcs(w http.ResponseWriter, r *http.Request) error {
	text, page, err := searchOf(w, r)
	if err != nil {
		return err
	}
	found, err := a.control.SearchProcs(r.Context(), text, page)
	if err != nil {
		return err
	}
	writeFound(w, r, found)
	return nil
}

func (a *api) appProcs(w http.ResponseWriter, r *http.Request) error {
	name := rest.Param(r, "name")
	full, err := rest.Flag(r, "full")
	if err != nil {
		return err
	}
	procs := a.control.Procs("", name)
	if len(procs) == 0 && a.control.App(name).ETag == "" {
		return rest.NotFound("app", name)
	}
	rest.WriteProcs(w, r, procs, full)
	return nil
}

func (a *api) nodeProcs(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.nodeOf(r); err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, a.control.Procs(rest.Param(r, "id"), ""), "")
	return nil
}

func (a *api) nodeProc(w http.ResponseWriter, r *http.Request) error {
	p, err := a.process(r)
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, p, "")
	return nil
}

// process gives what the report of a node has of the process, or the instance, that the path names; code NotFound when that
// is nothing.
func (a *api) process(r *http.Request) (state.Proc, error) {
	name, pid, err := rest.Process(r)
	if err != nil {
		return state.Proc{}, err
	}
	if _, err := a.nodeOf(r); err != nil {
		return state.Proc{}, err
	}
	node := rest.Param(r, "id")
	for _, p := range a.control.Procs(node, "") {
		if name != "" && p.Instance == node+"/"+name || name == "" && p.PID == pid {
			return p, nil
		}
	}
	if name != "" {
		return state.Proc{}, state.Errorf(state.NotFound, "", "node %q reports no instance %q", node, name)
	}
	return state.Proc{}, state.Errorf(state.NotFound, "", "node %q reports no process %d", node, pid)
}
