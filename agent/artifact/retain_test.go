package artifact

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stathub/state"
)

func TestRetain(t *testing.T) {
	src := newOrigin(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("content of " + r.URL.Path)) })
	c := openCache(t, nil, Options{})
	files := map[string]File{}
	for _, name := range []string{"kept", "dropped", "changed", "pinned"} {
		uri := src.URL + "/" + name
		if name == "pinned" {
			uri += "#sha256=" + sumOf("content of /pinned")
		}
		f, err := c.Fetch(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	live, gone := t.TempDir(), filepath.Join(t.TempDir(), "gone")
	for _, dir := range []string{live, gone} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := c.Place(t.Context(), []File{files["kept"]}, dir); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.RemoveAll(gone)
	old := files["changed"]
	src.set(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("newer")) })
	if _, err := c.Fetch(t.Context(), old.URI); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Retain([]string{files["kept"].URI, files["pinned"].URI, old.URI, "not a uri"}); !ok {
		t.Fatal("nothing was done")
	}
	count := func(folder string) int {
		entries, _ := os.ReadDir(c.path(folder))
		return len(entries)
	}
	if count("content") != 3 || count("answers") != 3 || count("placed") != 1 {
		t.Errorf("left: %d contents, %d answers, %d placed", count("content"), count("answers"), count("placed"))
	}
	src.Close()
	for name, there := range map[string]bool{"kept": true, "pinned": true, "changed": true, "dropped": false} {
		f, err := c.Fetch(t.Context(), files[name].URI)
		if there != (err == nil) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func TestRetainWaitsForDownloads(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	src := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-answer
		_, _ = w.Write([]byte("x"))
	})
	c := openCache(t, nil, Options{})
	done := make(chan error, 1)
	go func() {
		_, err := c.Fetch(t.Context(), src.URL+"/a")
		done <- err
	}()
	<-asked
	if _, ok := c.Retain(nil); ok {
		t.Error("it did not wait")
	}
	close(answer)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Retain(nil); !ok {
		t.Error("it still waits")
	}
}

func TestCacheWipedInUse(t *testing.T) {
	src := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) })
	c := openCache(t, nil, Options{})
	for range 2 {
		f, err := c.Fetch(t.Context(), src.URL+"/a")
		if err == nil {
			err = c.Place(t.Context(), []File{f}, t.TempDir())
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(c.dir); err != nil {
			t.Fatal(err)
		}
	}
}

// A byte now and then is not progress.
func TestDrippingSource(t *testing.T) {
	src := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("."))
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	})
	c := openCache(t, nil, Options{IdleTimeout: 100 * time.Millisecond})
	_, err := c.Fetch(t.Context(), src.URL+"/a")
	if state.CodeOf(err) != state.Unavailable || !strings.Contains(err.Error(), "too little") {
		t.Errorf("error %v", err)
	}
}
