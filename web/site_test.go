package web

import "testing"

// Pages are parsed when they are first shown; here all of them are.
func TestPagesParse(t *testing.T) {
	for _, l := range languages {
		for name, page := range l.pages {
			for _, part := range []string{"title", "main", "layout"} {
				if page().Lookup(part) == nil {
					t.Errorf("%s in %s defines no %q", name, l.Tag, part)
				}
			}
		}
	}
}
