package artifact

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"stathub/state"
)

// stock puts a content into the cache as if it was fetched from uri.
func stock(t *testing.T, c *Cache, uri, data string) File {
	t.Helper()
	path := c.path("content", sumOf(data))
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return File{URI: uri, ETag: sumOf(data), Path: path}
}

func mustPlace(t *testing.T, c *Cache, dir string, files ...File) {
	t.Helper()
	if err := c.Place(t.Context(), files, dir); err != nil {
		t.Fatal(err)
	}
}

// tree gives "path mode content" of everything below dir.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	all := []string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		st, err := d.Info()
		if err != nil {
			return err
		}
		line := filepath.ToSlash(rel)
		if st.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += " " + st.Mode().String() + " " + string(data)
		} else {
			line += " " + st.Mode().Type().String()
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func wantTree(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := tree(t, dir); !slices.Equal(got, want) {
		t.Fatalf("got\n%q\nwant\n%q", got, want)
	}
}

func write(t *testing.T, name, data string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPlaceModes(t *testing.T) {
	c, dir := openCache(t, nil, Options{}), t.TempDir()
	mustPlace(t, c, dir,
		stock(t, c, "http://h/x/run%20me?v=1", "#!/bin/sh\n"),
		stock(t, c, "http://h/elf", "\x7fELF..."),
		stock(t, c, "http://h/text.txt", "hello"),
		stock(t, c, "http://h/empty", ""))
	wantTree(t, dir, "elf -rwxr-xr-x \x7fELF...", "empty -rw-r--r-- ", "run me -rwxr-xr-x #!/bin/sh\n", "text.txt -rw-r--r-- hello")
}

func TestPlaceKeepsAndReplaces(t *testing.T) {
	c, dir := openCache(t, nil, Options{}), t.TempDir()
	name := filepath.Join(dir, "a")
	one, two := stock(t, c, "http://h/a", "one"), stock(t, c, "http://h/a", "two")
	mustPlace(t, c, dir, one)
	running, err := os.Open(name) // as a process that runs it does
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	before, _ := running.Stat()

	mustPlace(t, c, dir, one)
	if after, _ := os.Stat(name); !os.SameFile(before, after) {
		t.Fatal("an unchanged artifact was placed again")
	}
	mustPlace(t, c, dir, two)
	wantTree(t, dir, "a -rw-r--r-- two")
	buf := make([]byte, 3)
	if _, err := running.ReadAt(buf, 0); err != nil || string(buf) != "one" {
		t.Fatalf("the open file changed: %q, %v", buf, err)
	}

	write(t, name, "a person's")
	mustPlace(t, c, dir, two)
	wantTree(t, dir, "a -rw-r--r-- a person's")
	mustPlace(t, c, dir, one)
	wantTree(t, dir, "a -rw-r--r-- one")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	mustPlace(t, c, dir, one)
	wantTree(t, dir, "a -rw-r--r-- one")

	before, _ = os.Stat(name)
	wiped := openCache(t, nil, Options{})
	mustPlace(t, wiped, dir, stock(t, wiped, "http://h/a", "one"))
	if after, _ := os.Stat(name); !os.SameFile(before, after) {
		t.Fatal("the same content was placed again after the record was lost")
	}
}

func TestPlaceStaysInside(t *testing.T) {
	c, dir, outside := openCache(t, nil, Options{}), t.TempDir(), t.TempDir()
	victim := filepath.Join(outside, "victim")
	write(t, victim, "safe")
	if err := os.Symlink(victim, filepath.Join(dir, "a")); err != nil {
		t.Skip("no links here")
	}
	if err := os.Symlink(outside, filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	mustPlace(t, c, dir, stock(t, c, "http://h/a", "new"))
	wantTree(t, dir, "a -rw-r--r-- new", "sub L---------")
	z := stock(t, c, "http://h/z.zip", zipOf(t, member{name: "sub/victim", data: "evil"}))
	if err := c.Place(t.Context(), []File{z}, dir); err == nil {
		t.Fatal("followed a link out of the directory")
	}
	wantTree(t, outside, "victim -rw-r--r-- safe")
}

func TestPlaceRefuses(t *testing.T) {
	c, dir := openCache(t, nil, Options{}), t.TempDir()
	a, b := stock(t, c, "http://h/1/app", "one"), stock(t, c, "http://h/2/APP", "two")
	if err := c.Place(t.Context(), []File{a, b}, dir); state.CodeOf(err) != state.Invalid || !strings.Contains(err.Error(), "both") {
		t.Fatal(err)
	}
	damaged := stock(t, c, "http://h/d", "whole")
	write(t, damaged.Path, "part")
	if err := c.Place(t.Context(), []File{damaged}, dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Fatal(err)
	}
	if _, err := os.Stat(damaged.Path); err == nil {
		t.Fatal("the damaged copy is still in the cache")
	}
	if err := os.Mkdir(filepath.Join(dir, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.Place(t.Context(), []File{a}, dir); err == nil {
		t.Fatal("placed over a folder")
	}
	wantTree(t, dir, "app d---------")
	if err := c.Place(t.Context(), []File{a}, filepath.Join(dir, "missing")); err == nil {
		t.Fatal("placed nowhere")
	}
}

func TestPlaceSweepsAndShares(t *testing.T) {
	c, dir := openCache(t, nil, Options{}), t.TempDir()
	write(t, filepath.Join(dir, c.tempPrefix()+"7"), "half done by a killed agent")
	write(t, filepath.Join(dir, ".stathub-00000000-1"), "another agent's")
	files := []File{stock(t, c, "http://h/a", "one"), stock(t, c, "http://h/z.zip", zipOf(t, member{name: "b/c", data: "two"}))}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if err := c.Place(t.Context(), files, dir); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(c.places) > 0 {
		t.Error("locks are left over")
	}
	got := tree(t, dir)
	want := []string{".stathub-00000000-1", "a", "b", "b/c", "z.zip"}
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], " ")
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}
