//go:build unix

package proc

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Whoever may write to a folder can put a second name of another's file, or a link, in the place of a new folder.
func TestGiveOnlyFolders(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("needs root and a user nobody")
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	dir, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "folder"), 0o755), os.Link(secret, filepath.Join(dir, "file")),
		os.Symlink(outside, filepath.Join(dir, "link")), syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	owner := func(path string) int {
		t.Helper()
		st, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		return int(st.Sys().(*syscall.Stat_t).Uid)
	}
	if err := Give(root, "folder", "nobody"); err != nil || owner(filepath.Join(dir, "folder")) != uid {
		t.Errorf("a folder: %v, owner %d", err, owner(filepath.Join(dir, "folder")))
	}
	for _, name := range []string{"file", "link", "pipe"} {
		if err := Give(root, name, "nobody"); err == nil {
			t.Errorf("a %s was given away", name)
		}
	}
	if owner(secret) != 0 || owner(outside) != 0 {
		t.Error("what is not in the folder was given away")
	}
}
