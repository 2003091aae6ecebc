package console

import (
	"fmt"
	"net/http"
	"testing"

	"stathub/localstack/console/browser"
	"stathub/state"
)

// place is a page of a console.
type place struct{ name, path string }

// places are the master's pages, in a world that is populated.
func (w *world) places(t testing.TB) []place {
	t.Helper()
	var web []state.Proc
	await(t, "GET", w.base+"/v1/app/web/proc?full=true", "", func(all []state.Proc) error {
		if web = all; len(all) == 0 {
			return fmt.Errorf("web has no process")
		}
		return nil
	})
	return []place{
		{"overview", "/"},
		{"nodes", "/nodes"},
		{"nodes-found", "/nodes?q=tags%3Aappserver"},
		{"node", "/nodes/n2"},
		{"apps", "/apps"},
		{"app", "/apps/web"},
		{"app-failing", "/apps/crasher"},
		{"app-unplaced", "/apps/homeless"},
		{"app-hostile", "/apps/hostile"},
		{"app-rolling", "/apps/talker"},
		{"edit", "/apps/web/edit"},
		{"edit-hostile", "/apps/hostile/edit"},
		{"choreo", "/apps/web/choreo"},
		{"new", "/new"},
		{"procs", "/procs"},
		{"proc", "/nodes/" + web[0].Node + "/procs/" + localName(web[0])},
		{"events", "/events"},
		{"bucket", "/bucket"},
		{"bucket-head", "/_plugin/head"},
		{"bucket-manifest", "/bucket/manifests/n2.json"},
		{"help", "/help"},
		{"api", "/api"},
	}
}

// localName is the name of an instance on its node.
func localName(p state.Proc) string {
	return p.Instance[len(p.Node)+1:]
}

// answers says whether a page is there.
func answers(t testing.TB, url string) bool {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode != http.StatusNotFound
}

// Every page is shown without a complaint in both languages, fits a narrow screen, and axe-core finds nothing serious:
// in the two looks that differ most.
func TestPages(t *testing.T) {
	w := directory(t, 3)
	w.populate(t)
	for _, look := range []struct {
		name string
		view browser.View
	}{
		{"en light 1600", browser.View{Lang: "en"}},
		{"zh-CN dark 380", browser.View{Lang: "zh-CN", Dark: true, Width: 380, Height: 800}},
	} {
		t.Run(look.name, func(t *testing.T) {
			for _, at := range w.places(t) {
				t.Run(at.name, func(t *testing.T) {
					if !answers(t, w.base+at.path) {
						t.Fatal("there is no such page")
					}
					p := chromium.Page(t, w.base, look.view)
					p.Open(at.path)
					checkPage(t, p, look.view)
				})
			}
		})
	}
}

// checkPage checks what holds on any page.
func checkPage(t *testing.T, p *browser.Page, v browser.View) {
	t.Helper()
	if lang := browser.Eval[string](p, `document.documentElement.lang`); lang != v.Lang {
		t.Errorf("the page is in %s", lang)
	}
	if n := browser.Eval[int](p, `document.querySelectorAll("h1").length`); n != 1 {
		t.Errorf("the page has %d main headings", n)
	}
	wide := browser.Eval[[]string](p, `document.scrollingElement.scrollWidth <= innerWidth ? [] :
	  [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
	  .slice(0, 5).map(e => e.outerHTML.slice(0, 100))`)
	for _, e := range wide {
		t.Errorf("wider than the screen: %s", e)
	}
	for _, f := range p.Axe("testdata/axe.min.js") {
		t.Errorf("axe-core: %s", f)
	}
}
