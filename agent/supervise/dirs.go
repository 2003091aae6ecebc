package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"stathub/agent/proc"
)

// makeDirs makes the working directory and the log folder, and gives the former. What it makes belongs to the app's user.
func (s *Supervisor) makeDirs(t try) (dir string, err error) {
	dir, user := t.spec.app.WorkingDirectory, t.spec.app.User
	switch {
	case filepath.IsAbs(dir):
		err = makeShared(dir, user)
	case dir == "" || filepath.IsLocal(dir):
		own := s.paths.work(t.app, t.n)
		err = makeOwn(own, dir, user)
		dir = s.paths.workDir(t.app, t.n, dir)
	default:
		return "", fmt.Errorf("cannot use workingDirectory %q: a relative one must stay inside the instance's own folder", dir)
	}
	var refused *proc.StartError
	switch {
	case errors.As(err, &refused):
		return "", err // it says what it is about
	case err != nil:
		return "", fmt.Errorf("cannot make the working directory: %w", err)
	}
	if err := os.MkdirAll(s.paths.logs(t.app, t.n), 0o750); err != nil {
		return "", fmt.Errorf("cannot make the log folder: %w", err)
	}
	return dir, nil
}

// makeShared makes an absolute directory. One that is there is used as it is: it may be anybody's.
func makeShared(dir, user string) error {
	if _, err := os.Stat(dir); user == "" || !errors.Is(err, fs.ErrNotExist) {
		return os.MkdirAll(dir, 0o755)
	}
	parent, name := filepath.Split(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(parent)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	} else if err != nil {
		return nil // another instance was faster
	}
	return proc.Give(root, name, user)
}

// makeOwn makes an instance's own folder and the directory rel in it. The user, who may write there, may have made links:
// none that leads out is followed, since the agent may be root.
func makeOwn(own, rel, user string) error {
	if user == "" {
		return os.MkdirAll(filepath.Join(own, rel), 0o755)
	}
	parent, name := filepath.Split(own)
	if err := os.MkdirAll(own, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(parent)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := proc.Give(root, name, user); err != nil {
		return err
	}
	inner, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer inner.Close()
	made := ""
	for part := range strings.SplitSeq(filepath.Clean(rel), string(filepath.Separator)) {
		if made = filepath.Join(made, part); made == "." {
			continue
		}
		err := inner.Mkdir(made, 0o755)
		switch {
		case err == nil:
			err = proc.Give(inner, made, user)
		case errors.Is(err, fs.ErrExist):
			err = nonLink(inner, made)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func nonLink(root *os.Root, name string) error {
	st, err := root.Lstat(name)
	if err == nil && st.Mode()&fs.ModeSymlink != 0 {
		err = fmt.Errorf("%s is a link: with a user of its own an app must not link its working directory", name)
	}
	return err
}
