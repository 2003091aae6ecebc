// Package openapi describes the APIs of master and agent: the schemas of their documents, and an OpenAPI document (3.1.0)
// that is made from a description of each route of their tables.
package openapi

import (
	"net/http"

	"stathub/state"
	"stathub/state/schema"
	"stathub/web/rest"
)

// kind is an entry of the list of schemas.
type kind struct {
	Kind  string `json:"kind"`         // name of the kind
	Title string `json:"title"`        // for people
	URL   string `json:"url"`          // of its schema
	Key   string `json:"key,omitzero"` // where such documents lie in the bucket
}

// SchemaRoutes serve the schemas of the documents.
func SchemaRoutes() []rest.Route {
	return []rest.Route{
		{Method: http.MethodGet, Path: "/v1/schema", Handler: listSchemas},
		{Method: http.MethodGet, Path: "/v1/schema/{kind}.json", Handler: getSchema},
	}
}

func listSchemas(w http.ResponseWriter, r *http.Request) error {
	all := []kind{}
	for _, k := range schema.Kinds() {
		all = append(all, kind{k.Name, k.Title, "/v1/schema/" + k.Name + ".json", k.Key})
	}
	rest.WriteJSON(w, r, http.StatusOK, all, "")
	return nil
}

func getSchema(w http.ResponseWriter, r *http.Request) error {
	name := rest.Param(r, "kind")
	s := schema.Of(name)
	if s == nil {
		return rest.NotFound("schema of documents of kind", name)
	}
	rest.WriteJSON(w, r, http.StatusOK, s, state.ContentETag(s))
	return nil
}
