package dirstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"syscall"

	"stathub/state"
)

// inMemory is the size in bytes up to which Get reads a document at once. Larger ones are read as the caller goes on.
const inMemory = 1 << 20

// Get is state.Store's. A large Body fails with code Unavailable at its end if the file was changed in place meanwhile.
func (s *Store) Get(ctx context.Context, key string, ifNoneMatch state.ETag) (*state.Object, error) {
	root, err := s.begin(ctx, key, "read the document")
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, fi, err := openDocument(root, key)
	if err != nil {
		return nil, s.readFailure(key, err)
	}
	if etag, ok := s.hashes.lookup(key, stampOf(fi)); ok && etag == ifNoneMatch {
		f.Close()
		return nil, unchanged(key)
	}
	o, err := s.load(ctx, key, f, fi)
	if err != nil {
		f.Close()
		return nil, s.readFailure(key, err)
	}
	if o.ETag == ifNoneMatch {
		o.Body.Close()
		return nil, unchanged(key)
	}
	return o, nil
}

func unchanged(key string) error { return state.Errorf(state.NotModified, key, "unchanged") }

// load makes an Object of an open file, which it owns unless it fails.
func (s *Store) load(ctx context.Context, key string, f *os.File, fi fs.FileInfo) (*state.Object, error) {
	if fi.Size() <= inMemory {
		o, err := s.loadSmall(key, f, fi)
		if err != nil || o != nil {
			return o, err
		}
	}
	etag, err := s.etag(ctx, key, f, fi)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return &state.Object{Entry: entry(key, etag, fi), Body: verify(f, key, fi.Size(), etag)}, nil
}

// loadSmall reads a whole file, several times if it is being written in place. It gives nil if the file has grown large.
func (s *Store) loadSmall(key string, f *os.File, fi fs.FileInfo) (*state.Object, error) {
	for try := 0; ; try++ {
		if err := s.faulty("read"); err != nil {
			return nil, err
		}
		began := s.hashes.now()
		buf := bytes.NewBuffer(make([]byte, 0, fi.Size()+bytes.MinRead)) // room in which ReadFrom finds the end
		if _, err := buf.ReadFrom(io.NewSectionReader(f, 0, inMemory+1)); err != nil {
			return nil, err
		}
		if buf.Len() > inMemory {
			return nil, nil
		}
		h := newSum()
		h.Write(buf.Bytes())
		etag := etagOf(h)
		after, err := f.Stat()
		if err != nil {
			return nil, err
		}
		steady := stampOf(after) == stampOf(fi)
		if steady {
			s.hashes.remember(key, stampOf(fi), etag, began)
		}
		if steady || try == 2 {
			f.Close()
			e := entry(key, etag, after)
			e.Size = int64(buf.Len())
			return &state.Object{Entry: e, Body: io.NopCloser(buf)}, nil
		}
		fi = after
	}
}

func entry(key string, etag state.ETag, fi fs.FileInfo) state.Entry {
	return state.Entry{Key: key, ETag: etag, Size: fi.Size(), ModTime: fi.ModTime()}
}

// openDocument opens the regular file at key. Anything else there is errNoDocument, found without touching it: opening
// a device may have effects, and reading a pipe may never end.
func openDocument(root *os.Root, key string) (*os.File, fs.FileInfo, error) {
	fi, err := root.Stat(key)
	if err != nil {
		return nil, nil, err
	}
	if err := isDocument(fi); err != nil {
		return nil, nil, err
	}
	f, err := root.OpenFile(key, openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	if fi, err = f.Stat(); err == nil {
		err = isDocument(fi)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, fi, nil
}

func isDocument(fi fs.FileInfo) error {
	what := "something that is no file"
	switch mode := fi.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Errorf("there is %s in its place, %w: move it away", what, errNoDocument)
}

// absent: there is no document, as a fact. A document in the place of a folder says so too.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func (s *Store) readFailure(key string, err error) error {
	if absent(err) {
		return missing(key)
	}
	return s.failure(key, "read the document", err)
}

// verified is a large body that fails instead of ending if its bytes are not the revision that was promised.
type verified struct {
	io.Reader
	io.Closer
	key  string
	sum  hash.Hash
	want state.ETag
}

func verify(f *os.File, key string, size int64, want state.ETag) *verified {
	return &verified{Reader: io.LimitReader(f, size), Closer: f, key: key, sum: newSum(), want: want}
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.Reader.Read(p)
	v.sum.Write(p[:n])
	if err == io.EOF && etagOf(v.sum) != v.want { // cut short, or overwritten
		err = state.Errorf(state.Unavailable, v.key, "the document was changed in place while it was read; read it again")
	}
	return n, err
}
