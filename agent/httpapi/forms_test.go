package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stathub/agent/standalone"
	"stathub/state"
	"stathub/state/memstore"
	web "stathub/web/agentpage"
	"stathub/web/rest"
)

// paged is a standalone agent with its page.
func paged(t *testing.T) (http.Handler, *standalone.Editor, state.Store) {
	t.Helper()
	store := memstore.New()
	sv := &follower{fakeSupervisor: fakeSupervisor{dir: t.TempDir()}, store: store}
	editor := standalone.New(store, "n1", sv)
	page := web.AgentPage(func(context.Context) web.Machine {
		return web.Machine{Node: state.Node{ID: "n1"}, Standalone: true, Apps: []web.App{{Name: "web", State: "running", Started: true, Wanted: 1}}}
	})
	return Handler(sv, page, Options{Secure: rest.SecureOptions{Loopback: true}, Editor: editor}), editor, store
}

func post(h http.Handler, target string, fields url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://localhost"+target, strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var hidden = regexp.MustCompile(`name="etag" value="([^"]*)"`)

// fields of a form that is right; changes replace some.
func fields(changes url.Values) url.Values {
	all := url.Values{
		"name": {"web"}, "command": {"./web"}, "args": {"-v\r\n--name=a b\r\n\r\n"}, "ports": {"0, 8080"}, "count": {"2"},
		"envs": {"A=1\r\nB=x=y \r\n"}, "start": {"true"},
	}
	for name, values := range changes {
		all[name] = values
	}
	return all
}

func TestForms(t *testing.T) {
	h, editor, _ := paged(t)
	entry := func() *state.ManifestEntry {
		m, _, _ := editor.Manifest(t.Context())
		return m.Entry("web")
	}
	if w := ask(h, "GET", "/app?lang=zh-CN", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `action="/app?lang=zh-CN"`) {
		t.Errorf("a blank form: %d %s", w.Code, w.Body)
	}
	w := post(h, "/app?lang=zh-CN", fields(nil))
	if w.Code != 303 || w.Header().Get("Location") != "/?lang=zh-CN" {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	e := entry()
	if e.Count != 2 || !e.App.Start || !slices.Equal(e.App.Args, []string{"-v", "--name=a b"}) || !slices.Equal(e.App.Ports, []int{0, 8080}) ||
		e.App.Envs["A"] != "1" || e.App.Envs["B"] != "x=y " {
		t.Errorf("the form made %s", state.Encode(e))
	}
	w = ask(h, "GET", "/app/web", "")
	etag := hidden.FindStringSubmatch(w.Body.String())
	if w.Code != 200 || etag == nil || !strings.Contains(w.Body.String(), `value="0, 8080"`) || strings.Contains(w.Body.String(), `http-equiv="refresh"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	// Saving what was shown changes nothing that restarts a process, and other members stay.
	if _, err := editor.RestartApp(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	before := entry()
	stale := fields(url.Values{"etag": {etag[1]}})
	if w := post(h, "/app/web", stale); w.Code != 412 || !strings.Contains(w.Body.String(), "changed since it was read") {
		t.Errorf("a form that is out of date: %d %s", w.Code, w.Body)
	}
	etag = hidden.FindStringSubmatch(ask(h, "GET", "/app/web", "").Body.String())
	if w := post(h, "/app/web", fields(url.Values{"etag": {etag[1]}})); w.Code != 303 || entry().Digest() != before.Digest() {
		t.Errorf("%d: from\n%s to\n%s", w.Code, state.Encode(before), state.Encode(entry()))
	}
	doc := `{"name": "web", "toProcess": "./other", "args": ["two\nlines"]}`
	if w := post(h, "/app/web", url.Values{"json": {doc}, "etag": {etag[1]}}); w.Code != 303 || entry().App.ToProcess != "./other" || entry().Count != 2 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if body := ask(h, "GET", "/app/web", "").Body.String(); strings.Contains(body, `name="args"`) || !strings.Contains(body, `<details class="card" open>`) {
		t.Errorf("fields that cannot hold the app are shown: %s", body)
	}
	for _, step := range []struct {
		verb  string
		field url.Values
		done  func() bool
	}{
		{"stop", nil, func() bool { return !entry().App.Start }},
		{"start", nil, func() bool { return entry().App.Start }},
		{"scale", url.Values{"count": {"5"}}, func() bool { return entry().Count == 5 }},
		{"restart", nil, func() bool { return entry().RestartToken != before.RestartToken }},
		{"remove", nil, func() bool { return entry() == nil }},
	} {
		if w := post(h, "/app/web/"+step.verb, step.field); w.Code != 303 || w.Header().Get("Location") != "/" || !step.done() {
			t.Errorf("%s: %d %s", step.verb, w.Code, w.Body)
		}
	}
}

// A mistake is shown beside the form, in the API's words, and what was typed is still there.
func TestFormMistakes(t *testing.T) {
	h, _, store := paged(t)
	if w := post(h, "/app", fields(nil)); w.Code != 303 {
		t.Fatal(w.Code, w.Body)
	}
	etag := hidden.FindStringSubmatch(ask(h, "GET", "/app/web", "").Body.String())[1]
	for name, tc := range map[string]struct {
		path   string
		fields url.Values
		status int
		says   []string
	}{
		"name taken":     {"/app", fields(url.Values{"command": {"<mine>"}}), 409, []string{"there is an app &#34;web&#34; already", `value="&lt;mine&gt;"`}},
		"no command":     {"/app", fields(url.Values{"name": {"a"}, "command": {" "}}), 422, []string{"toProcess: must name the program to run"}},
		"bad name":       {"/app", fields(url.Values{"name": {"a b"}}), 400, []string{"a b"}},
		"bad port":       {"/app", fields(url.Values{"name": {"a"}, "ports": {"http"}}), 400, []string{"&#34;http&#34; is not a port", `value="http"`}},
		"port too high":  {"/app", fields(url.Values{"name": {"a"}, "ports": {"80000"}}), 422, []string{"ports[0]"}},
		"bad count":      {"/app", fields(url.Values{"name": {"a"}, "count": {"many"}}), 400, []string{"many"}},
		"count too high": {"/app", fields(url.Values{"name": {"a"}, "count": {"1000000"}}), 422, []string{"count"}},
		"bad env":        {"/app", fields(url.Values{"name": {"a"}, "envs": {"A"}}), 400, []string{"NAME=value", "\nA</textarea>"}},
		"env twice":      {"/app", fields(url.Values{"name": {"a"}, "envs": {"A=1\nA=2"}}), 400, []string{"A is there twice"}},
		"bad JSON":       {"/app", url.Values{"json": {"{\"name\": \"a\",\n\"toProces\": \"x\"}"}}, 400, []string{"line 2 column 1", "did you mean", "toProces&#34;: &#34;x"}},
		"another name":   {"/app/web", url.Values{"json": {`{"name": "other", "toProcess": "x"}`}, "etag": {etag}}, 422, []string{"other"}},
		"too long":       {"/app", url.Values{"json": {strings.Repeat("x", rest.MaxEdit)}}, 413, []string{"larger than"}},
		"no such app":    {"/app/none", fields(nil), 404, []string{"no app"}},
		"stop none":      {"/app/none/stop", nil, 404, []string{"no app"}},
		"scale to less":  {"/app/web/scale", url.Values{"count": {"-1"}}, 422, []string{"-1"}},
	} {
		w := post(h, tc.path, tc.fields)
		body := w.Body.String()
		if w.Code != tc.status || !strings.Contains(body, `role="alert"`) || strings.Contains(body, `http-equiv="refresh"`) {
			t.Errorf("%s: status %d, want %d: %s", name, w.Code, tc.status, body)
		}
		for _, say := range tc.says {
			if !strings.Contains(body, say) {
				t.Errorf("%s: no %q in %s", name, say, body)
			}
		}
	}
	before, _, _ := state.Read(t.Context(), store, "manifests/n1.json", "", state.MaxDocument)
	for _, target := range []string{"/app", "/app/web", "/app/web/stop", "/app/web/remove"} {
		r := httptest.NewRequest("POST", "http://localhost"+target, strings.NewReader(fields(nil).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 403 {
			t.Errorf("another site can send %s: %d", target, w.Code)
		}
	}
	if after, _, _ := state.Read(t.Context(), store, "manifests/n1.json", "", state.MaxDocument); string(after) != string(before) {
		t.Errorf("the manifest became %s", after)
	}
}
