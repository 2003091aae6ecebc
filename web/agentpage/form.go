package agentpage

import (
	"context"
	"net/http"
)

// AppForm is what the page of one app of a standalone agent shows: a form with the members that most apps need, and the
// whole document.
type AppForm struct {
	Node   string
	New    bool   // there is no such app yet
	ETag   string // the revision that the form was filled from
	Simple bool   // the fields can hold the app: no argument or value has several lines
	Fields AppFields
	JSON   string // the whole document
	AsJSON bool   // the document is what was sent last
}

// AppFields are the fields of the form, as they are typed.
type AppFields struct {
	Name    string
	Command string
	Args    string // one a line
	Ports   string // with commas between
	Envs    string // NAME=value, one a line
	Count   string
	Start   bool
}

// mistakeKey is the context key of what is wrong with what a form sent.
type mistakeKey struct{}

// AppPage answers with the page of an app. mistake is what is wrong with what its form sent, nil for nothing; its code
// is the status.
func AppPage(w http.ResponseWriter, r *http.Request, form AppForm, mistake error) {
	render(w, withMistake(r, mistake), "app.html", false, form)
}

// ShowProblem answers a form of page's / with that page and what is wrong with what the form sent.
func ShowProblem(page http.Handler, w http.ResponseWriter, r *http.Request, mistake error) {
	shown := withMistake(r, mistake).Clone(withMistake(r, mistake).Context())
	shown.Method, shown.URL.Path, shown.URL.RawPath = http.MethodGet, "/", ""
	page.ServeHTTP(w, shown)
}

func withMistake(r *http.Request, mistake error) *http.Request {
	if mistake == nil {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), mistakeKey{}, mistake))
}
