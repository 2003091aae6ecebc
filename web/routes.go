package web

import (
	"net/http"

	"github.com/go-chi/chi/v5/middleware"

	"stathub/web/rest"
)

// Route is a page: where it is, as chi has paths, and the section of the navigation that it belongs to, which an error is
// shown in, too.
type Route struct {
	Path, Section string
	Show          func(r *http.Request) (Page, error)
}

// Handler serves pages and what they all need: scripts and styles, differences of texts, and live, the stream that tells
// them of changes. Whatever else is asked for is not found.
func (s *Site) Handler(pages []Route, live rest.HandlerFunc) http.Handler {
	mux := rest.NewRouter([]rest.Route{
		{Method: http.MethodGet, Path: "/live", Handler: live},
		{Method: http.MethodGet, Path: "/assets/*", Handler: serveAsset},
		{Method: http.MethodPost, Path: "/diff", Handler: serveDiff},
	})
	packed := mux.With(middleware.Compress(5, "text/html"))
	for _, p := range pages {
		packed.Get(p.Path, s.serve(p))
	}
	mux.NotFound(s.notFound)
	return mux
}

func (s *Site) serve(to Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := to.Show(r)
		if err != nil {
			s.showError(w, r, to.Section, err)
			return
		}
		p.Section = to.Section
		s.show(w, r, p)
	}
}
