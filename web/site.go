package web

import (
	"bytes"
	"crypto/rand"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"stathub/state"
	"stathub/web/rest"
)

// Site shows the pages of one program. A page is a template of folder pages, which defines "title" and "main" over a view
// model of this package, inside the frame that all pages share.
type Site struct {
	program  string
	sections []Section
	bar      func() Bar
}

// Section is an entry of the navigation.
type Section struct {
	Name string // of the word "nav.<name>"; a Page names the one that it belongs to
	Path string
	Key  string // that goes there after "g"
}

// Bar is what each page tells at its head about the program as a whole.
type Bar struct {
	Name     string // of this node or master
	Leader   string // name of the master that leads; empty: not told
	Leads    bool   // it is this one
	LeaderAt string // URL of the leader's console; may be empty
	Alerts   []Alert
}

// Alert is something that people must know on every page.
type Alert struct {
	Word string // of the catalogue: what goes on
	Text string // details, as the program tells them; may be empty
}

// NewSite makes the site of "master" or "agent". bar is called for every page.
func NewSite(program string, sections []Section, bar func() Bar) *Site {
	return &Site{program, sections, bar}
}

// Page is one page to be shown.
type Page struct {
	Name    string   // of its template: pages/<Name>.html
	Section string   // of the navigation
	Status  int      // of HTTP; 0: 200
	Topics  []string // of package live that change it; none: it does not renew itself
	View    any
}

// data is what templates see as ".".
type data struct {
	Page
	Bar      Bar
	Program  string
	Sections []Section
	Lang     string            // of the page: "en" or "zh-CN"
	Theme    string            // "light", "dark", or empty: as the system has it
	URL      string            // of the page, without its language
	Host     string            // as the browser has it, for commands to copy
	Nonce    string            // for styles that scripts add (CSP 3, section 2.3.1)
	Words    map[string]string // of scripts
}

// show answers with a page.
func (s *Site) show(w http.ResponseWriter, r *http.Request, p Page) {
	l := choose(w, r)
	parsed, ok := l.pages[p.Name]
	if !ok {
		panic("web: there is no page " + p.Name)
	}
	d := data{
		Page: p, Bar: s.bar(), Program: s.program, Sections: s.sections, Lang: l.Tag, Theme: theme(r), URL: here(r), Host: r.Host, Nonce: rand.Text(),
		Words: l.script(),
	}
	var b bytes.Buffer
	if err := parsed().ExecuteTemplate(&b, "layout", d); err != nil {
		rest.WriteError(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", l.Tag)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", rest.PageCSP(d.Nonce))
	if p.Status == 0 {
		p.Status = http.StatusOK
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(b.Bytes()) // the browser is gone: nobody to tell
}

// showError answers a page's request with what is wrong with it. The status is the error's.
func (s *Site) showError(w http.ResponseWriter, r *http.Request, section string, err error) {
	s.show(w, r, Page{Name: "error", Section: section, Status: rest.StatusOf(err), View: err.Error()})
}

// notFound answers for a path that is nothing: with a page where a person asks, with problem JSON where a program does.
func (s *Site) notFound(w http.ResponseWriter, r *http.Request) {
	err := state.Errorf(state.NotFound, "", "there is nothing at %s", r.URL.Path)
	if strings.HasPrefix(r.URL.Path, "/v1/") || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		rest.WriteError(w, r, err)
		return
	}
	s.showError(w, r, "", err)
}

// here is the URL of a page, as the live update asks for it again.
func here(r *http.Request) string {
	u := *r.URL
	q := u.Query()
	q.Del("lang")
	q.Del("theme")
	u.RawQuery = q.Encode()
	return u.RequestURI()
}

// parsers give every page in one language, each parsed once.
func parsers(l *language) map[string]func() *template.Template {
	frame := sync.OnceValue(func() *template.Template {
		return template.Must(template.New("").Funcs(functions(l)).ParseFS(files, "pages/layout.html", "pages/part_*.html"))
	})
	names, _ := fs.Glob(files, "pages/*.html")
	all := map[string]func() *template.Template{}
	for _, name := range names {
		short := strings.TrimSuffix(path.Base(name), ".html")
		if short != "layout" && !strings.HasPrefix(short, "part_") {
			all[short] = sync.OnceValue(func() *template.Template { return template.Must(template.Must(frame().Clone()).ParseFS(files, name)) })
		}
	}
	return all
}
