package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// language is one catalogue, words/<tag>.json, and the pages in it. Each is read when it is first asked for: an agent needs
// few of them, and most agents are never looked at.
type language struct {
	Tag    string
	words  func() map[string]string
	script func() map[string]string // those that scripts use, without their "js."
	pages  map[string]func() *template.Template
}

// languages in order of preference; the first one is the fallback.
var languages = []*language{newLanguage("en"), newLanguage("zh-CN")}

func newLanguage(tag string) *language {
	l := &language{Tag: tag}
	l.words = sync.OnceValue(func() map[string]string { return readWords(tag) })
	l.script = sync.OnceValue(func() map[string]string {
		script := map[string]string{}
		for key, text := range l.words() {
			if name, ok := strings.CutPrefix(key, "js."); ok {
				script[name] = text
			}
		}
		return script
	})
	l.pages = parsers(l)
	return l
}

func readWords(tag string) (words map[string]string) {
	data, err := files.ReadFile("words/" + tag + ".json")
	if err != nil {
		panic(err) // embedded: cannot be missing
	}
	if err := json.Unmarshal(data, &words); err != nil {
		panic(fmt.Errorf("words/%s.json: %w", tag, err))
	}
	return words
}

// word gives the text of a key, with args filled in as package fmt does. With a number as the first one, "<key>.one" is
// the text for 1 where a language has it.
func (l *language) word(key string, args ...any) (string, error) {
	text, ok := l.words()[key]
	if !ok {
		return "", fmt.Errorf("words/%s.json has no %q", l.Tag, key)
	}
	if len(args) == 0 {
		return text, nil
	}
	if one, ok := l.words()[key+".one"]; ok && args[0] == 1 {
		text = one
	}
	return fmt.Sprintf(text, args...), nil
}

// value gives the word of a value that a document has, such as a state, or the value itself where there is none: a newer
// peer may know more of them.
func (l *language) value(family string, v any) string {
	text := fmt.Sprint(v)
	if w, ok := l.words()[family+"."+text]; ok {
		return w
	}
	return text
}

// doc gives a description: text in English is the program's own, so a catalogue need not have it.
func (l *language) doc(key, text string) string {
	if w, ok := l.words()[key]; ok {
		return w
	}
	return text
}

const yearSeconds = 365 * 24 * 3600

// choose finds the language of a request: ?lang=, which is remembered, else what was, else by the browser's
// Accept-Language (RFC 9110 section 12.5.4; the first match wins).
func choose(w http.ResponseWriter, r *http.Request) *language {
	remember(w, r, "lang", func(v string) bool { return languageNamed(v) != nil })
	remember(w, r, "theme", func(v string) bool { return v == "light" || v == "dark" || v == "auto" })
	wanted := []string{r.URL.Query().Get("lang")}
	if c, err := r.Cookie("lang"); err == nil {
		wanted = append(wanted, c.Value)
	}
	for _, tag := range append(wanted, strings.Split(r.Header.Get("Accept-Language"), ",")...) {
		if l := languageNamed(tag); l != nil {
			return l
		}
	}
	return languages[0]
}

func languageNamed(tag string) *language {
	tag, _, _ = strings.Cut(strings.TrimSpace(tag), ";")
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	for _, l := range languages {
		if primary != "" && strings.HasPrefix(strings.ToLower(l.Tag), primary) {
			return l
		}
	}
	return nil
}

// remember keeps a parameter that was asked for in a cookie.
func remember(w http.ResponseWriter, r *http.Request, name string, valid func(string) bool) {
	if v := r.URL.Query().Get(name); v != "" && valid(v) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: v, Path: "/", MaxAge: yearSeconds, SameSite: http.SameSiteLaxMode, HttpOnly: true})
	}
}

// theme is "light" or "dark" where somebody chose one.
func theme(r *http.Request) string {
	chosen := r.URL.Query().Get("theme")
	if c, err := r.Cookie("theme"); err == nil && chosen == "" {
		chosen = c.Value
	}
	if chosen != "light" && chosen != "dark" {
		return ""
	}
	return chosen
}

// functions are what templates can call, in one language.
func functions(l *language) template.FuncMap {
	return template.FuncMap{
		"t":            l.word,
		"value":        l.value,
		"doc":          l.doc,
		"reason":       l.reason,
		"size":         size,
		"ago":          func(at time.Time) template.HTML { return since(time.Now(), at) },
		"ports":        links,
		"local":        local,
		"asset":        assetPath,
		"dict":         dict,
		"join":         strings.Join,
		"fields":       strings.Fields,
		"stamp":        stamp,
		"clock":        clock,
		"span":         span,
		"nodeURL":      NodeURL,
		"appURL":       AppURL,
		"procURL":      ProcURL,
		"milliseconds": milliseconds,
		"chartRanges":  chartRanges,
		"signal":       signalName,
		"took":         Took,
		"fetched":      fetched,
		"deref":        func(n *int) int { return *n },
		"nodeTabs":     NodeTabs,
	}
}

// dict makes the map of a template's arguments: names and values in turn.
func dict(pairs ...any) (map[string]any, error) {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: argument %d is no name", i)
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
