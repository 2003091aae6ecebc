//go:build unix

package supervise

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"stathub/state"
)

// What the agent makes for an app with a user is the user's; nothing is followed out of the instance's own folder.
func TestDirsBelongToTheUser(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("needs root and a user nobody")
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	owner := func(path string) int {
		t.Helper()
		st, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		return int(st.Sys().(*syscall.Stat_t).Uid)
	}
	s, outside := &Supervisor{paths: paths{t.TempDir()}}, t.TempDir()
	dirs := func(wd string) (string, error) {
		return s.makeDirs(try{app: "a", spec: &spec{app: &state.App{WorkingDirectory: wd, User: "nobody"}}})
	}
	for _, wd := range []string{"", "b/c", filepath.Join(outside, "x", "y")} {
		dir, err := dirs(wd)
		if err != nil {
			t.Fatal(err)
		}
		if got := owner(dir); got != uid {
			t.Errorf("workingDirectory %q belongs to %d", wd, got)
		}
	}
	if got := owner(filepath.Join(outside, "x")); got != 0 {
		t.Errorf("a folder above belongs to %d", got)
	}
	if _, err := dirs(outside); err != nil || owner(outside) != 0 {
		t.Errorf("a folder that was there: %v, owner %d", err, owner(outside))
	}
	own := s.paths.work("a", 0)
	if err := os.Symlink(outside, filepath.Join(own, "link")); err != nil {
		t.Fatal(err)
	}
	for _, wd := range []string{"link", "link/new"} {
		if _, err := dirs(wd); err == nil {
			t.Errorf("workingDirectory %q was followed out", wd)
		}
	}
	if _, err := dirs("../../etc"); err == nil || !strings.Contains(err.Error(), "inside") {
		t.Errorf("an escape: %v", err)
	}
	if owner(outside) != 0 {
		t.Error("what a link leads to was given away")
	}
}

func TestAnotherUserNeedsRoot(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs an agent that is not root")
	}
	s := &Supervisor{paths: paths{t.TempDir()}}
	_, err := s.makeDirs(try{app: "a", spec: &spec{app: &state.App{User: "root"}}})
	if err == nil || !strings.Contains(err.Error(), "run the agent as root, or leave user empty") {
		t.Errorf("got %v", err)
	}
}
