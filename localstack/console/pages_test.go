package console

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"stathub/localstack/console/browser"
	"stathub/state"
)

// place is a page of a console.
type place struct{ name, path string }

// placeAt is a page of the program at base.
type placeAt struct {
	place
	base string
}

// at gives the pages of the program at base, which are pairs of a name and a path.
func at(base string, pairs ...string) (all []placeAt) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, placeAt{place{pairs[i], pairs[i+1]}, base})
	}
	return all
}

// places are the master's pages, in a world that is populated.
func (w *world) places(t testing.TB) []placeAt {
	t.Helper()
	web := w.web(t)
	return append(at(w.base,
		"overview", "/",
		"nodes", "/nodes",
		"nodes-found", "/nodes?q=tags%3Aappserver",
		"node", "/nodes/n2",
		"node-procs", "/nodes/n2?tab=procs",
		"node-manifest", "/nodes/n2?tab=manifest",
		"node-events", "/nodes/n2?tab=events",
		"node-crashes", "/nodes/n2?tab=crashes",
		"apps", "/apps",
		"app", "/apps/web",
		"app-failing", "/apps/crasher",
		"app-unplaced", "/apps/homeless",
		"app-explained", "/apps/homeless?explain=true",
		"app-hostile", "/apps/hostile",
		"app-rolling", "/apps/talker",
		"app-job", "/apps/nightly",
		"edit", "/apps/web/edit",
		"edit-hostile", "/apps/hostile/edit",
		"choreo", "/apps/web/choreo",
		"new", "/new",
		"procs", "/procs",
		"proc", "/nodes/"+web.Node+"/procs/"+localName(web),
		"events", "/events",
		"bucket", "/bucket",
		"bucket-head", "/_plugin/head",
		"bucket-manifest", "/bucket/manifests/n2.json",
		"api", "/api",
	), topics(t, w.base)...)
}

// web waits for an instance of app web.
func (w *world) web(t testing.TB) (found state.Proc) {
	t.Helper()
	await(t, "GET", w.base+"/v1/app/web/proc?full=true", "", func(all []state.Proc) error {
		if len(all) == 0 {
			return fmt.Errorf("web has no process")
		}
		found = all[0]
		return nil
	})
	return found
}

var topic = regexp.MustCompile(`href="(/help/([\w-]+))"`)

// topics are the pages of help, which lead to each other.
func topics(t testing.TB, base string) []placeAt {
	t.Helper()
	all, seen := at(base, "help", "/help"), map[string]bool{}
	for i := 0; i < len(all); i++ {
		resp, err := http.Get(base + all[i].path)
		if err != nil {
			t.Fatal(err)
		}
		text := read(t, resp)
		resp.Body.Close()
		for _, found := range topic.FindAllStringSubmatch(text, -1) {
			if !seen[found[2]] {
				seen[found[2]] = true
				all = append(all, at(base, "help-"+found[2], found[1])...)
			}
		}
	}
	if len(all) < 5 {
		t.Fatalf("help at %s leads to %d pages only: %v", base, len(all), all)
	}
	return all
}

// localName is the name of an instance on its node.
func localName(p state.Proc) string {
	return p.Instance[len(p.Node)+1:]
}

// views are the ways that pages are looked at, one page at two of them: wide and narrow, in both languages and colours.
var views = [][2]browser.View{
	{{Lang: "en"}, {Lang: "zh-CN", Dark: true, Width: 380, Height: 800}},
	{{Lang: "zh-CN"}, {Lang: "en", Dark: true, Width: 380, Height: 800}},
	{{Lang: "en", Dark: true}, {Lang: "zh-CN", Width: 380, Height: 800}},
	{{Lang: "zh-CN", Dark: true}, {Lang: "en", Width: 380, Height: 800}},
}

// Every page is there, is shown without a complaint in both languages and colours, fits a narrow screen, and axe-core finds
// nothing serious.
func TestPages(t *testing.T) {
	t.Parallel()
	w := directory(t, 3)
	w.populate(t)
	walk(t, w.places(t))
	t.Run("hostile values", func(t *testing.T) { hostileValues(t, w, w.agents[1].URL(t)) })
}

// So are the pages of an agent that a master tells what to run.
func TestAgentPages(t *testing.T) {
	t.Parallel()
	w := directory(t, 1)
	w.populateNode(t)
	walk(t, w.agentPlaces(t))
}

// And those of an agent alone, with nothing to run and with something.
func TestStandalonePages(t *testing.T) {
	t.Parallel()
	w := alone(t)
	walk(t, at(w.base, "first", "/"))
	w.populateAlone(t)
	walk(t, w.alonePlaces(t))
}

func walk(t *testing.T, places []placeAt) {
	for i, to := range places {
		for side, view := range views[i%len(views)] {
			if side != i/len(views)%2 && strings.HasPrefix(to.name, "help-") {
				continue // these are alike
			}
			t.Run(to.name+" "+name(view), func(t *testing.T) { look(t, to, view) })
		}
	}
}

// look checks what holds on any page.
func look(t *testing.T, to placeAt, v browser.View) {
	p := chromium.Page(t, to.base, v)
	p.Open(to.path)
	p.WaitIdle()
	checkPage(t, p, v)
}

// name tells what a view looks like: "zh-CN dark 380".
func name(v browser.View) string {
	colours, width := "light", v.Width
	if v.Dark {
		colours = "dark"
	}
	if width == 0 {
		width = 1600
	}
	return fmt.Sprintf("%s %s %d", v.Lang, colours, width)
}

// checkPage checks what holds on any page.
func checkPage(t *testing.T, p *browser.Page, v browser.View) {
	t.Helper()
	if status := browser.Eval[int](p, `performance.getEntriesByType("navigation")[0].responseStatus`); status != http.StatusOK {
		t.Errorf("the page answers with status %d", status)
	}
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
