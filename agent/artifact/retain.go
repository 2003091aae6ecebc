package artifact

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Usage is what the contents in the cache take, in bytes.
type Usage struct {
	Kept   int64
	Needed int64 // of these, by the URIs that were named
	Max    int64 // Options.MaxCache
}

// Over says, for people, that what is needed alone is more than the cache is to hold; "" when it is not.
func (u Usage) Over() string {
	if u.Max == 0 || u.Needed <= u.Max {
		return ""
	}
	return fmt.Sprintf("the artifacts that this node needs take %s, more than the cache may hold (%s): all are kept", mebibytes(u.Needed), mebibytes(u.Max))
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }

const (
	// useStep is how exactly the last use of a content is known.
	useStep = time.Minute
	// justUsed is how long a content is not dropped that an instance may be about to start with.
	justUsed = 10 * time.Minute
)

// Retain makes the cache fit into its size: of the contents that none of the URIs needs those go that were not used for the
// longest time. What is needed stays, whatever its size. So do the sources' answers about what is kept; what is remembered
// of working directories that are gone is dropped, and downloads that were cut off which no URI goes on with. It does
// nothing and is false while a download is under way: try again later. What cannot be removed stays until the next time.
func (c *Cache) Retain(uris []string) (Usage, bool) {
	c.mu.Lock() // no download begins meanwhile
	defer c.mu.Unlock()
	if len(c.flights) > 0 || len(c.places) > 0 {
		return Usage{}, false
	}
	c.wanted, c.counted = slices.Clone(uris), true
	stores, parts := map[string]bool{}, map[string]bool{}
	for _, uri := range uris {
		if src, err := parseURI(uri); err == nil {
			stores[src.store], parts[partName(src)] = true, true
		}
	}
	usage := c.fit(c.opts.MaxCache, 0, time.Now())
	c.prune("answers", func(name string) bool {
		var a answer
		data, err := os.ReadFile(c.path("answers", name))
		if err != nil || json.Unmarshal(data, &a) != nil {
			return false
		}
		_, err = os.Stat(c.path("content", a.SHA256))
		return err == nil
	})
	c.prune("partial", func(name string) bool { return parts[strings.TrimSuffix(strings.TrimSuffix(name, ".part"), ".json")] })
	c.prune("placed", func(name string) bool {
		var was placement
		data, err := os.ReadFile(c.path("placed", name))
		if err != nil || json.Unmarshal(data, &was) != nil {
			return false
		}
		_, err = os.Stat(was.Dir)
		return !os.IsNotExist(err)
	})
	_ = c.closeBuckets(func(url string) bool { return stores[url] }) // nobody uses them
	return usage, true
}

// needed gives the contents that the wanted URIs stand for. c.mu is held.
func (c *Cache) needed() map[string]bool {
	contents := map[string]bool{}
	for _, uri := range c.wanted {
		src, err := parseURI(uri)
		if err != nil {
			continue
		}
		contents[src.sum] = true
		if a, ok := c.recall(src); ok {
			contents[a.SHA256] = true
		}
	}
	return contents
}

// fit drops contents that nobody needs, the longest unused ones first, until at most most bytes are left or only those
// that are needed, or were used less than recent ago. c.mu is held.
func (c *Cache) fit(most int64, recent time.Duration, now time.Time) Usage {
	needed, usage := c.needed(), Usage{Max: c.opts.MaxCache}
	var spare []os.FileInfo
	entries, _ := os.ReadDir(c.path("content")) // what cannot be listed is not removed
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		usage.Kept += st.Size()
		if needed[e.Name()] {
			usage.Needed += st.Size()
		} else if recent == 0 || now.Sub(st.ModTime()).Abs() >= recent {
			spare = append(spare, st)
		}
	}
	slices.SortFunc(spare, func(a, b os.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, st := range spare {
		if usage.Kept <= most {
			break
		}
		if os.Remove(c.path("content", st.Name())) == nil {
			usage.Kept -= st.Size()
		}
	}
	return usage
}

// makeRoom drops what nobody needs, since the disk is full. Before the first Retain that is not known.
func (c *Cache) makeRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counted {
		c.fit(0, justUsed, time.Now())
	}
}

// settle keeps the cache within its size when something new came in.
func (c *Cache) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counted {
		c.fit(c.opts.MaxCache, justUsed, time.Now())
	}
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
