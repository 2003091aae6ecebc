package artifact

import (
	"errors"
	"fmt"
	"os"
	"time"

	"stathub/state"
)

// racy is how old a file's time stamp must be before it vouches for the content: file systems count time in steps, so
// that two writes in a row may leave the same stamp.
const racy = 2 * time.Second

func openFile(src source, known answer) (*body, error) {
	name := localPath(src.url)
	st, err := os.Stat(name)
	if err == nil && !st.Mode().IsRegular() {
		return nil, state.Errorf(state.Invalid, "", "cannot fetch %s: it is not a regular file", src)
	}
	if err != nil {
		return nil, state.Errorf(fileCode(err), "", "cannot fetch %s: %w", src, err)
	}
	etag := fileTag(st)
	if etag == known.ETag {
		return nil, state.Errorf(state.NotModified, "", "unchanged")
	}
	f, err := os.Open(name)
	if err == nil {
		st, err = f.Stat() // of the very file that is read
	}
	if err != nil {
		_ = f.Close() // nil is fine
		return nil, state.Errorf(fileCode(err), "", "cannot fetch %s: %w", src, err)
	}
	etag = fileTag(st)
	if time.Since(st.ModTime()) < racy {
		etag = ""
	}
	return &body{ReadCloser: f, size: st.Size(), etag: etag}, nil
}

func fileTag(st os.FileInfo) string {
	return fmt.Sprintf("%d-%d", st.Size(), st.ModTime().UnixNano())
}

func fileCode(err error) state.Code {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return state.NotFound
	case errors.Is(err, os.ErrPermission):
		return state.Denied
	}
	return state.Unavailable
}
