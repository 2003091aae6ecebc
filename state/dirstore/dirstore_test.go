package dirstore_test

import (
	"os"
	"path/filepath"
	"testing"

	"stathub/state"
	"stathub/state/dirstore"
	"stathub/state/storetest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		os.Exit(playRole(role))
	}
	os.Exit(m.Run())
}

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
	shared := func(t *testing.T, n int) []state.Store {
		dir, all := t.TempDir(), make([]state.Store, n)
		for i := range all {
			all[i] = open(t, dir)
		}
		return all
	}
	storetest.RunWith(t, func(t *testing.T) state.Store { return open(t, t.TempDir()) },
		storetest.Options{Shared: shared, Hints: true})
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
