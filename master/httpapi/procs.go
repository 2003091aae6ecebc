package httpapi

import (
	"net/http"
	"strconv"

	"stathub/state"
	"stathub/web/rest"
)

func (a *api) allProcs(w http.ResponseWriter, r *http.Request) error {
	rest.WriteJSON(w, r, http.StatusOK, a.control.Procs("", ""), "")
	return nil
}

// appProcs lists the processes of an app; with full, all that is known of its instances, those without a process too.
func (a *api) appProcs(w http.ResponseWriter, r *http.Request) error {
	name := param(r, "name")
	full, err := flag(r, "full")
	if err != nil {
		return err
	}
	procs := a.control.Procs("", name)
	if len(procs) == 0 && a.control.App(name).ETag == "" {
		return notFound("app", name)
	}
	if full {
		rest.WriteJSON(w, r, http.StatusOK, procs, "")
		return nil
	}
	type proc struct {
		PID  int    `json:"pid"`
		Node string `json:"node"`
		App  string `json:"app"`
	}
	short := []proc{}
	for _, p := range procs {
		if p.PID != 0 {
			short = append(short, proc{p.PID, p.Node, p.App})
		}
	}
	rest.WriteJSON(w, r, http.StatusOK, short, "")
	return nil
}

func (a *api) nodeProcs(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.nodeOf(r); err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, a.control.Procs(param(r, "id"), ""), "")
	return nil
}

func (a *api) nodeProc(w http.ResponseWriter, r *http.Request) error {
	if _, err := a.nodeOf(r); err != nil {
		return err
	}
	pid, err := pidOf(r)
	if err != nil {
		return err
	}
	for _, p := range a.control.Procs(param(r, "id"), "") {
		if p.PID == pid {
			rest.WriteJSON(w, r, http.StatusOK, p, "")
			return nil
		}
	}
	return state.Errorf(state.NotFound, "", "node %q reports no process %d", param(r, "id"), pid)
}

func pidOf(r *http.Request) (int, error) {
	text := param(r, "pid")
	pid, err := strconv.Atoi(text)
	if err != nil || pid < 1 {
		return 0, state.Errorf(state.Invalid, "", "a process id is a number from 1, not %q", text)
	}
	return pid, nil
}
