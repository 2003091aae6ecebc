//go:build unix

package dirstore_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stathub/state"
)

// editors save the document at path in their ways. Each step is checked on its own.
var editors = map[string][]func(path string) error{
	"vim": {
		func(p string) error { return os.WriteFile(swap(p, ".", ".swp"), []byte("b0VIM 9.1\x00"), 0o600) },
		func(p string) error { return os.WriteFile(filepath.Join(filepath.Dir(p), "4913"), nil, 0o600) },
		func(p string) error { return os.Remove(filepath.Join(filepath.Dir(p), "4913")) },
		func(p string) error { return os.Rename(p, p+"~") },
		func(p string) error { return os.WriteFile(p, []byte("new"), 0o644) },
		func(p string) error { return os.Remove(p + "~") },
		func(p string) error { return os.Remove(swap(p, ".", ".swp")) },
	},
	"emacs": {
		func(p string) error { return os.Symlink("me@host.1234:1", swap(p, ".#", "")) },
		func(p string) error { return os.WriteFile(swap(p, "#", "#"), []byte("ne"), 0o600) },
		func(p string) error { return os.Rename(p, p+"~") },
		func(p string) error { return os.WriteFile(p, []byte("new"), 0o644) },
		func(p string) error { return os.Remove(swap(p, ".#", "")) },
		func(p string) error { return os.Remove(swap(p, "#", "#")) },
	},
	"in place": {
		func(p string) error { return os.WriteFile(p, []byte("new"), 0o644) },
	},
	"rename over": {
		func(p string) error { return os.WriteFile(p+".tmp.123", []byte("new"), 0o644) },
		func(p string) error { return os.Rename(p+".tmp.123", p) },
	},
}

func swap(path, before, after string) string {
	return filepath.Join(filepath.Dir(path), before+filepath.Base(path)+after)
}

func TestEditors(t *testing.T) {
	for name, steps := range editors {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			etag := put(t, s, "apps/x.json", "old")
			hints := s.Watch(t.Context(), "apps/x.json")
			for i, step := range steps {
				must(t, step(filepath.Join(dir, "apps", "x.json")))
				data, _, err := state.Read(t.Context(), s, "apps/x.json", "", state.MaxDocument)
				if got := string(data); state.CodeOf(err) != state.NotFound && (err != nil || got != "old" && got != "new") {
					t.Errorf("after step %d: %q, %v", i, got, err)
				}
				listed(t, s, "") // no step makes it fail
			}
			got, now := read(t, s, "apps/x.json")
			if got != "new" || now == etag || listed(t, s, "")["apps/x.json"] != now {
				t.Errorf("document is %q, ETag %q after %q, listed %v", got, now, etag, listed(t, s, ""))
			}
			_, err := state.Write(t.Context(), s, "apps/x.json", nil, state.Condition{IfMatch: etag})
			wantCode(t, "Put over the ETag from before the edit", err, state.Stale)
			select {
			case <-hints:
			case <-time.After(10 * time.Second):
				t.Error("no hint came")
			}
		})
	}
}

func TestNoDocuments(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	s := open(t, dir)
	put(t, s, "apps/good", "text")
	must(t, os.WriteFile(outside, []byte("secret"), 0o600))
	at := func(name string) string { return filepath.Join(dir, "apps", name) }
	must(t, os.Mkdir(at("folder"), 0o755))
	must(t, syscall.Mkfifo(at("pipe"), 0o644))
	must(t, os.Symlink(outside, at("absolute")))
	must(t, os.Symlink("../../"+filepath.Base(outside), at("relative")))
	must(t, os.Symlink("itself", at("itself")))
	must(t, os.Symlink("..", at("loop")))
	must(t, os.Symlink("/dev/zero", at("zero")))
	must(t, os.WriteFile(at(`back\slash`), nil, 0o644))
	must(t, os.WriteFile(at("control\n"), nil, 0o644))
	t.Chdir(dir) // a socket's path must be short
	socket, err := net.Listen("unix", "apps/socket")
	must(t, err)
	defer socket.Close()

	if all := listed(t, s, ""); len(all) != 1 || all["apps/good"] == "" {
		t.Errorf("List gives %v, want apps/good alone", all)
	}
	for _, name := range []string{"folder", "pipe", "socket", "absolute", "relative", "itself", "loop", "zero"} {
		key := "apps/" + name
		_, err := s.Get(t.Context(), key, "")
		wantCode(t, "Get "+key, err, state.Invalid)
		for _, c := range []state.Condition{{}, {IfAbsent: true}, {IfMatch: "x"}} {
			_, err = state.Write(t.Context(), s, key, []byte("new"), c)
			wantCode(t, "Put "+key, err, state.Invalid)
		}
		wantCode(t, "Delete "+key, s.Delete(t.Context(), key, ""), state.Invalid)
		if _, err := os.Lstat(at(name)); err != nil {
			t.Errorf("%s is gone: %v", name, err)
		}
	}
	if data, err := os.ReadFile(outside); err != nil || string(data) != "secret" {
		t.Errorf("the file outside is %q, %v", data, err)
	}
	_, err = s.Get(t.Context(), "apps/folder", "")
	if err == nil || !strings.Contains(err.Error(), "a folder") {
		t.Errorf("Get of a folder says %v", err)
	}
	_, err = state.Write(t.Context(), s, "apps/good/x", nil, state.Condition{})
	wantCode(t, "Put below a document", err, state.Invalid)
	_, err = s.Get(t.Context(), "apps/good/x", "")
	wantCode(t, "Get below a document", err, state.NotFound)
	wantCode(t, "Delete below a document", s.Delete(t.Context(), "apps/good/x", ""), state.NotFound)
}

// TestLinksInside: mounted configuration comes as links to files that are swapped as a whole.
func TestLinksInside(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	etag := put(t, s, "data/1/web.json", "one")
	must(t, os.Mkdir(filepath.Join(dir, "apps"), 0o755))
	link := filepath.Join(dir, "apps", "web.json")
	must(t, os.Symlink("../data/1/web.json", link))
	if got, e := read(t, s, "apps/web.json"); got != "one" || e != etag || listed(t, s, "apps/")["apps/web.json"] != etag {
		t.Errorf("through the link: %q, ETag %q, listed %v", got, e, listed(t, s, "apps/"))
	}
	if _, err := state.Write(t.Context(), s, "apps/web.json", []byte("two"), state.Condition{IfMatch: etag}); err != nil {
		t.Error(err)
	}
	if got, _ := read(t, s, "data/1/web.json"); got != "one" {
		t.Errorf("a Put went through the link: %q", got)
	}
	must(t, os.Remove(link))
	must(t, os.Symlink("../data/none", link))
	_, err := s.Get(t.Context(), "apps/web.json", "")
	wantCode(t, "Get of a link to nothing", err, state.NotFound)
	if all := listed(t, s, "apps/"); len(all) != 0 {
		t.Errorf("a link to nothing is listed: %v", all)
	}
	if _, err := state.Write(t.Context(), s, "apps/web.json", []byte("new"), state.Condition{IfAbsent: true}); err != nil {
		t.Errorf("Put over a link to nothing: %v", err)
	}
}

func TestPermissionsStay(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "k", "old")
	must(t, os.Chmod(filepath.Join(dir, "k"), 0o640))
	put(t, s, "k", "new")
	fi, err := os.Stat(filepath.Join(dir, "k"))
	must(t, err)
	if fi.Mode().Perm() != 0o640 {
		t.Errorf("a Put changed the permissions to %v", fi.Mode())
	}
}
