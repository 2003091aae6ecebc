package dirstore

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"stathub/state"
)

// errNoDocument stands for something other than a file in a document's place.
var errNoDocument = errors.New("not a document")

// failure gives a file system's error its code, and names the directory for whoever must mend it.
func (s *Store) failure(key, what string, err error) error {
	var coded *state.Error
	if errors.As(err, &coded) {
		return err
	}
	var errno syscall.Errno
	code, hint := state.Unavailable, ""
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		code, hint = state.Denied, "; give this program's user the right to it"
	case isFull(err):
		hint = "; the disk or the quota is full: make room, the old document is still there"
	case isTooBig(err):
		code = state.TooLarge
	case errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ELOOP), errors.Is(err, errNoDocument):
		code = state.Invalid
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		code, hint = state.Invalid, "; a document cannot be a folder of others"
	case errors.As(err, new(*fs.PathError)) && !errors.As(err, &errno):
		// os.Root refuses without asking the system what would lead out.
		code, hint = state.Invalid, "; a link leads out of the state directory"
	}
	return state.Errorf(code, key, "cannot %s in directory %s%s: %w", what, s.dir, hint, err)
}

func ended(ctx context.Context, key, what string) error {
	return state.Errorf(state.Unavailable, key, "cannot %s: %w", what, context.Cause(ctx))
}

func missing(key string) error { return state.Errorf(state.NotFound, key, "no such document") }

func stale(key string) error {
	return state.Errorf(state.Stale, key, "the document changed since it was read")
}
