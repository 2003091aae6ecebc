//go:build unix

package artifact

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxLinks is how many links a path may go through, as the kernel has it (path_resolution(7)).
const maxLinks = 40

// openFolder opens the folder at dir, an absolute path. The agent, as root, writes there, so that no user may choose what
// folder that is: a link that is not root's may lead only to what its owner owns already. The path is gone along one name
// at a time, each held open, and so it does not matter what is put in its place meanwhile.
func openFolder(dir string) (*os.Root, error) {
	if os.Geteuid() != 0 {
		return os.OpenRoot(dir)
	}
	w := &walk{ahead: names(dir)}
	defer w.close()
	if err := w.restart(); err != nil {
		return nil, err
	}
	for len(w.ahead) > 0 {
		if err := w.step(); err != nil {
			return nil, err
		}
	}
	st, err := w.at.Stat(".")
	if err != nil {
		return nil, err
	}
	for _, link := range w.links {
		if link.owner != ownerOf(st) {
			return nil, fmt.Errorf("%s is a link of user %d to a folder of user %d: the agent writes nothing there; make it a folder, or the link root's",
				link.path, link.owner, ownerOf(st))
		}
	}
	root := w.at
	w.at = nil
	return root, nil
}

// walk is on its way along a path.
type walk struct {
	at     *os.Root // the folder reached; nil after it was given away
	behind []string // the names from / to at, none of them a link
	ahead  []string
	links  []link // gone through that are not root's
	turns  int    // links gone through
}

type link struct {
	path  string
	owner uint32
}

func (w *walk) close() {
	if w.at != nil {
		w.at.Close()
	}
}

// restart goes back to /, with everything ahead again.
func (w *walk) restart() error {
	root, err := os.OpenRoot("/")
	if err != nil {
		return err
	}
	w.close()
	w.at, w.ahead, w.behind = root, append(w.behind, w.ahead...), nil
	return nil
}

func (w *walk) step() error {
	name := w.ahead[0]
	w.ahead = w.ahead[1:]
	if name == ".." { // of a link's target
		w.behind = w.behind[:max(0, len(w.behind)-1)]
		return w.restart()
	}
	st, err := w.at.Lstat(name)
	if err != nil {
		return err
	}
	if st.Mode()&fs.ModeSymlink != 0 {
		return w.turn(name, ownerOf(st))
	}
	next, err := w.at.OpenRoot(name)
	if err != nil {
		return err
	}
	w.close()
	w.at, w.behind = next, append(w.behind, name)
	if now, err := next.Stat("."); err != nil || !os.SameFile(st, now) {
		return fmt.Errorf("%s was put in the place of another while it was opened", w.path())
	}
	return nil
}

// turn goes on where a link leads.
func (w *walk) turn(name string, owner uint32) error {
	path := filepath.Join(w.path(), name)
	if w.turns++; w.turns > maxLinks {
		return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
	}
	target, err := w.at.Readlink(name)
	if err != nil {
		return err
	}
	if owner != 0 {
		w.links = append(w.links, link{path, owner})
	}
	w.ahead = append(names(target), w.ahead...)
	if filepath.IsAbs(target) {
		w.behind = nil
		return w.restart()
	}
	return nil
}

func (w *walk) path() string { return "/" + strings.Join(w.behind, "/") }

// names takes a path apart.
func names(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func ownerOf(st fs.FileInfo) uint32 { return st.Sys().(*syscall.Stat_t).Uid }
