package airgap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"stathub/state"
)

// folder reads what lies in a directory that strangers may have written to: plain files only, no links, nothing outside.
// It does not hash what it lists, as a bucket would.
type folder struct {
	dir  string
	root *os.Root
}

func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, state.Errorf(state.Invalid, "", "cannot use the folder %s (is it mounted?): %w", dir, err)
	}
	return &folder{dir, root}, nil
}

func (f *folder) close() { _ = f.root.Close() }

// store opens the folder as a bucket, to write. The caller closes it.
func (f *folder) store(ctx context.Context) (state.Store, error) {
	abs, err := filepath.Abs(f.dir)
	if err != nil {
		return nil, err
	}
	path := filepath.ToSlash(abs)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return state.Open(ctx, (&url.URL{Scheme: "file", Path: path}).String())
}

// has reports whether a plain file lies at a key.
func (f *folder) has(key string) bool {
	info, err := f.root.Lstat(key)
	return err == nil && info.Mode().IsRegular()
}

// open opens a plain file. Anything else in its place is code Invalid, nothing is code NotFound.
func (f *folder) open(key string) (*os.File, error) {
	info, err := f.root.Lstat(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, state.Errorf(state.NotFound, key, "there is no such file in %s", f.dir)
	case err == nil && !info.Mode().IsRegular():
		return nil, state.Errorf(state.Invalid, key, "this is no plain file in %s", f.dir)
	}
	var file *os.File
	if err == nil {
		file, err = f.root.Open(key)
	}
	if err == nil {
		info, err = file.Stat()
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no plain file any more")
	}
	if err != nil {
		if file != nil {
			_ = file.Close()
		}
		return nil, state.Errorf(state.Unavailable, key, "cannot read it in %s: %w", f.dir, err)
	}
	return file, nil
}

// read gives a file of at most limit bytes; a larger one is code TooLarge.
func (f *folder) read(key string, limit int64) ([]byte, error) {
	file, err := f.open(key)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, state.Errorf(state.Unavailable, key, "cannot read it in %s: %w", f.dir, err)
	}
	if int64(len(data)) > limit {
		return nil, state.Errorf(state.TooLarge, key, "it is larger than %d bytes", limit)
	}
	return data, nil
}

// maxFiles bounds what is listed: a folder with more is not one that an agent wrote.
const maxFiles = 200_000

// list gives the keys of the plain files below a prefix such as "reports/", in order. One that is not there has none.
func (f *folder) list(prefix string) ([]string, error) {
	var keys []string
	top := strings.TrimSuffix(prefix, "/")
	err := fs.WalkDir(f.root.FS(), top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path == top:
			return fs.SkipAll
		case err != nil:
			return err
		case d.Type().IsRegular() && state.CheckKey(path) == nil:
			keys = append(keys, path)
		}
		if len(keys) > maxFiles {
			return fmt.Errorf("there are more than %d files", maxFiles)
		}
		return nil
	})
	if err != nil {
		return nil, state.Errorf(state.Unavailable, "", "cannot list %s in %s: %w", prefix, f.dir, err)
	}
	return keys, nil
}
