package dirstore_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stathub/state"
	"stathub/state/dirstore"
	"stathub/state/storetest"
)

func open(t *testing.T, dir string) *dirstore.Store {
	t.Helper()
	s, err := dirstore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestContract(t *testing.T) {
	t.Parallel()
	shared := func(t *testing.T, n int) []state.Store {
		dir, all := t.TempDir(), make([]state.Store, n)
		for i := range all {
			all[i] = open(t, dir)
		}
		return all
	}
	storetest.RunWith(t, func(t *testing.T) state.Store { return open(t, t.TempDir()) },
		storetest.Options{Shared: shared, Hints: true, OneStoreIncrements: 100, ForeignNames: foreignNames})
}

func put(t *testing.T, s state.Store, key, text string) state.ETag {
	t.Helper()
	etag, err := state.Write(t.Context(), s, key, []byte(text), state.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return etag
}

func read(t *testing.T, s state.Store, key string) (string, state.ETag) {
	t.Helper()
	data, e, err := state.Read(t.Context(), s, key, "", state.MaxDocument)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), e.ETag
}

func listed(t *testing.T, s state.Store, prefix string) map[string]state.ETag {
	t.Helper()
	all := map[string]state.ETag{}
	for e, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all[e.Key] = e.ETag
	}
	return all
}

func wantCode(t *testing.T, what string, err error, want state.Code) {
	t.Helper()
	if got := state.CodeOf(err); got != want {
		t.Errorf("%s: code %q (%v), want %q", what, got, err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files gives all names in a directory tree.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	}))
	return all
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	slash := func(p string) string { return "/" + strings.TrimPrefix(filepath.ToSlash(p), "/") }
	for _, c := range []struct {
		name, url string
		code      state.Code
	}{
		{"directory", "file://" + slash(dir), ""},
		{"to be created", "file://" + slash(dir) + "/new/deep%20er", ""},
		{"localhost", "file://localhost" + slash(dir), ""},
		{"relative", "file://./state", state.Invalid},
		{"relative without slashes", "file:state", state.Invalid},
		{"nothing", "file://", state.Invalid},
		{"option", "file://" + slash(dir) + "?create=1", state.Invalid},
		{"fragment", "file://" + slash(dir) + "/a#b", state.Invalid},
		{"a file", "file://" + slash(file), state.Invalid},
		{"below a file", "file://" + slash(file) + "/x", state.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := state.Open(t.Context(), c.url)
			wantCode(t, c.url, err, c.code)
			if err == nil {
				put(t, s, "k", "text")
				must(t, s.Close())
			}
		})
	}
	if got, err := os.ReadFile(filepath.Join(dir, "new", "deep er", "k")); err != nil || string(got) != "text" {
		t.Errorf("the document's file: %q, %v", got, err)
	}
	_, err := dirstore.Open("state")
	wantCode(t, "Open of a relative path", err, state.Invalid)
}

func TestPlainFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "apps/web.json", "{}\n")
	put(t, s, "heartbeats/n1", "x")
	got := files(t, dir)
	if want := []string{".stathub.lock", "apps/web.json", "heartbeats/n1"}; !slices.Equal(got, want) {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
}

func TestOwnNames(t *testing.T) {
	s := open(t, t.TempDir())
	for _, key := range []string{".stathub.lock", "apps/.stathub.lock", ".STATHUB.Lock", "apps/.stathub-0.tmp", ".stathub-x.tmp/y"} {
		_, err := state.Write(t.Context(), s, key, nil, state.Condition{})
		wantCode(t, "Put "+key, err, state.Invalid)
		_, err = s.Get(t.Context(), key, "")
		wantCode(t, "Get "+key, err, state.Invalid)
	}
	put(t, s, ".stathub", "others are free")
}

// TestVanishedDirectory: an unmounted disk is an outage, not the end of all documents (law 1).
func TestVanishedDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir)
	etag := put(t, s, "k", "text")
	must(t, os.Rename(dir, dir+".away"))
	_, err := s.Get(t.Context(), "k", "")
	wantCode(t, "Get", err, state.Unavailable)
	_, err = state.Write(t.Context(), s, "k", nil, state.Condition{IfAbsent: true})
	wantCode(t, "Put", err, state.Unavailable)
	wantCode(t, "Delete", s.Delete(t.Context(), "k", etag), state.Unavailable)
	err = nil
	for _, e := range s.List(t.Context(), "") {
		err = e
	}
	wantCode(t, "List", err, state.Unavailable)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory was created again: %v", err)
	}
	must(t, os.Rename(dir+".away", dir))
	if got, _ := read(t, s, "k"); got != "text" {
		t.Errorf("after its return: %q", got)
	}
}

func TestCloseEndsWatch(t *testing.T) {
	dir := t.TempDir()
	s, err := dirstore.Open(dir)
	must(t, err)
	hints := s.Watch(t.Context(), "apps/")
	must(t, s.Close())
	for range hints { // ends
	}
}

// TestWatchOfOtherFolders: changes elsewhere, and the store's own files, are no news.
func TestWatchOfOtherFolders(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "apps/a", "x")
	put(t, s, "nodes/n", "x")
	hints := s.Watch(t.Context(), "apps/")
	put(t, s, "nodes/n", "y")
	put(t, s, "nodes/sub/n", "y")
	must(t, os.WriteFile(filepath.Join(dir, "apps", ".stathub-1.tmp"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "mark"), nil, 0o600))
	all := s.Watch(t.Context(), "mark")
	put(t, s, "mark", "z")
	<-all
	select {
	case <-hints:
		t.Error("a hint came for changes elsewhere")
	default:
	}
}
