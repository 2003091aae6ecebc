//go:build unix

package artifact

import (
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// folders gives a directory in which home belongs to nobody, and roots to root; link makes links there.
func folders(t *testing.T) (dir string, link func(owner int, name, target string) string, nobody int) {
	t.Helper()
	who, err := user.Lookup("nobody")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("needs root and a user nobody")
	}
	nobody, err = strconv.Atoi(who.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.EvalSymlinks(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"home/app", "roots/inner"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"home", "home/app"} {
		if err := os.Chown(filepath.Join(dir, name), nobody, -1); err != nil {
			t.Fatal(err)
		}
	}
	return dir, func(owner int, name, target string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Symlink(target, path), os.Lchown(path, owner, -1)); err != nil {
			t.Fatal(err)
		}
		return path
	}, nobody
}

func TestAUsersLinkLeadsToTheUsersFoldersOnly(t *testing.T) {
	dir, link, nobody := folders(t)
	for name, tc := range map[string]struct {
		path string
		want string // where it ends; empty: refused
	}{
		"no link":                        {filepath.Join(dir, "roots/inner"), "roots/inner"},
		"a user's own folder":            {filepath.Join(dir, "home/app"), "home/app"},
		"root's link":                    {link(0, "by-root", "roots/inner"), "roots/inner"},
		"root's link to a user's folder": {link(0, "by-root-home", filepath.Join(dir, "home")), "home"},
		"a user's link to their own":     {link(nobody, "home/current", "app"), "home/app"},
		"up and down again":              {link(nobody, "home/round", "../roots/../home/./app"), "home/app"},
		"a user's link to root's":        {link(nobody, "home/out", filepath.Join(dir, "roots/inner")), ""},
		"a relative one":                 {link(nobody, "home/up", "../roots"), ""},
		"in the middle":                  {filepath.Join(link(nobody, "home/middle", "../roots"), "inner"), ""},
		"by way of root's link":          {link(nobody, "home/twice", "../by-root"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := openFolder(tc.path)
			if tc.want == "" {
				if err == nil {
					root.Close()
					t.Fatal("it was followed")
				}
				if !strings.Contains(err.Error(), "is a link of user "+strconv.Itoa(nobody)) {
					t.Error(err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			got, err := root.Stat(".")
			if err != nil {
				t.Fatal(err)
			}
			if want, err := os.Stat(filepath.Join(dir, tc.want)); err != nil || !os.SameFile(got, want) {
				t.Errorf("another folder than %s: %v", tc.want, err)
			}
		})
	}
	if _, err := openFolder(link(0, "circle", "circle")); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a circle of links: %v", err)
	}
	if _, err := openFolder(filepath.Join(dir, "missing/x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
}

// The user changes a folder into a link, and back, as fast as possible: what is opened is never root's.
func TestNoRaceLeadsOutOfAUsersFolder(t *testing.T) {
	dir, link, nobody := folders(t)
	app, away, out := filepath.Join(dir, "home/app"), filepath.Join(dir, "home/away"), link(nobody, "home/out", "../roots/inner")
	roots, err := os.Stat(filepath.Join(dir, "roots/inner"))
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	defer func() { close(stop); <-done }()
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default: // each step fails or not; the next round goes on from there
				_ = os.Rename(app, away)
				_ = os.Rename(out, app)
				_ = os.Rename(app, out)
				_ = os.Rename(away, app)
			}
		}
	}()
	for range 20_000 {
		root, err := openFolder(app)
		if err != nil {
			continue
		}
		got, err := root.Stat(".")
		root.Close()
		if err != nil {
			t.Fatal(err)
		}
		if os.SameFile(got, roots) {
			t.Fatal("root's folder was opened")
		}
	}
}
