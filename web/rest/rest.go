// Package rest is what the HTTP APIs of master and agent share: errors as problem JSON (RFC 9457), documents with their
// ETags, bounded bodies, conditions, and the checks that every request passes.
package rest

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// HandlerFunc is a handler that may fail; the error is answered with WriteError. It must not have written anything then.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP is http.Handler's.
func (f HandlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f(w, r); err != nil {
		WriteError(w, r, err)
	}
}

// Route is one line of a table of routes.
type Route struct {
	Method  string
	Path    string // a chi pattern
	Handler HandlerFunc
}

// NewRouter gives a router over the table. HEAD is served wherever GET is; unknown paths and methods are answered with
// problem JSON, the latter with the Allow header.
func NewRouter(routes []Route) *chi.Mux {
	mux := chi.NewRouter()
	mux.Use(middleware.GetHead)
	mux.NotFound(func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, newProblem(http.StatusNotFound, "there is nothing at "+r.URL.Path))
	})
	mux.MethodNotAllowed(methodNotAllowed)
	for _, route := range routes {
		mux.Method(route.Method, route.Path, route.Handler)
	}
	return mux
}

var methods = [...]string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	routes, path := chi.RouteContext(r.Context()).Routes, r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	for _, m := range methods {
		get := m
		if m == http.MethodHead {
			get = http.MethodGet
		}
		if routes.Match(chi.NewRouteContext(), get, path) {
			w.Header().Add("Allow", m)
		}
	}
	writeProblem(w, newProblem(http.StatusMethodNotAllowed, r.Method+" is not possible at "+r.URL.Path))
}
