package httpapi

import (
	"net/http"

	"stathub/state"
	"stathub/web/rest"
)

// manifestStatus is what the API adds to a manifest that it shows.
type manifestStatus struct {
	Followed   *state.ManifestStatus `json:"followed,omitzero"`   // what the agent says that it follows, and why not a newer one
	Unreadable []state.BadDocument   `json:"unreadable,omitzero"` // what is wrong with the document; what is shown is the last that could be read
}

// getManifest shows the manifest of a node: one that cannot be read as it last could be, with what is wrong beside it. The
// ETag is that of the document as it is, so that a PUT with it mends what its writer saw. One that never could be read is
// code Nonsense, with the places.
func (a *api) getManifest(w http.ResponseWriter, r *http.Request) error {
	id := rest.Param(r, "id")
	doc, key := a.control.Manifest(id), state.KindManifest.Key(id)
	switch {
	case doc.ETag == "":
		return rest.NotFound("manifest of node", id)
	case doc.Value == nil:
		return unreadable(key, doc.Err)
	}
	var status manifestStatus
	if report := a.control.Report(id).Value; report != nil {
		status.Followed = &report.Manifest
	}
	if doc.Err != nil {
		status.Unreadable = []state.BadDocument{state.NewBadDocument(key, doc.Err)}
	}
	view := *doc.Value
	view.Extra = rest.WithMember(view.Extra, rest.StatusMember, status)
	rest.WriteView(w, r, http.StatusOK, &view, doc.ETag)
	return nil
}
