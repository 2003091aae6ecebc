package httpapi

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"stathub/master/control"
	"stathub/state"
	"stathub/web/rest"
)

func (a *api) searchEvents(w http.ResponseWriter, r *http.Request) error {
	text, page, err := searchOf(w, r)
	if err != nil {
		return err
	}
	p, err := a.journal.Search(r.Context(), text, kindsOf(r), page.From, page.Size)
	if err != nil {
		return control.QueryError(err)
	}
	w.Header().Set("Cache-Control", "no-store")
	writeFound(w, r, control.Found[*state.Event](p))
	return nil
}

// eventCount is how many events match a query.
type eventCount struct {
	Count    int      `json:"count"`              // events that match
	Sum      int      `json:"sum"`                // of what they stand for: one may sum up many
	Warnings []string `json:"warnings,omitempty"` // what the query may have got wrong
}

func (a *api) countEvents(w http.ResponseWriter, r *http.Request) error {
	text, err := queryOf(w, r)
	if err != nil {
		return err
	}
	c, err := a.journal.Count(r.Context(), text, kindsOf(r))
	if err != nil {
		return control.QueryError(err)
	}
	w.Header().Set("Cache-Control", "no-store")
	rest.WriteJSON(w, r, http.StatusOK, eventCount{c.Count, c.Sum, c.Warnings}, "")
	return nil
}

// kindsOf gives the kinds that are asked for: ?kind=node.down,node.up or several of it.
func kindsOf(r *http.Request) (kinds []string) {
	for _, text := range r.URL.Query()["kind"] {
		for kind := range strings.SplitSeq(text, ",") {
			if kind = strings.TrimSpace(kind); kind != "" {
				kinds = append(kinds, kind)
			}
		}
	}
	return kinds
}

// queryOf gives the query of a search: the body of a POST as plain text, else q.
func queryOf(w http.ResponseWriter, r *http.Request) (string, error) {
	text := r.URL.Query().Get("q")
	if r.Method == http.MethodPost {
		data, err := rest.ReadBody(w, r, maxQuery)
		if err != nil {
			return "", err
		}
		text = string(data)
	}
	if !utf8.ValidString(text) {
		return "", state.Errorf(state.Invalid, "", "the query is not UTF-8 text")
	}
	return text, nil
}
