package httpapi

import (
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"stathub/master/control"
	"stathub/state"
	"stathub/web/rest"
)

// checked is the answer to an edit with ?dryRun=true.
type checked struct {
	Document any              `json:"document"`          // what would be stored
	Warnings []string         `json:"warnings,omitzero"` // what may be wrong though it would be stored
	Preview  *control.Preview `json:"preview,omitzero"`  // what would come of it
}

// dryRun reads ?dryRun=true, with which an edit is checked and not carried out, and gives the request to go on with.
func dryRun(r *http.Request) (*http.Request, bool, error) {
	dry, err := rest.DryRun(r)
	if dry {
		r = r.WithContext(control.DryRun(r.Context()))
	}
	return r, dry, err
}

// writeChecked answers a dry run. The ETag is the revision that there is now.
func writeChecked(w http.ResponseWriter, r *http.Request, etag state.ETag, answer checked) error {
	rest.Warn(w, answer.Warnings)
	rest.WriteView(w, r, http.StatusOK, answer, etag)
	return nil
}

// checkedApp answers the dry run of an app. With ?query= or ?scale= the preview is of a choreography of these, such as one
// that is to be written next.
func (a *api) checkedApp(w http.ResponseWriter, r *http.Request, doc control.Doc[state.App]) error {
	choreo, said, err := a.intended(r, doc.Value.Name)
	if err != nil {
		return err
	}
	return writeChecked(w, r, doc.ETag, checked{doc.Value, said, a.control.Preview(r.Context(), doc.Value, choreo)})
}

// intended gives the choreography that the parameters speak of, nil without any.
func (a *api) intended(r *http.Request, app string) (choreo *state.Choreo, said []string, err error) {
	values := r.URL.Query()
	if !values.Has("query") && !values.Has("scale") {
		return nil, nil, nil
	}
	choreo = &state.Choreo{App: app, Query: "*"}
	if now := a.control.Choreo(app).Value; now != nil {
		copied := *now
		choreo = &copied
	}
	if choreo.Scale, err = rest.Number(r, "scale", choreo.Scale, state.MaxScale); err != nil {
		return nil, nil, &state.Error{Code: state.CodeOf(err), Problems: []state.Problem{{Path: "scale", Message: err.Error()}}}
	}
	if text := values.Get("query"); text != "" {
		choreo.Query = text
	}
	said, err = a.checkQuery(r, choreo)
	return choreo, said, err
}

// checkQuery is CheckQuery, of the query in a document: the column is of the query, not of the document's text.
func (a *api) checkQuery(r *http.Request, choreo *state.Choreo) (said []string, err error) {
	said, err = a.control.CheckQuery(r.Context(), choreo.Query)
	var bad *state.Error
	if errors.As(err, &bad) {
		for i := range bad.Problems {
			bad.Problems[i].Path, bad.Problems[i].Line = "query", 0
		}
	}
	return said, err
}

// checkedChoreo answers the dry run of a choreography.
func (a *api) checkedChoreo(w http.ResponseWriter, r *http.Request, doc control.Doc[state.Choreo], said []string) error {
	answer := checked{Document: doc.Value, Warnings: said}
	if app := a.control.App(doc.Value.App).Value; app != nil {
		answer.Preview = a.control.Preview(r.Context(), app, doc.Value)
	}
	return writeChecked(w, r, doc.ETag, answer)
}

// checkedKey answers the dry run of a document of the bucket, which is checked already.
func (a *api) checkedKey(w http.ResponseWriter, r *http.Request, key string, data []byte, cond state.Condition) error {
	if err := a.control.CheckRaw(r.Context(), key, cond); err != nil {
		return err
	}
	answer := checked{Document: string(data)}
	if value := jsontext.Value(data); value.IsValid() {
		answer.Document = value
	}
	return writeChecked(w, r, "", answer)
}
