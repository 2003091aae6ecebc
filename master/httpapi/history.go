package httpapi

import (
	"bytes"
	"net/http"

	"stathub/state"
	"stathub/web/rest"
)

func (a *api) history(w http.ResponseWriter, r *http.Request) error {
	all, err := a.control.History(r.Context(), rest.Param(r, "name"))
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, all, "")
	return nil
}

func (a *api) rollback(w http.ResponseWriter, r *http.Request) error {
	name := rest.Param(r, "name")
	data, cond, err := rest.ReadEdit(w, r)
	if err != nil {
		return err
	}
	var to state.RollbackInput
	if len(bytes.TrimSpace(data)) > 0 {
		input, err := state.DecodeInput[state.RollbackInput]("", data)
		if err != nil {
			return err
		}
		to = *input
	}
	doc, _, err := a.control.Rollback(r.Context(), name, to.Revision, cond)
	if err != nil {
		return err
	}
	a.writeApp(w, r, http.StatusOK, name, doc)
	return nil
}
