package agentpage

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// language is one catalogue of words: templates/<tag>.json.
type language struct {
	Tag   string
	words map[string]string
}

// languages in order of preference; the first one is the fallback.
var languages = []*language{catalogue("en"), catalogue("zh-CN")}

func catalogue(tag string) *language {
	data, err := files.ReadFile("templates/" + tag + ".json")
	if err != nil {
		panic(err) // embedded: cannot be missing
	}
	l := &language{Tag: tag}
	if err := json.Unmarshal(data, &l.words); err != nil {
		panic(err)
	}
	return l
}

// word gives the text for a key, and the key itself when there is none: values such as an unknown state show as they are.
func (l *language) word(key string) string {
	if w, ok := l.words[key]; ok {
		return w
	}
	return key
}

// languageOf chooses by ?lang=, then by the browser's Accept-Language (RFC 9110, first match wins).
func languageOf(r *http.Request) *language {
	wanted := append([]string{r.URL.Query().Get("lang")}, strings.Split(r.Header.Get("Accept-Language"), ",")...)
	for _, w := range wanted {
		tag, _, _ := strings.Cut(strings.TrimSpace(w), ";")
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		for _, l := range languages {
			if primary != "" && strings.HasPrefix(strings.ToLower(l.Tag), primary) {
				return l
			}
		}
	}
	return languages[0]
}
