package httpapi

import (
	"math"
	"net/http"

	"stathub/master/control"
	"stathub/master/index"
	"stathub/state"
	"stathub/web/rest"
)

// The page of a search: how many nodes when the request does not say, and at most.
const (
	defaultPage = 20
	maxPage     = 10_000
)

// pageOf gives the page of a search that is asked for.
func pageOf(r *http.Request) (page index.Options, err error) {
	if page.From, err = rest.Number(r, "from", 0, math.MaxInt32); err != nil {
		return page, err
	}
	page.Size, err = rest.Number(r, "size", defaultPage, maxPage)
	return page, err
}

// searchOf gives the query of a search and the page of it that is asked for.
func searchOf(w http.ResponseWriter, r *http.Request) (text string, page index.Options, err error) {
	if page, err = pageOf(r); err == nil {
		text, err = queryOf(w, r)
	}
	return text, page, err
}

func (a *api) searchNodes(w http.ResponseWriter, r *http.Request) error {
	text, page, err := searchOf(w, r)
	if err != nil {
		return err
	}
	if page.IncludeDown, err = rest.Flag(r, "includeDownNode"); err != nil {
		return err
	}
	found, err := a.control.SearchNodes(r.Context(), text, page)
	if err != nil {
		return err
	}
	writeFound(w, r, found)
	return nil
}

// writeFound answers a search.
func writeFound[T any](w http.ResponseWriter, r *http.Request, found control.Found[T]) {
	rest.WriteJSON(w, r, http.StatusOK, struct {
		Total    int      `json:"total"` // all that match
		Rows     []T      `json:"rows"`  // those of this page
		Warnings []string `json:"warnings,omitempty"`
	}{found.Total, found.Rows, found.Warnings}, "")
}

// nodeOf gives a node that is there.
func (a *api) nodeOf(r *http.Request) (control.Doc[state.Node], error) {
	id := rest.Param(r, "id")
	doc := a.control.Node(id)
	switch {
	case doc.ETag == "":
		return doc, rest.NotFound("node", id)
	case doc.Value == nil:
		return doc, unreadable(state.KindNode.Key(id), doc.Err)
	}
	return doc, nil
}

func (a *api) getNode(w http.ResponseWriter, r *http.Request) error {
	doc, err := a.nodeOf(r)
	if err != nil {
		return err
	}
	view := *doc.Value
	if bad := a.control.UnreadableNode(view.ID); len(bad) > 0 {
		view.Facts.Extra = rest.WithMember(view.Facts.Extra, "unreadable", bad)
	}
	rest.WriteView(w, r, http.StatusOK, &view, doc.ETag)
	return nil
}

func (a *api) forgetNode(w http.ResponseWriter, r *http.Request) error {
	if err := a.control.ForgetNode(r.Context(), rest.Param(r, "id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *api) getTags(w http.ResponseWriter, r *http.Request) error {
	doc, err := a.nodeOf(r)
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, doc.Value.Tags, doc.ETag)
	return nil
}

func (a *api) putTags(w http.ResponseWriter, r *http.Request) error {
	data, cond, err := rest.ReadEdit(w, r)
	if err != nil {
		return err
	}
	tags, err := state.DecodeInput[state.Tags]("", data)
	if err != nil {
		return err
	}
	doc, err := a.control.SetTags(r.Context(), rest.Param(r, "id"), *tags, cond)
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, doc.Value.Tags, doc.ETag)
	return nil
}

func (a *api) getEnvs(w http.ResponseWriter, r *http.Request) error {
	doc, err := a.nodeOf(r)
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, doc.Value.Envs, doc.ETag)
	return nil
}

func (a *api) putEnvs(w http.ResponseWriter, r *http.Request) error {
	data, cond, err := rest.ReadEdit(w, r)
	if err != nil {
		return err
	}
	envs, err := state.DecodeInput[state.Envs]("", data)
	if err != nil {
		return err
	}
	doc, err := a.control.SetEnvs(r.Context(), rest.Param(r, "id"), *envs, cond)
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, doc.Value.Envs, doc.ETag)
	return nil
}

func (a *api) drain(drain bool) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		doc, err := a.control.SetDrain(r.Context(), rest.Param(r, "id"), drain)
		if err != nil {
			return err
		}
		rest.WriteView(w, r, http.StatusOK, doc.Value, doc.ETag)
		return nil
	}
}

func (a *api) cordon(cordon bool) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		doc, err := a.control.SetSchedulable(r.Context(), rest.Param(r, "id"), !cordon)
		if err != nil {
			return err
		}
		rest.WriteView(w, r, http.StatusOK, doc.Value, doc.ETag)
		return nil
	}
}

func (a *api) putManifest(w http.ResponseWriter, r *http.Request) error {
	id := rest.Param(r, "id")
	if a.control.Node(id).ETag == "" && a.control.Manifest(id).ETag == "" {
		return rest.NotFound("node", id)
	}
	r, dry, err := dryRun(r)
	if err != nil {
		return err
	}
	data, cond, err := rest.ReadEdit(w, r)
	if err != nil {
		return err
	}
	key := state.KindManifest.Key(id)
	doc, created, err := a.control.PutManifest(r.Context(), id, cond, func(old *state.Manifest) (*state.Manifest, error) {
		return rest.DecodeManifest(key, data, old)
	})
	if err != nil {
		return err
	}
	if dry {
		return writeChecked(w, r, doc.ETag, checked{Document: doc.Value})
	}
	rest.WriteJSON(w, r, rest.Written(created), doc.Value, doc.ETag)
	return nil
}

func (a *api) release(w http.ResponseWriter, r *http.Request) error {
	doc, err := a.control.ReleaseEntry(r.Context(), rest.Param(r, "id"), rest.Param(r, "app"))
	if err != nil {
		return err
	}
	rest.WriteJSON(w, r, http.StatusOK, doc.Value, doc.ETag)
	return nil
}
