package httpapi

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"stathub/agent/standalone"
	"stathub/state"
	web "stathub/web/agentpage"
	"stathub/web/rest"
)

// forms are what the agent's page sends, without a script. What they do is what the API does; a page answers: the one that
// was sent from, with what is wrong, or after an edit the first one (303).
type forms struct {
	*api
	page http.Handler
}

func (f *forms) routes() []rest.Route {
	return []rest.Route{
		{Method: "GET", Path: "/app", Handler: f.blank},
		{Method: "POST", Path: "/app", Handler: f.save},
		{Method: "GET", Path: "/app/{name}", Handler: f.show},
		{Method: "POST", Path: "/app/{name}", Handler: f.save},
		{Method: "POST", Path: "/app/{name}/start", Handler: f.act(f.onApp((*standalone.Editor).StartApp))},
		{Method: "POST", Path: "/app/{name}/stop", Handler: f.act(f.onApp((*standalone.Editor).StopApp))},
		{Method: "POST", Path: "/app/{name}/restart", Handler: f.act(f.onApp((*standalone.Editor).RestartApp))},
		{Method: "POST", Path: "/app/{name}/remove", Handler: f.act(f.deleteApp)},
		{Method: "POST", Path: "/app/{name}/scale", Handler: f.act(f.setCount)},
	}
}

// act makes a handler of a button out of one of the API.
func (f *forms) act(do rest.HandlerFunc) rest.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := do(&discard{header: http.Header{}}, r); err != nil {
			web.ShowProblem(f.page, w, r, err)
			return nil
		}
		home(w, r)
		return nil
	}
}

// home shows the first page after an edit, in the language that was asked for.
func home(w http.ResponseWriter, r *http.Request) {
	to := "/"
	if lang := r.URL.Query().Get("lang"); lang != "" {
		to += "?lang=" + url.QueryEscape(lang)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// discard takes the API's answer, where a page answers in its place.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func (f *forms) setCount(w http.ResponseWriter, r *http.Request) error {
	if err := parse(w, r); err != nil {
		return err
	}
	count, err := countOf(r.PostForm.Get("count"))
	if err != nil {
		return err
	}
	doc, err := f.opts.Editor.Scale(r.Context(), rest.Param(r, "name"), count)
	if err == nil {
		f.awaitApp(r.Context(), &doc.Entry, doc.Manifest)
	}
	return err
}

// parse reads what a form sent into r.PostForm.
func parse(w http.ResponseWriter, r *http.Request) error {
	data, err := rest.ReadBody(w, r, rest.MaxEdit)
	if err != nil {
		return err
	}
	if r.PostForm, err = url.ParseQuery(string(data)); err != nil {
		return state.Errorf(state.Invalid, "", "cannot read the form: %w", err)
	}
	return nil
}

func countOf(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, state.Errorf(state.Invalid, "", "the number of processes must be a number, such as 5, not %.40q", text)
	}
	return n, nil
}

// newApp is the document that a blank form starts from.
const newApp = `{
  "name": "",
  "toProcess": "",
  "args": [],
  "ports": [],
  "start": true
}
`

func (f *forms) blank(w http.ResponseWriter, r *http.Request) error {
	web.AppPage(w, r, f.form(r, nil), nil)
	return nil
}

func (f *forms) show(w http.ResponseWriter, r *http.Request) error {
	entry, err := f.entry(r)
	if err != nil {
		web.ShowProblem(f.page, w, r, err)
		return nil
	}
	web.AppPage(w, r, f.form(r, entry), nil)
	return nil
}

// form fills the form from an entry, nil for a new app.
func (f *forms) form(r *http.Request, entry *state.ManifestEntry) web.AppForm {
	node := f.sv.Report().Node
	if entry == nil {
		return web.AppForm{Node: node, New: true, Simple: true, JSON: newApp, Fields: web.AppFields{Count: "1", Start: true}}
	}
	app := standalone.AppOf(entry)
	form := web.AppForm{Node: node, ETag: entry.Digest(), Simple: simple(app), JSON: string(state.Encode(app))}
	form.Fields = web.AppFields{
		Name: app.Name, Command: app.ToProcess, Args: strings.Join(app.Args, "\n"), Count: strconv.Itoa(entry.Count), Start: app.Start,
	}
	for i, port := range app.Ports {
		if i > 0 {
			form.Fields.Ports += ", "
		}
		form.Fields.Ports += strconv.Itoa(port)
	}
	for _, name := range slices.Sorted(maps.Keys(app.Envs)) {
		form.Fields.Envs += name + "=" + app.Envs[name] + "\n"
	}
	return form
}

// simple reports whether the fields of the form hold an app as it is.
func simple(app *state.App) bool {
	several := func(text string) bool { return strings.ContainsAny(text, "\r\n") }
	for name, value := range app.Envs {
		if several(name) || several(value) || name != strings.TrimSpace(name) {
			return false
		}
	}
	return !several(app.ToProcess) && !slices.ContainsFunc(app.Args, func(arg string) bool { return strings.TrimSpace(arg) == "" || several(arg) })
}

// save takes the form of a new app or of a present one, as fields or as a document.
func (f *forms) save(w http.ResponseWriter, r *http.Request) error {
	entry, err := (*state.ManifestEntry)(nil), parse(w, r)
	if rest.Param(r, "name") != "" && err == nil {
		entry, err = f.entry(r)
	}
	if err != nil {
		web.ShowProblem(f.page, w, r, err)
		return nil
	}
	form := f.form(r, entry)
	typed := r.PostForm
	form.ETag = typed.Get("etag") // with the one of now, the next try would write over what changed meanwhile
	if form.AsJSON = typed.Has("json"); form.AsJSON {
		form.JSON = newlines(typed.Get("json"))
	} else {
		form.Fields = web.AppFields{
			Name: form.Fields.Name, Command: newlines(typed.Get("command")), Args: newlines(typed.Get("args")), Ports: typed.Get("ports"),
			Envs: newlines(typed.Get("envs")), Count: typed.Get("count"), Start: typed.Get("start") == "true",
		}
		if form.New {
			form.Fields.Name = strings.TrimSpace(typed.Get("name"))
		}
	}
	doc, err := f.write(r, form)
	if err != nil {
		web.AppPage(w, r, form, err)
		return nil
	}
	f.awaitApp(r.Context(), &doc.Entry, doc.Manifest)
	home(w, r)
	return nil
}

// newlines undoes what browsers make of line ends.
func newlines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

func (f *forms) write(r *http.Request, form web.AppForm) (standalone.App, error) {
	cond := state.Condition{IfMatch: state.ETag(form.ETag), IfAbsent: form.New}
	name := form.Fields.Name
	if form.AsJSON && form.New {
		app, err := rest.DecodeApp("", []byte(form.JSON), nil)
		if err != nil {
			return standalone.App{}, err
		}
		name = app.Name
	}
	return f.opts.Editor.PutEntry(r.Context(), name, cond, func(entry *state.ManifestEntry) error {
		if !form.AsJSON {
			return fill(entry, form.Fields)
		}
		var old *state.App
		if !form.New {
			old = standalone.AppOf(entry)
		}
		app, err := rest.DecodeApp(state.KindApp.Key(name), []byte(form.JSON), old)
		if err == nil {
			standalone.SetApp(entry, app)
		}
		return err
	})
}

// fill writes the fields into an entry; its other members stay.
func fill(entry *state.ManifestEntry, fields web.AppFields) (err error) {
	app := &entry.App
	app.ToProcess, app.Start = fields.Command, fields.Start
	if entry.Count, err = countOf(fields.Count); err != nil {
		return err
	}
	app.Args = lines(fields.Args)
	app.Ports = nil
	for _, text := range strings.FieldsFunc(fields.Ports, func(r rune) bool { return strings.ContainsRune(" ,，;\t", r) }) {
		port, err := strconv.Atoi(text)
		if err != nil {
			return state.Errorf(state.Invalid, "", "ports: %q is not a port: they are numbers with commas between, such as 8080, 0", text)
		}
		app.Ports = append(app.Ports, port)
	}
	app.Envs = map[string]string{}
	for _, line := range lines(fields.Envs) {
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if !ok {
			return state.Errorf(state.Invalid, "", "environment: %q is not like NAME=value", line)
		}
		if _, twice := app.Envs[name]; twice {
			return state.Errorf(state.Invalid, "", "environment: %s is there twice", name)
		}
		app.Envs[name] = value
	}
	return unplaced(state.Check("", app))
}

// unplaced takes line and column off the problems of a document that nobody typed.
func unplaced(err error) error {
	var e *state.Error
	if !errors.As(err, &e) {
		return err
	}
	bare := *e
	bare.Problems = slices.Clone(e.Problems)
	for i := range bare.Problems {
		bare.Problems[i].Line, bare.Problems[i].Column = 0, 0
	}
	return &bare
}

// lines gives the lines of a field that are not blank.
func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}
