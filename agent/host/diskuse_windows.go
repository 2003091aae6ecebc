package host

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// root walks by names: what is a link or a mount point is not entered by filepath.WalkDir. Lengths are all that this
// system tells cheaply.
func (w *walk) root(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if rel, err := filepath.Rel(dir, path); err == nil && strings.Count(rel, `\`) > maxDepth {
			return ErrDeep
		}
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		return w.add(info.Size())
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
