package artifact

import (
	"os"
	"strings"

	"github.com/go-json-experiment/json"
)

// Retain removes what none of the URIs needs any more: contents, the sources' answers, and what is remembered of working
// directories that are gone. It does nothing and is false while a download is under way: try again later. What cannot be
// removed stays until the next time.
func (c *Cache) Retain(uris []string) bool {
	c.mu.Lock() // no download begins meanwhile
	defer c.mu.Unlock()
	if len(c.flights) > 0 || len(c.places) > 0 {
		return false
	}
	answers, contents := map[string]bool{}, map[string]bool{}
	for _, uri := range uris {
		src, err := parseURI(uri)
		if err != nil {
			continue
		}
		answers[hashName(src.uri)] = true
		contents[src.sum] = true
		if a, ok := c.recall(src); ok {
			contents[a.SHA256] = true
		}
	}
	c.prune("answers", func(name string) bool { return answers[name] })
	c.prune("content", func(name string) bool { return contents[name] })
	c.prune("placed", func(name string) bool {
		var was placement
		data, err := os.ReadFile(c.path("placed", name))
		if err != nil || json.Unmarshal(data, &was) != nil {
			return false
		}
		_, err = os.Stat(was.Dir)
		return !os.IsNotExist(err)
	})
	return true
}

// prune removes the files of one folder of the cache that are not to be kept.
func (c *Cache) prune(folder string, keep func(name string) bool) {
	entries, _ := os.ReadDir(c.path(folder)) // what cannot be listed is not removed
	for _, e := range entries {
		if !keep(e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			_ = os.Remove(c.path(folder, e.Name()))
		}
	}
}
