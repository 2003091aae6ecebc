package httpapi

import (
	"net/http"
	"unicode/utf8"

	"stathub/master/suggest"
	"stathub/web/rest"
)

// suggestTo answers with suggestions for an input box: q is the query so far, pos the cursor in characters, its end when
// it is not given.
func (a *api) suggestTo(box *suggest.Box) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		text, err := queryOf(w, r)
		if err != nil {
			return err
		}
		pos, err := rest.Number(r, "pos", utf8.RuneCountInString(text), maxQuery)
		if err != nil {
			return err
		}
		w.Header().Set("Cache-Control", "no-store")
		rest.WriteJSON(w, r, http.StatusOK, box.At(text, pos), "")
		return nil
	}
}
