package console

import (
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"testing"

	"stathub/localstack/console/browser"
)

// looks are the ways to look at a page that pictures are taken of.
func looks() map[string]browser.View {
	all := map[string]browser.View{}
	for _, lang := range []string{"en", "zh-CN"} {
		for name, dark := range map[string]bool{"light": false, "dark": true} {
			for _, width := range []int{1600, 380} {
				all[fmt.Sprintf("%s-%s-%d", lang, name, width)] = browser.View{Lang: lang, Dark: dark, Width: width, Height: 900}
			}
		}
	}
	return all
}

// TestScreenshots writes a picture of every page in every look, and a sheet with all of them, to the folder that
// STATHUB_SCREENSHOTS names: `make screenshots`.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("STATHUB_SCREENSHOTS")
	if dir == "" {
		t.Skip("make screenshots writes pictures of all pages")
	}
	shootAll(t, dir, "master-empty", at(directory(t, 0).base, "overview", "/", "nodes", "/nodes", "apps", "/apps"))
	w := directory(t, 3)
	w.populate(t)
	shootAll(t, dir, "master", w.places(t))
	shootAll(t, dir, "agent", w.agentPlaces(t))
	a := alone(t)
	shootAll(t, dir, "alone-empty", at(a.base, "overview", "/"))
	a.populateAlone(t)
	shootAll(t, dir, "alone", a.alonePlaces(t))
	writeSheet(t, dir)
}

// shootAll takes the pictures of pages, as <dir>/<look>/<program>-<page>.png.
func shootAll(t *testing.T, dir, program string, places []placeAt) {
	for as, view := range looks() {
		for _, to := range places {
			t.Run(program+" "+as+" "+to.name, func(t *testing.T) {
				p := chromium.Page(t, to.base, view)
				p.Open(to.path)
				p.Settle()
				if err := p.Shoot(filepath.Join(dir, as, program+"-"+to.name+".png")); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

var sheet = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Screenshots</title>
<style>body{font:14px system-ui;margin:1rem}section{display:flex;flex-wrap:wrap;gap:8px}a{display:inline-block}img{height:260px;max-width:420px;object-fit:cover;object-position:top;border:1px solid #999}</style>
{{range .}}<h2>{{.Page}}</h2><section>{{range .Pictures}}<a href="{{.}}" title="{{.}}"><img src="{{.}}" loading="lazy" alt="{{.}}"></a>{{end}}</section>
{{end}}</html>`))

// writeSheet writes index.html: each page in all its looks.
func writeSheet(t *testing.T, dir string) {
	type row struct {
		Page     string
		Pictures []string
	}
	var rows []row
	names, err := filepath.Glob(filepath.Join(dir, "en-light-1600", "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		page := filepath.Base(name)
		pictures, err := filepath.Glob(filepath.Join(dir, "*", page))
		if err != nil {
			t.Fatal(err)
		}
		for i, path := range pictures {
			if pictures[i], err = filepath.Rel(dir, path); err != nil {
				t.Fatal(err)
			}
		}
		rows = append(rows, row{page, pictures})
	}
	f, err := os.Create(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := sheet.Execute(f, rows); err != nil {
		t.Fatal(err)
	}
}
