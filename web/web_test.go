package web

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

var site = NewSite("master", []Section{{Name: "overview", Path: "/", Key: "o"}}, func() Bar { return Bar{} })

func show(t *testing.T, p Page, path string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header = header
	w := httptest.NewRecorder()
	site.show(w, r, p)
	return w.Result()
}

func TestLanguageAndTheme(t *testing.T) {
	page := Page{Name: "error", View: "x"}
	for _, tt := range []struct{ path, accept, cookie, want string }{
		{"/", "zh-CN,zh;q=0.9,en;q=0.8", "", "zh-CN"}, {"/", "zh", "", "zh-CN"}, {"/", "fr, zh-TW", "", "zh-CN"}, {"/", "en-GB,zh", "", "en"},
		{"/", "fr", "", "en"}, {"/?lang=zh-CN", "en", "", "zh-CN"}, {"/?lang=en", "zh", "lang=zh-CN", "en"}, {"/?lang=xx", "", "", "en"},
		{"/", "en", "lang=zh-CN", "zh-CN"},
	} {
		h := http.Header{"Accept-Language": {tt.accept}}
		if tt.cookie != "" {
			h.Set("Cookie", tt.cookie)
		}
		if got := show(t, page, tt.path, h); got.Header.Get("Content-Language") != tt.want {
			t.Errorf("GET %s with Accept-Language %q and cookie %q is in %s, want %s", tt.path, tt.accept, tt.cookie, got.Header.Get("Content-Language"), tt.want)
		}
	}
	if got := show(t, page, "/?lang=zh-CN&theme=dark", nil).Cookies(); len(got) != 2 {
		t.Errorf("what was chosen is not remembered: %v", got)
	}
	if got := show(t, page, "/?lang=%22;x", nil).Cookies(); len(got) != 0 {
		t.Errorf("a language that does not exist is remembered: %v", got)
	}
}

// A page may run and load nothing but what is under /assets/, and has no script or style of its own.
func TestPagesAreStrict(t *testing.T) {
	resp := show(t, Page{Name: "error", View: "<script>alert(1)</script>"}, "/", nil)
	if csp := resp.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'self'") {
		t.Errorf("the policy is %q", csp)
	}
	names, _ := fs.Glob(files, "pages/*.html")
	inline := regexp.MustCompile(`(?i)\s(style|on[a-z]+)=|<style|javascript:|https?://[^{]`)
	for _, name := range names {
		if found := inline.FindString(read(t, name)); found != "" {
			t.Errorf("%s has %q", name, found)
		}
	}
}

var (
	inPages   = regexp.MustCompile(`\bt "([^"]+)"`)
	families  = regexp.MustCompile(`\b(?:value|t \(print) "([^"]+?)\.?" `)
	inScripts = regexp.MustCompile(`\bword\("([^"]+)"`)
)

// Every word of the pages and scripts is in every catalogue, with the same arguments, and no catalogue has words that
// nothing uses. A word that is put together from a value, {{value "state" .}}, belongs to a family, "state.…"; so does what
// a template says it uses in a comment: {{/* words nav.* */}}.
func TestCatalogues(t *testing.T) {
	used, family := map[string]bool{}, []string{}
	pages, _ := fs.Glob(files, "pages/*.html")
	scripts, _ := fs.Glob(files, "assets/*.js")
	for _, name := range pages {
		text := read(t, name)
		for _, m := range inPages.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
		for _, m := range families.FindAllStringSubmatch(text, -1) {
			family = append(family, m[1]+".")
		}
		for _, m := range regexp.MustCompile(`\{\{/\* words ([a-z.]+)\* \*/\}\}`).FindAllStringSubmatch(text, -1) {
			family = append(family, m[1])
		}
	}
	for _, name := range scripts {
		for _, m := range inScripts.FindAllStringSubmatch(read(t, name), -1) {
			used["js."+m[1]] = true
		}
	}
	for _, l := range languages {
		for key := range used {
			if l.words()[key] == "" {
				t.Errorf("words/%s.json has no %q", l.Tag, key)
			}
		}
		for key, text := range l.words() {
			other := languages[0].words()[key]
			if other == "" && inEnglish(key) {
				continue
			}
			if other == "" {
				t.Errorf("words/en.json has no %q, words/%s.json does", key, l.Tag)
			}
			if verbs(other) != verbs(text) {
				t.Errorf("%q takes %q in English and %q in %s", key, verbs(other), verbs(text), l.Tag)
			}
		}
	}
	for key := range languages[0].words() {
		known := slices.ContainsFunc(family, func(f string) bool { return strings.HasPrefix(key, f) }) || strings.HasPrefix(key, "alert.")
		if base := strings.TrimSuffix(key, ".one"); !used[key] && !used[base] && !known {
			t.Errorf("%q is in the catalogue, and nothing uses it", key)
		}
		if languages[1].words()[key] == "" && !strings.HasSuffix(key, ".one") {
			t.Errorf("words/zh-CN.json has no %q", key)
		}
	}
}

// inEnglish reports whether the English of a word is in the program itself: comments of types, and the API's description.
func inEnglish(key string) bool {
	return strings.HasPrefix(key, "doc.") || strings.HasPrefix(key, "op.")
}

// verbs are the arguments of a text, in the order of their numbers.
func verbs(text string) string {
	found := regexp.MustCompile(`%(\[\d\])?[a-z]|\{\d\}`).FindAllString(text, -1)
	slices.Sort(found)
	return strings.Join(found, " ")
}

// The catalogues are sorted, and no key is there twice: edits of two people meet in the line that both mean.
func TestCataloguesAreSorted(t *testing.T) {
	for _, l := range languages {
		dec := jsontext.NewDecoder(strings.NewReader(read(t, "words/"+l.Tag+".json")))
		_, _ = dec.ReadToken()
		for last := ""; dec.PeekKind() == '"'; {
			key, err := dec.ReadToken()
			if err != nil {
				t.Fatal(err)
			}
			if key.String() <= last {
				t.Errorf("words/%s.json: %q comes after %q", l.Tag, key.String(), last)
			}
			last = key.String()
			if err := dec.SkipValue(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Who follows a link that leads nowhere gets a page, a program gets problem JSON.
func TestNotFound(t *testing.T) {
	for path, accept := range map[string]string{"/nope": "text/html,*/*", "/nope2": "*/*", "/v1/nope": "text/html"} {
		r, w := httptest.NewRequest("GET", path, nil), httptest.NewRecorder()
		r.Header.Set("Accept", accept)
		site.notFound(w, r)
		want := "application/problem+json"
		if path == "/nope" {
			want = "text/html; charset=utf-8"
		}
		if got := w.Result(); got.StatusCode != 404 || got.Header.Get("Content-Type") != want {
			t.Errorf("%s: %s, %s", path, got.Status, got.Header.Get("Content-Type"))
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestAssets(t *testing.T) {
	get := func(path, encoding, etag string) *http.Response {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Encoding", encoding)
		r.Header.Set("If-None-Match", etag)
		w := httptest.NewRecorder()
		if err := serveAsset(w, r); err != nil {
			w.WriteHeader(404)
		}
		return w.Result()
	}
	path := assetPath("style.css")
	if got := get(path, "gzip", ""); got.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(got.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %v", path, got.Header)
	}
	if got := get("/assets/style.css", "", ""); got.Header.Get("Content-Encoding") != "" || got.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("without its sum: %v", got.Header)
	}
	if got := get(path, "", get(path, "", "").Header.Get("ETag")); got.StatusCode != 304 {
		t.Errorf("the same again: %s", got.Status)
	}
	if got := get("/assets/../web.go", "", ""); got.StatusCode != 404 {
		t.Errorf("a way out: %s", got.Status)
	}
}
