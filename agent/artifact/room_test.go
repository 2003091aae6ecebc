package artifact

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stockCache is a cache with one content of 1,000 bytes per name, the first one unused for the longest time.
func stockCache(t *testing.T, most int64, names ...string) (*Cache, map[string]File) {
	t.Helper()
	src := newOrigin(t, func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprintf(w, "%-1000s", r.URL.Path) })
	c, files := openCache(t, nil, Options{MaxCache: most}), map[string]File{}
	for k, name := range names {
		files[name] = mustFetch(t, c, src.URL+"/"+name)
		when := time.Now().Add(time.Duration(k-len(names)) * time.Hour)
		if err := os.Chtimes(files[name].Path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	return c, files
}

func (c *Cache) has(t *testing.T, f File) bool {
	t.Helper()
	_, err := os.Stat(f.Path)
	return err == nil
}

func TestCacheKeepsWithinItsSize(t *testing.T) {
	tests := []struct {
		name string
		most int64
		need string
		used string
		left string
		over bool
	}{
		{name: "all fit", most: 4000, need: "b", left: "a b c d"},
		{name: "the longest unused one goes", most: 3999, need: "b", left: "b c d"},
		{name: "what is needed stays", most: 2000, need: "a b", left: "a b"},
		{name: "a use counts", most: 2000, need: "c", used: "a", left: "a c"},
		{name: "only what is needed", most: 0, need: "c", left: "c"},
		{name: "over with what is needed alone", most: 1500, need: "a d", left: "a d", over: true},
		{name: "nothing is needed", most: 0, left: ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, files := stockCache(t, tt.most, "a", "b", "c", "d")
			if tt.used != "" {
				mustFetch(t, c, files[tt.used].URI)
			}
			var uris, left []string
			for _, name := range strings.Fields(tt.need) {
				uris = append(uris, files[name].URI)
			}
			usage, ok := c.Retain(uris)
			for _, name := range []string{"a", "b", "c", "d"} {
				if c.has(t, files[name]) {
					left = append(left, name)
				}
			}
			if got := strings.Join(left, " "); !ok || got != tt.left || usage.Kept != 1000*int64(len(left)) || usage.Needed != 1000*int64(len(uris)) {
				t.Errorf("left %q, %+v", got, usage)
			}
			if over := usage.Over(); (over != "") != tt.over {
				t.Errorf("told: %q", over)
			}
			answers, _ := os.ReadDir(c.path("answers"))
			if len(answers) != len(left) {
				t.Errorf("%d answers about %d contents", len(answers), len(left))
			}
		})
	}
}

// What comes in later makes room for itself, but never at the cost of what may be about to be placed.
func TestNewContentMakesRoom(t *testing.T) {
	c, files := stockCache(t, 2500, "a", "b")
	if _, ok := c.Retain([]string{files["b"].URI}); !ok {
		t.Fatal("nothing was done")
	}
	base := strings.TrimSuffix(files["a"].URI, "/a")
	mustFetch(t, c, base+"/c")
	if c.has(t, files["a"]) || !c.has(t, files["b"]) {
		t.Error("the wrong one went")
	}
	d := mustFetch(t, c, base+"/d")
	if !c.has(t, d) || !c.has(t, files["b"]) {
		t.Error("what was just fetched went")
	}
}

// A copy that nobody asked for in a while is there still when the app comes back.
func TestRollbackFromTheCache(t *testing.T) {
	c, files := stockCache(t, 1<<20, "v1", "v2")
	c.Retain([]string{files["v2"].URI})
	requests := 0
	c.client.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
		requests++
		return nil, fmt.Errorf("no route to host")
	})
	if f := mustFetch(t, c, files["v1"].URI); !f.FromCache || f.ETag != files["v1"].ETag || requests != 1 {
		t.Errorf("%+v after %d requests", f, requests)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestFullDiskDropsWhatNobodyNeeds(t *testing.T) {
	c, files := stockCache(t, 1<<20, "a", "b")
	full := c.create
	c.create = func(path string) (*os.File, error) {
		return nil, &os.PathError{Op: "open", Path: path, Err: syscall.ENOSPC}
	}
	base := strings.TrimSuffix(files["a"].URI, "/a")
	if _, err := c.Fetch(t.Context(), base+"/new"); err == nil || !c.has(t, files["a"]) {
		t.Fatalf("%v; what is needed is not known yet", err)
	}
	c.Retain([]string{files["b"].URI})
	if _, err := c.Fetch(t.Context(), base+"/new"); err == nil || !strings.Contains(err.Error(), "is full") {
		t.Fatal(err)
	}
	if c.has(t, files["a"]) || !c.has(t, files["b"]) {
		t.Error("the wrong one went, or none")
	}
	c.create = full
	mustFetch(t, c, base+"/new")
}

// Sources that swallow requests, as without a network, cost each start one wait at the most.
func TestSilentSources(t *testing.T) {
	c, files := stockCache(t, 0, "a", "b")
	asked := 0
	c.opts.IdleTimeout = 20 * time.Millisecond
	c.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		asked++
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	for range 3 {
		for _, name := range []string{"a", "b"} {
			if f := mustFetch(t, c, files[name].URI); !f.FromCache || f.Note == "" {
				t.Errorf("%+v", f)
			}
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	for host := range c.rests {
		c.rests[host] = rest{until: time.Now()}
	}
	mustFetch(t, c, files["a"].URI)
	if asked != 2 {
		t.Errorf("asked %d times after a while", asked)
	}
	base := strings.TrimSuffix(files["a"].URI, "/a")
	if _, err := c.Fetch(t.Context(), base+"/new"); err == nil || asked != 3 {
		t.Errorf("without a copy it must be tried: asked %d times, %v", asked, err)
	}
}

// A bad archive does not take the place of a good one, and is not fetched again and again.
func TestBadArchiveIsNotTaken(t *testing.T) {
	good, bad := zipOf(t, member{name: "a", data: "x"}), zipOf(t, member{name: "../a", data: "x"})
	for name, data := range map[string][2]string{
		"a.zip": {good, bad}, "b.zip": {good, good[:20]}, "a.tar": {tarOf(t, file("a", "x")), tarOf(t, file("../a", "x"))},
		"a.bin": {good, ""}, // no archive
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t, content(data[0], `"1"`))
			c, uri := openCache(t, nil, Options{}), o.URL+"/"+name
			mustFetch(t, c, uri)
			o.set(content(data[1], `"2"`))
			for range 3 {
				f := mustFetch(t, c, uri)
				if name == "a.bin" {
					wantContent(t, f, data[1])
					continue
				}
				if wantContent(t, f, data[0]); !f.FromCache || !strings.Contains(f.Note, "bad archive") || c.Latest(uri) != f.ETag {
					t.Errorf("%+v", f)
				}
			}
			if n := o.requests.Load(); name != "a.bin" && n != 2 {
				t.Errorf("%d requests", n)
			}
			leftovers(t, c)
			first := openCache(t, nil, Options{})
			if name != "a.bin" {
				f := mustFetch(t, first, uri)
				if err := first.Place(t.Context(), []File{f}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "bad archive") {
					t.Errorf("the first one: %v", err)
				}
			}
		})
	}
}
